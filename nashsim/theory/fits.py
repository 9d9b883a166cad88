"""Which law a recorded curve follows, and how fast, with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import NashsimError, unknown_name
from .rates import KL_FLOOR

#: Laws by name: values ~ exp(-rate x), values ~ x^-rate, values ~ a + rate log x.
LAWS = ("linear", "power", "log")
#: Shares of the records that a fit may leave out at their start.
BURN_INS = (0.0, 0.1, 0.2, 0.3, 0.5)
#: Share of the records, at their end, that laws and burn-ins are judged on.
HELD_OUT = 0.25
#: Relative rounding of a recorded value; an interval is never narrower than what it does to a slope.
ROUNDING = 1e-10


@dataclass(frozen=True)
class Fit:
    """A law fitted to a curve.

    Attributes
    ----------
    law : str
        ``"linear"``, ``"power"`` or ``"log"``.
    rate, low, high : float
        The rate in exp(-rate x), x^-rate or a + rate log x, and its interval; NaN where too few records remain.
    first, last : float
        The x between which the curve was fitted: after the burn-in, before the floor.
    error : float
        Root mean square of log(predicted/measured) on the held-out end.
    predicted : float
        What theory says the rate is at least; NaN where nothing was predicted.
    most : float
        The upper end of an interval that misses one true rate in twenty among a thousand curves, not in one: what a
        prediction over many games is held against.
    """

    law: str
    rate: float
    low: float
    high: float
    first: float
    last: float
    error: float
    predicted: float = float("nan")
    most: float = float("nan")


#: Curves among which one in twenty true rates may lie above ``Fit.most``.
MANY = 1000


def fit_rate(
    x,
    values,
    *,
    laws: Sequence[str] = LAWS,
    floor: float = KL_FLOOR,
    burn_in: float | None = None,
    confidence: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
    predicted: float = float("nan"),
) -> Fit:
    """Fit a linear rate, a power law or a log law to a curve, whichever predicts its end best.

    Each law is fitted by least squares to what comes before the last quarter of the records and judged by
    log(predicted/measured) on that quarter. The burn-in is the shortest within twice the best error, so that noise
    alone does not move it. The chosen law is refitted to everything after it. Its interval comes from a moving-block
    bootstrap of the residuals, with blocks as long as their autocorrelation asks for and Student's quantile for so
    many blocks.

    Parameters
    ----------
    x, values : array_like, shape (records,)
        Steps or queries, > 0 for the laws in log x (others are left out), and what was measured there.
    laws : sequence of str
        Those to choose from.
    floor : float
        The curve is cut where it first falls to this, or where it settles on rounding of its own.
    burn_in : float or None
        Share of the records that is left out at the start; ``None`` finds it.
    confidence : float
        Nominal coverage of the interval.
    resamples, seed : int
        Resamples of the bootstrap, and their seed.
    predicted : float
        Kept in the result.

    Returns
    -------
    Fit

    Raises
    ------
    NashsimError
        For an unknown law, or curves of different lengths.

    Examples
    --------
    >>> x = np.arange(1, 200)
    >>> found = fit_rate(x, 3 * x**-0.5)
    >>> found.law, round(found.rate, 9)
    ('power', 0.5)
    """
    for law in laws:
        if law not in LAWS:
            raise unknown_name("law", law, LAWS)
    x, values = np.asarray(x, dtype=float), np.asarray(values, dtype=float)
    if x.shape != values.shape or x.ndim != 1:
        raise NashsimError(f"values: one number a record is needed, found {values.shape} for x of {x.shape}")
    end = floor_index(values, floor)
    x, values = x[:end], values[:end]
    if set(laws) & {"power", "log"}:
        x, values = x[x > 0], values[x > 0]
    if len(x) < 8:
        nan = float("nan")
        return Fit(laws[0], nan, nan, nan, nan, nan, nan, predicted)
    candidates = BURN_INS if burn_in is None else (burn_in,)
    judged = {law: _judge(law, x, values, candidates) for law in laws}
    law = min(judged, key=lambda name: judged[name][0])
    error, start = judged[law]
    found = _fit(law, x[start:], values[start:], confidence, resamples, seed)
    return replace(found, error=error, predicted=predicted)


def fit_rows(
    x, rows: np.ndarray, predicted: float, *, laws: Sequence[str], floor: float = KL_FLOOR, **options
):
    """Return the fits of many curves over one x; a curve that leaves nothing to fit has an infinite rate.

    Parameters
    ----------
    x : ndarray, shape (records,)
    rows : ndarray, shape (curves, records)
    predicted : float
    laws, floor, **options
        As for ``fit_rate``.

    Returns
    -------
    tuple of Fit
        One a curve; where one fell below the floor with fewer than eight records above it, rate and interval are inf.
    """
    found = [fit_rate(x, row, laws=laws, floor=floor, predicted=predicted, **options) for row in rows]
    fast = float("inf")
    return tuple(
        replace(fit, rate=fast, low=fast, high=fast, most=fast)
        if np.isnan(fit.rate) and row.min() <= floor
        else fit
        for fit, row in zip(found, rows, strict=True)
    )


def floor_index(values: np.ndarray, floor: float = KL_FLOOR) -> int:
    """Return how many records come before the floating-point floor.

    The floor is ``floor`` itself, or a plateau: if the last tenth of a curve that fell by ten orders or more lies
    within a factor 100 of its least value, everything from where it first came so low is rounding.

    Parameters
    ----------
    values : ndarray, shape (records,)
    floor : float

    Examples
    --------
    >>> floor_index(np.array([1.0, 1e-8, 1e-25, 1e-25]))
    2
    """
    below = np.flatnonzero(~(values > floor))
    end = int(below[0]) if below.size else len(values)
    if end < 10:
        return end
    least = values[:end].min()
    tail = values[:end][-max(3, end // 10) :]
    if least < 1e-10 * values[:end].max() and tail.max() < 100 * least:
        end = int(np.flatnonzero(values[:end] < 100 * least)[0])
    return end


def _coordinates(law: str, x: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return abscissa, ordinate and weights of the straight line that the law is."""
    if law == "log":
        return np.log(x), values, 1 / values  # relative errors, as for the other two
    return (np.log(x) if law == "power" else x), np.log(values), np.ones_like(values)


