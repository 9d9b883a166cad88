"""Bradley-Terry preferences and mixtures of them, held by their rewards: K n numbers for n^2 preferences."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ..errors import NashsimError
from .blocks import BlockPreference
from .interpolation import LogisticSeries, series_degree
from .low_rank import LowRankPreference

# A product takes the series where it is much the cheaper and sure to be exact to 2e-14; below, the matrix is.
_SERIES_FROM = 2000
_MOST_DEGREES = 128
# Factors are worth their memory up to here.
_MOST_FACTORS = 256


def check_annotators(rewards, weights=None) -> tuple[np.ndarray, np.ndarray]:
    """Return rewards, shape (annotators, actions), and shares, uniform by default; raise NashsimError for bad ones."""
    rewards = np.array(rewards, dtype=float)
    if rewards.ndim != 2 or rewards.size == 0 or not np.isfinite(rewards).all():
        raise NashsimError(
            f"rewards: a finite matrix (annotators, actions) is needed, found shape {rewards.shape}"
        )
    return rewards, check_shares("weights", weights, len(rewards))


def check_shares(argument: str, shares, count: int) -> np.ndarray:
    """Return ``count`` shares >= 0 with sum 1, uniform where None are given; raise NashsimError for others."""
    shares = np.full(count, 1 / count) if shares is None else np.array(shares, dtype=float)
    if shares.shape != (count,) or not (shares >= 0).all() or abs(shares.sum() - 1) > 1e-9:
        raise NashsimError(f"{argument}: {count} shares >= 0 with sum 1 are needed, found {shares.tolist()}")
    return shares


class AnnotatorPreference(BlockPreference):
    """P(y ≻ y') = sum_k w_k sigma(r_k(y) - r_k(y')): annotators who are each transitive, together perhaps not.

    A = P - 1/2 = sum_k w_k tanh((r_k(y) - r_k(y'))/2)/2 is formed some rows at a time, in
    O(annotators x actions^2) and bounded memory [derived]. From 2000 actions on :meth:`margin` sums a Chebyshev
    series instead, in O(annotators x actions x degree), unless an annotator's rewards range over more than 20; it
    is within 2e-14 of the exact payoff. Exact equilibria are certified on A itself in any case.

    Parameters
    ----------
    rewards : array_like, shape (annotators, actions)
    weights : array_like or None, shape (annotators,)
        Shares that sum to 1; ``None`` is uniform.

    Attributes
    ----------
    rewards : ndarray, shape (annotators, actions)
    weights : ndarray, shape (annotators,)

    Raises
    ------
    NashsimError
        If rewards are not a finite matrix, or weights not one share an annotator.

    Examples
    --------
    >>> condorcet = AnnotatorPreference([[2, 1, 0], [0, 2, 1], [1, 0, 2]])
    >>> condorcet.margin(np.full((1, 3), 1 / 3)).round(12) + 0.0
    array([[0., 0., 0.]])
    """

    def __init__(self, rewards, weights=None):
        rewards, shares = check_annotators(rewards, weights)
        rewards = np.ascontiguousarray(rewards)
        rewards.flags.writeable = shares.flags.writeable = False
        self.rewards, self.weights, self.actions = rewards, shares, rewards.shape[1]

    @cached_property
    def series(self) -> list[LogisticSeries] | None:
        """The series of every annotator that :meth:`margin` sums; ``None`` where it takes the matrix by rows."""
        if self.actions < _SERIES_FROM or self._degree > _MOST_DEGREES:
            return None
        return [LogisticSeries(reward) for reward in self.rewards]

    @property
    def _degree(self) -> int:
        return series_degree(np.ptp(self.rewards, axis=1).max())

    def margin(self, policy: np.ndarray) -> np.ndarray:
        if self.series is None:
            return super().margin(policy)
        pairs = zip(self.weights, self.series, strict=True)
        return sum(weight * series.margin(policy[0]) for weight, series in pairs)[None]

    def low_rank(self) -> LowRankPreference:
        """Return the same preference to rounding as a low rank, for games too large for actions^2 of anything.

        The rank is about 11 an annotator for rewards of range 4, and 41 for 20; the result's ``perturbation`` bounds
        the change of any entry (1e-15 and 2e-14).

        Returns
        -------
        LowRankPreference

        Raises
        ------
        NashsimError
            If an annotator's rewards range so widely, beyond 40, that it would not pay.

        Examples
        --------
        >>> low = AnnotatorPreference([[2, 1, 0], [0, 2, 1]]).low_rank()
        >>> low.margin(np.array([[0.0, 1.0, 0.0]])).round(9), low.perturbation < 1e-15
        (array([[-0.07486925,  0.        , -0.23105858]]), True)
        """
        if self._degree > _MOST_FACTORS:
            width = np.ptp(self.rewards, axis=1).max()
            raise NashsimError(
                f"rewards: a low rank needs rewards of range 40 at most, found {width:g}; use the preference as it is"
            )
        series = [LogisticSeries(reward) for reward in self.rewards]
        factors = [s.factors() for s in series]
        left = np.concatenate([w * u for w, (u, _) in zip(self.weights, factors, strict=True)], axis=1)
        right = np.concatenate([v for _, v in factors], axis=1)
        return LowRankPreference.approximating(
            left, right, float(sum(self.weights * [s.error for s in series]))
        )

    def rows(self, first: int, last: int) -> np.ndarray:
        block = np.zeros((last - first, self.actions))
        for weight, reward in zip(self.weights, self.rewards, strict=True):
            # tanh is odd to the last bit, so that A is skew to the last bit.
            half = 0.5 * reward
            margin = np.subtract.outer(half[first:last], half)
            np.tanh(margin, out=margin)
            margin *= 0.5 * weight
            block += margin
        # Shares may sum to 1 + 1e-9.
        return np.clip(block, -0.5, 0.5, out=block)

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return rewards and weights."""
        return (self.rewards, self.weights)

    def __repr__(self) -> str:
        return f"AnnotatorPreference(actions={self.actions}, annotators={len(self.rewards)})"


class BradleyTerryPreference(AnnotatorPreference):
    """P(y ≻ y') = sigma(r(y) - r(y')), the preferences of one reward (Bradley and Terry 1952).

    Parameters
    ----------
    rewards : array_like, shape (actions,)

    Raises
    ------
    NashsimError
        If rewards are not a finite vector.

    Examples
    --------
    >>> BradleyTerryPreference([np.log(3), 0.0]).margin(np.array([[0.0, 1.0]])).round(12)
    array([[0.25, 0.  ]])
    """

    def __init__(self, rewards):
        rewards = np.asarray(rewards, dtype=np.float64)
        if rewards.ndim != 1 or rewards.size == 0 or not np.isfinite(rewards).all():
            raise NashsimError(
                f"rewards: a finite vector (actions,) is needed, found shape {rewards.shape}"
                + ("" if rewards.ndim == 1 else " (several annotators: AnnotatorPreference)")
            )
        super().__init__(rewards[None])

    def __repr__(self) -> str:
        return f"BradleyTerryPreference(actions={self.actions})"
