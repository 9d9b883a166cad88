"""The mean strength of preference of a crowd, from one choice and its time from each of many people."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...errors import NashsimError
from ..response_times import check_boundary

# Below, the series for small times is summed, above that for large; both converge everywhere.
_MEET = 0.4
_SMALL = np.arange(4)
_LARGE = np.arange(1, 13)


class MeanDrift(NamedTuple):
    """An estimate of a mean drift.

    Attributes
    ----------
    estimate : float
        Unbiased estimate of the mean drift.
    standard_error : float
        Its standard error, from the sample's variance; NaN for one duel.
    """

    estimate: float
    standard_error: float


def mean_drift(choices, times, boundary: float, non_decision: float = 0.0) -> MeanDrift:
    """Return the mean of v over people, each of drift v of their own, from one choice and its time from each.

    The mean of g(c, t) = (c/a) p_B(t)/p_0(t), p_0 the density of the first passage of a Brownian motion through ±a
    and p_B that of a three-dimensional Bessel process through a: E g = v for every v, so a mean over people is
    unbiased for their mean drift, which choices alone cannot give [derived].

    Parameters
    ----------
    choices : array_like of bool, 0 and 1 or ±1, shape (duels,)
        True or 1 where the first was chosen.
    times : array_like, shape (duels,)
        Response times.
    boundary : float
        a > 0, in the units of the times.
    non_decision : float
        Part of every time, >= 0, that is no diffusion: reading and pressing the key.

    Returns
    -------
    MeanDrift

    Raises
    ------
    NashsimError
        For choices of another kind, times that are not above ``non_decision``, or lengths that differ.

    Examples
    --------
    >>> mean_drift([True, False, True], [0.5, 2.0, 1.0], boundary=1.0).estimate.__round__(4)
    0.386
    """
    scores = drift_scores(choices, times, boundary, non_decision)
    if not len(scores):
        raise NashsimError("choices: at least one duel is needed, found none")
    error = float(np.std(scores, ddof=1) / np.sqrt(len(scores))) if len(scores) > 1 else float("nan")
    return MeanDrift(float(scores.mean()), error)


def drift_scores(choices, times, boundary: float, non_decision: float = 0.0) -> np.ndarray:
    """Return g(c, t) of every duel, shape (duels,); see :func:`mean_drift`, whose arguments these are.

    Parameters
    ----------
    choices, times, boundary, non_decision
        As for :func:`mean_drift`.

    Raises
    ------
    NashsimError
        As for :func:`mean_drift`.
    """
    boundary = check_boundary(boundary)
    if not (np.isfinite(non_decision) and non_decision >= 0):
        raise NashsimError(f"non_decision: a finite time >= 0 is needed, found {non_decision!r}")
    chosen = np.atleast_1d(np.asarray(choices))
    if not any(np.isin(chosen, pair).all() for pair in ((0, 1), (-1, 1))):
        found = ", ".join(map(str, np.unique(chosen)[:4]))
        raise NashsimError(f"choices: True and False, 1 and 0, or +1 and -1, are needed, found {found}")
    signs = np.where(chosen == 1, 1.0, -1.0)
    try:
        spent = np.atleast_1d(np.asarray(times, dtype=float)) - non_decision
    except (TypeError, ValueError):
        raise NashsimError(f"times: numbers are needed, found {times!r:.60}") from None
    if spent.shape != signs.shape or spent.ndim != 1:
        raise NashsimError(
            f"choices, times: one time a choice is needed, shape (duels,), found {signs.shape} and {spent.shape}"
        )
    bad = spent[~(np.isfinite(spent) & (spent > 0))]
    if bad.size:
        raise NashsimError(
            f"times: every time must be above non_decision = {non_decision:g}, found {bad[0] + non_decision:g};"
            " take out such trials, or give a smaller non_decision"
        )
    return signs / boundary * _ratio(spent / boundary**2)


def _ratio(time: np.ndarray) -> np.ndarray:
    """Return p_B/p_0 at a = 1.

    Small times: sum ((2k+1)^2/t - 1) e_k over sum (-1)^k (2k+1) e_k, e_k = exp(-((2k+1)^2 - 1)/(2t)); large times:
    2 pi sum (-1)^(k+1) k^2 exp(-k^2 pi^2 t/2) over sum (-1)^k (2k+1) exp(-(2k+1)^2 pi^2 t/8).
    """
    early, late = np.minimum(time, _MEET)[:, None], np.maximum(time, _MEET)[:, None]
    odd = 2 * _SMALL + 1
    terms = np.exp((1 - odd**2) / (2 * early))
    small = (terms * (odd**2 / early - 1)).sum(axis=1) / (terms * odd * (-1.0) ** _SMALL).sum(axis=1)
    # both series lose exp(-pi^2 t/8), so that no time is too long
    upper = (-1.0) ** (_LARGE + 1) * _LARGE**2 * np.exp(-(4 * _LARGE**2 - 1) * np.pi**2 * late / 8)
    odd = 2 * _LARGE - 1
    lower = (-1.0) ** (_LARGE - 1) * odd * np.exp(-(odd**2 - 1) * np.pi**2 * late / 8)
    large = 2 * np.pi * upper.sum(axis=1) / lower.sum(axis=1)
    return np.where(time < _MEET, small, large)