def _line(u: np.ndarray, v: np.ndarray, w: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Return intercept, slope, and the row that gives the slope from w v: it is linear in the ordinate."""
    total = (w**2).sum()
    centre = (w**2 * u).sum() / total
    row = w * (u - centre) / (w**2 * (u - centre) ** 2).sum()
    slope = row @ (w * v)
    return (w**2 * v).sum() / total - slope * centre, slope, row


def _judge(law: str, x: np.ndarray, values: np.ndarray, candidates: Sequence[float]) -> tuple[float, int]:
    """Return the held-out error of a law, and the record after its burn-in."""
    u, v, w = _coordinates(law, x, values)
    split = len(x) - max(2, int(HELD_OUT * len(x)))
    errors, starts = [], [int(share * len(x)) for share in candidates]
    starts = [s for s in starts if split - s >= 4] or [0]
    for start in starts:
        a, b, _ = _line(u[start:split], v[start:split], w[start:split])
        told = a + b * u[split:]
        if law == "log":
            told = np.log(np.maximum(told, 1e-300))
        errors.append(float(np.sqrt(np.mean((told - np.log(values[split:])) ** 2))))
    enough = 2 * min(errors) + ROUNDING
    return next((e, s) for e, s in zip(errors, starts, strict=True) if e <= enough)


def _fit(law: str, x, values, confidence: float, resamples: int, seed: int) -> Fit:
    from scipy.stats import t as student

    u, v, w = _coordinates(law, x, values)
    a, b, row = _line(u, v, w)
    residuals = w * (v - a - b * u) * np.sqrt(len(u) / (len(u) - 2))
    length = block_length(residuals)
    blocks = -(-len(u) // length)
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    begins = rng.integers(0, len(u) - length + 1, (resamples, blocks, 1))
    drawn = residuals[(begins + np.arange(length)).reshape(resamples, -1)[:, : len(u)]]
    spread = np.sqrt(np.mean((drawn @ row) ** 2))
    rounding = ROUNDING * np.abs(row * (w * np.maximum(np.abs(v), 1.0))).sum()
    one, many = spread * student.ppf([0.5 + confidence / 2, 1 - 0.025 / MANY], max(blocks - 2, 1)) + rounding
    rate = float(b if law == "log" else -b)
    ends = float(rate - one), float(rate + one)
    return Fit(law, rate, *ends, float(x[0]), float(x[-1]), 0.0, most=float(rate + many))


def block_length(residuals: np.ndarray) -> int:
    """Return the length of bootstrap blocks, 2 (6 n r^2/(1 - r^2)^2)^(1/3) for autocorrelation r.

    Twice the optimum for the mean squared error of a variance under AR(1) noise, Andrews, Econometrica 59 (1991)
    [recalled]: blocks cut correlations short, and for an interval too narrow is worse than too variable.

    Parameters
    ----------
    residuals : ndarray, shape (records,)
    """
    n, power = len(residuals), (residuals**2).sum()
    if not power > 0:
        return 1
    r = float(residuals[1:] @ residuals[:-1] / power)
    # the fit of two numbers draws it down by about 4/n [derived]
    r = min(max(r + 4 / n, 0.0), 0.97)
    return int(np.clip(np.ceil(2 * (6 * r**2 / (1 - r**2) ** 2 * n) ** (1 / 3)), 1, max(1, n // 5)))
