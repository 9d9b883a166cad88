"""Response lengths, and win rates with length taken out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nashsim.errors import NashsimError

from .divergence import standard_error


@dataclass(frozen=True)
class LengthAdjusted:
    """A win rate as it would be at equal length.

    Attributes
    ----------
    rate, low, high : float
        Win rate sigma(theta) and the ends of its interval; NaN where length and quality cannot be told apart.
    raw : float
        Win rate as it is.
    slope : float
        Log-odds phi for one standard deviation of the length difference.
    status : str
        Sentence on the fit.
    """

    rate: float
    low: float
    high: float
    raw: float
    slope: float
    status: str


def length_statistics(lengths, ended=None) -> dict[str, float]:
    """Return mean, standard error, median, 5% and 95% quantiles of lengths, and the share that was cut off.

    Parameters
    ----------
    lengths : array_like, shape (responses,) or (prompts, samples)
        Tokens of each response.
    ended : array_like of bool or None
        Whether each response ended by itself.

    Examples
    --------
    >>> length_statistics([1, 2, 3, 10], [True, True, True, False])["cut_off"]
    0.25
    """
    lengths = np.asarray(lengths, float)
    if not lengths.size:
        raise NashsimError("lengths: at least one response is needed, found none")
    low, middle, high = np.percentile(lengths, [5, 50, 95])
    found = {
        "mean": float(lengths.mean()),
        "error": standard_error(lengths) if lengths.size > 1 else float("nan"),
        "median": float(middle),
        "low": float(low),
        "high": float(high),
    }
    if ended is not None:
        found["cut_off"] = float(1 - np.mean(np.asarray(ended, bool)))
    return found


def length_adjusted(outcomes, first, second, *, groups=None, confidence: float = 0.95) -> LengthAdjusted:
    """Fit P(a ≻ b) = sigma(theta + phi d), d = (|a| - |b|)/sd(|a| - |b|), and return sigma(theta).

    Logistic regression with Firth's penalty (half the log-determinant of the information), so that a player who always
    wins has a finite fit [recalled]; intervals by the clustered sandwich and the delta method on theta.

    Parameters
    ----------
    outcomes : array_like, shape (comparisons,)
        Outcomes: 1 where a won, 0 where b, a judge's P(a ≻ b) in between.
    first, second : array_like, shape (comparisons,)
        Lengths of a and b.
    groups : array_like of int or None, shape (comparisons,)
        Prompt of each comparison: those of one prompt are not independent. ``None`` takes all for independent.
    confidence : float
        Nominal coverage, in (0, 1).

    Raises
    ------
    NashsimError
        For shapes that differ, fewer than three comparisons, or outcomes outside [0, 1].

    Examples
    --------
    >>> round(length_adjusted([1, 1, 1, 0, 0, 0], [3, 4, 5, 1, 2, 2], [2, 2, 2, 4, 4, 3]).raw, 3)
    0.5
    """
    from scipy.optimize import minimize
    from scipy.special import expit
    from scipy.stats import norm

    y, gap = np.asarray(outcomes, float), np.asarray(first, float) - np.asarray(second, float)
    if y.ndim != 1 or y.shape != gap.shape or len(y) < 3 or not ((y >= 0) & (y <= 1)).all():
        raise NashsimError(
            f"outcomes: probabilities of three comparisons at least, one a length, are needed, found shapes {y.shape}"
            f" and {gap.shape}"
        )
    if not 0 < confidence < 1:
        raise NashsimError(f"confidence: a number between 0 and 1 is needed, found {confidence}")
    raw, spread = float(y.mean()), gap.std()
    if not spread > 0:
        nan = float("nan")
        status = "length and quality cannot be told apart: the length difference is the same everywhere"
        return LengthAdjusted(nan, nan, nan, raw, nan, status)
    x = np.column_stack([np.ones(len(y)), gap / spread])

    def information(weights):
        p = expit(x @ weights)
        return (x * (p * (1 - p))[:, None]).T @ x

    def objective(weights):
        z = x @ weights
        sign, logdet = np.linalg.slogdet(information(weights))
        return np.inf if sign <= 0 else -(y @ z - np.logaddexp(0, z).sum()) - logdet / 2

    fit = minimize(objective, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12})
    theta, slope = fit.x
    scores = x * (y - expit(x @ fit.x))[:, None]
    if groups is not None:
        _, place = np.unique(np.asarray(groups), return_inverse=True)
        clustered = np.zeros((place.max() + 1, 2))
        np.add.at(clustered, place, scores)
        scores = clustered
    bread = np.linalg.inv(information(fit.x))
    count = len(scores)
    error = np.sqrt((bread @ (scores.T @ scores) @ bread)[0, 0] * count / max(count - 1, 1))
    reach = norm.ppf(0.5 + confidence / 2) * error
    low, rate, high = (float(expit(theta + shift)) for shift in (-reach, 0.0, reach))
    return LengthAdjusted(
        rate, low, high, raw, float(slope), f"fitted on {len(y)} comparisons, {count} groups"
    )
