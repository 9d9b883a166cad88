"""Growth laws of regret: the power of T, slopes against log T and sqrt T, the exponential in 1/tau."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..errors import NashsimError

#: Probability that an interval is meant to cover.
CONFIDENCE = 0.95
#: Laws of T that a curve is held against.
LAWS = {"log": np.log, "root": np.sqrt}


class Estimate(NamedTuple):
    """A number with its interval over seeds; NaN where it cannot be had (one seed has no interval)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class LawFit:
    """Least squares of mean regret = intercept + slope law(T).

    Attributes
    ----------
    slope : Estimate
    intercept : float
    r_squared : float
        Share of the mean curve's variance that the law explains, in [0, 1].
    """

    slope: Estimate
    intercept: float
    r_squared: float


def mean_band(values, confidence: float = CONFIDENCE, least: float = -np.inf) -> tuple[np.ndarray, ...]:
    """Return the mean over seeds and its interval by Student's t, mean ± t_{n-1} s/sqrt(n).

    Exact for normal values at any number of seeds n >= 2; with one seed there is no interval: NaN. Percentiles of
    a bootstrap cover 75% at n = 3 and 92% at n = 12 where they promise 95%.

    Parameters
    ----------
    values : array_like, shape (seeds, ...)
        One number, or one array of them, a seed.
    confidence : float
        Nominal coverage, in (0, 1).
    least : float
        The least that the mean can be, 0 for a regret: an end below it is put there.

    Returns
    -------
    mean, low, high : ndarray, shape (...)

    Raises
    ------
    NashsimError
        Without a seed.

    Examples
    --------
    >>> mean, low, high = mean_band([1.0, 2.0, 3.0])
    >>> float(mean), round(float(low), 3), round(float(high), 3)
    (2.0, -0.484, 4.484)
    """
    values = np.asarray(values, float)
    if values.ndim == 0 or len(values) == 0:
        raise NashsimError(f"values: shape (seeds, ...) is needed, found {values.shape}")
    mean = values.mean(axis=0)
    width = _quantile(len(values), confidence) * _spread(values) / np.sqrt(len(values))
    return mean, np.maximum(mean - width, least), mean + width


