"""Growth laws of regret: the power of T, slopes against log T and sqrt T, the exponential in 1/tau."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..errors import NashsimError

#: Probability that an interval is meant to cover.
CONFIDENCE = 0.95
#: Resamples of the seeds.
RESAMPLES = 2000
#: Laws of T that a curve is held against.
LAWS = {"log": np.log, "root": np.sqrt}


class Estimate(NamedTuple):
    """A number with its bootstrap interval; NaN where it cannot be had (one seed has no interval)."""

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


def mean_band(
    values, confidence: float = CONFIDENCE, resamples: int = RESAMPLES
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean over seeds and the percentile bootstrap interval of that mean.

    Percentiles of resampled means stay within the data's range, where Student's t would let a skew regret go
    below 0. With one seed there is no interval: NaN.

    Parameters
    ----------
    values : array_like, shape (seeds, ...)
    confidence : float
    resamples : int

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
    >>> bool(low < mean < high), float(mean)
    (True, 2.0)
    """
    values = np.asarray(values, float)
    if values.ndim == 0 or len(values) == 0:
        raise NashsimError(f"values: shape (seeds, ...) is needed, found {values.shape}")
    mean = values.mean(axis=0)
    if len(values) < 2:
        return mean, np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    means = np.tensordot(_resampled(len(values), resamples), values, axes=1)
    low, high = np.quantile(means, _tails(confidence), axis=0)
    return mean, low, high


def power_of_rounds(
    rounds,
    values,
    decades: float = 2.0,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Return p of mean regret ~ T^p: least squares on log-log over the last decades, bootstrap over seeds.

    Parameters
    ----------
    rounds : array_like, shape (records,)
        Rounds on a logarithmic grid, so that every decade weighs the same.
    values : array_like, shape (seeds, records)
        Cumulative regret.
    decades : float
        The fit takes rounds >= T / 10^decades.
    confidence : float
    resamples : int

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
    return _slope(np.log(rounds[late]), values[:, late], True, confidence, resamples)


def law_of_rounds(
    rounds,
    values,
    law: str,
    since: float = 0.0,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
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
    resamples : int

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
    slope = _slope(x, values[:, late], False, confidence, resamples)
    intercept = float(mean.mean() - slope.value * x.mean())
    left, spread = mean - intercept - slope.value * x, mean - mean.mean()
    explained = 1 - float(left @ left) / float(spread @ spread) if spread.any() else float("nan")
    return LawFit(slope, intercept, explained)


def slope_in_inverse_tau(
    taus, regrets, confidence: float = CONFIDENCE, resamples: int = RESAMPLES
) -> Estimate:
    """Return a of mean regret ~ e^{a/tau}: least squares of its logarithm on 1/tau, bootstrap over seeds.

    Parameters
    ----------
    taus : array_like, shape (taus,)
        Two different values at least.
    regrets : array_like, shape (seeds, taus)
        Cumulative regret at the end, above 0 in the mean.
    confidence : float
    resamples : int

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
    return _slope(1 / taus, regrets, True, confidence, resamples)


def _curves(x, values) -> tuple[np.ndarray, np.ndarray]:
    x, values = np.asarray(x, float), np.asarray(values, float)
    if x.ndim != 1 or values.ndim != 2 or values.shape[1] != len(x) or values.shape[0] == 0:
        raise NashsimError(f"values: shape (seeds, {len(np.atleast_1d(x))}) is needed, found {values.shape}")
    return x, values


def _slope(x: np.ndarray, values: np.ndarray, log: bool, confidence: float, resamples: int) -> Estimate:
    """Return the least-squares slope of (the logarithm of) the mean over seeds on x."""
    centred = x - x.mean()
    projector = centred / (centred @ centred)
    scale = np.log if log else np.asarray
    slope = float(scale(values.mean(axis=0)) @ projector)
    if len(values) < 2:
        return Estimate(slope, float("nan"), float("nan"))
    means = _resampled(len(values), resamples) @ values
    # A resample of seeds that were charged nothing has no logarithm, and no say.
    means = means[(means > 0).all(axis=1)] if log else means
    low, high = np.quantile(scale(means) @ projector, _tails(confidence)) if len(means) else (np.nan, np.nan)
    return Estimate(slope, float(low), float(high))


def _resampled(seeds: int, resamples: int) -> np.ndarray:
    """Return the weights of seeds in resampled means, shape (resamples, seeds); always the same draws."""
    return np.random.default_rng(0).multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds


def _tails(confidence: float) -> tuple[float, float]:
    if not 0 < confidence < 1:
        raise NashsimError(f"confidence: a number between 0 and 1 is needed, found {confidence!r}")
    return (1 - confidence) / 2, (1 + confidence) / 2