def power_of_rounds(
    rounds,
    values,
    decades: float = 2.0,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Return p of mean regret ~ T^p: least squares on log-log over the last decades, interval by jackknife over seeds.

    Parameters
    ----------
    rounds : array_like, shape (records,)
        Rounds on a logarithmic grid, so that every decade weighs the same.
    values : array_like, shape (seeds, records)
        Cumulative regret.
    decades : float
        The fit takes rounds >= T / 10^decades.
    confidence : float

    Returns
    -------
    Estimate
        NaN where fewer than three of those records have a regret above 0.

    Examples
    --------
    >>> import numpy as np
    >>> rounds = np.geomspace(1, 1e4, 50)
    >>> round(power_of_rounds(rounds, [3 * rounds**0.5, 4 * rounds**0.5]).value, 12)
    0.5
    """
    rounds, values = _curves(rounds, values)
    # A hair of room: the record at the edge belongs to the decade.
    late = (rounds >= rounds[-1] / 10**decades * (1 - 1e-9)) & (values.mean(axis=0) > 0)
    if late.sum() < 3:
        return Estimate(*3 * (float("nan"),))
    return _slope(np.log(rounds[late]), values[:, late], True, confidence)


def law_of_rounds(
    rounds,
    values,
    law: str,
    since: float = 0.0,
    confidence: float = CONFIDENCE,
) -> LawFit:
    """Return the least-squares fit of mean regret against log T or sqrt T.

    Parameters
    ----------
    rounds : array_like, shape (records,)
    values : array_like, shape (seeds, records)
    law : "log" or "root"
    since : float
        The fit takes rounds >= since.
    confidence : float

    Raises
    ------
    NashsimError
        For an unknown law, or fewer than three records to fit.

    Examples
    --------
    >>> import numpy as np
    >>> rounds = np.geomspace(1, 1e4, 50)
    >>> fit = law_of_rounds(rounds, [5 * np.log(rounds) + 2], "log")
    >>> round(fit.slope.value, 9), round(fit.intercept, 9), round(fit.r_squared, 9)
    (5.0, 2.0, 1.0)
    """
    if law not in LAWS:
        raise NashsimError(f"law: one of {', '.join(LAWS)} is needed, found {law!r}")
    rounds, values = _curves(rounds, values)
    late = rounds >= since
    if late.sum() < 3:
        raise NashsimError(f"since: three records or more are needed, found {late.sum()} from {since:g} on")
    x, mean = LAWS[law](rounds[late]), values[:, late].mean(axis=0)
    slope = _slope(x, values[:, late], False, confidence)
    intercept = float(mean.mean() - slope.value * x.mean())
    left, spread = mean - intercept - slope.value * x, mean - mean.mean()
    explained = 1 - float(left @ left) / float(spread @ spread) if spread.any() else float("nan")
    return LawFit(slope, intercept, explained)


def slope_in_inverse_tau(taus, regrets, confidence: float = CONFIDENCE) -> Estimate:
    """Return a of mean regret ~ e^{a/tau}: least squares of its logarithm on 1/tau, interval by jackknife over seeds.

    Parameters
    ----------
    taus : array_like, shape (taus,)
        Two different values at least.
    regrets : array_like, shape (seeds, taus)
        Cumulative regret at the end, above 0 in the mean.
    confidence : float

    Raises
    ------
    NashsimError
        For fewer than two taus, taus that are not above 0, or a mean regret that is not.

    Examples
    --------
    >>> import numpy as np
    >>> taus = np.array([0.1, 0.05, 0.04])
    >>> round(slope_in_inverse_tau(taus, [2 * np.exp(0.25 / taus)]).value, 12)
    0.25
    """
    taus, regrets = _curves(taus, regrets)
    if len(np.unique(taus)) < 2 or not (taus > 0).all():
        raise NashsimError(f"taus: at least two different ones > 0 are needed, found {taus.tolist()}")
    if not (regrets.mean(axis=0) > 0).all():
        raise NashsimError("regrets: a mean above 0 is needed at every tau, to take its logarithm")
    return _slope(1 / taus, regrets, True, confidence)


def _curves(x, values) -> tuple[np.ndarray, np.ndarray]:
    x, values = np.asarray(x, float), np.asarray(values, float)
    if x.ndim != 1 or values.ndim != 2 or values.shape[1] != len(x) or values.shape[0] == 0:
        raise NashsimError(f"values: shape (seeds, {len(np.atleast_1d(x))}) is needed, found {values.shape}")
    return x, values


def _slope(x: np.ndarray, values: np.ndarray, log: bool, confidence: float) -> Estimate:
    """Return the least-squares slope of (the logarithm of) the mean over seeds on x, with its interval.

    Student's t on the pseudo-values n f(all) - (n - 1) f(all but one) of the jackknife, which for the mean itself are
    the seeds' own slopes.
    """
    centred = x - x.mean()
    projector = centred / (centred @ centred)
    seeds, total = len(values), values.sum(axis=0)
    scale = np.log if log else np.asarray
    slope = float(scale(total / seeds) @ projector)
    without = (total - values) / max(seeds - 1, 1)
    if seeds < 2 or (log and not (without > 0).all()):
        # One seed has no interval; nor has a law that rests on one seed's being charged at all.
        return Estimate(slope, float("nan"), float("nan"))
    pseudo = seeds * slope - (seeds - 1) * (scale(without) @ projector)
    width = _quantile(seeds, confidence) * float(_spread(pseudo)) / np.sqrt(seeds)
    return Estimate(slope, slope - width, slope + width)


def _quantile(seeds: int, confidence: float) -> float:
    """The quantile of Student's t with seeds - 1 degrees of freedom; NaN for one seed."""
    from scipy.special import stdtrit

    if not 0 < confidence < 1:
        raise NashsimError(f"confidence: a number between 0 and 1 is needed, found {confidence!r}")
    return float(stdtrit(seeds - 1, (1 + confidence) / 2)) if seeds > 1 else float("nan")


def _spread(values: np.ndarray) -> np.ndarray:
    return values.std(axis=0, ddof=1) if len(values) > 1 else np.full(values.shape[1:], np.nan)
