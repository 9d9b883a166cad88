"""What Newton's method asks of a game, whatever its storage: A pi, A pi to the last digit, a Newton step.

One system per way of solving: dense by LU, factored by Woodbury, blocks by conjugate gradients.
``systems_of`` chooses by the storage's type.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from ..logspace import log_normalise
from ..preferences import AnnotatorPreference, BlockPreference, DensePreference, LowRankPreference, Preference
from .factored import FactoredSystem
from .krylov import KrylovSystem
from .products import ROWS, accurate_margin, split_product, split_vector

# Up to here LU on the matrix, of 2 MB at most, is no slower than products alone (measured, tau = 1e-3).
_SMALL = 500
# Below this tau products alone take hundreds an action of the support; up to so many actions a matrix is then held.
_SHARP, _MOST_HELD = 1e-3, 4096
# What the columns of the Jacobian that a step does without may leave of the mismatch, as a share of the step.
_UNFELT = 1e-9
# From here on a payoff to the last digit from n^2 logistic functions takes minutes.
_HUGE = 20_000


class System(Protocol):
    """The payoff of one game and the linear systems of Newton's method on theta = log mu + A softmax(theta)/tau."""

    def margin(self, policy: np.ndarray) -> np.ndarray:
        """Return A pi in float64; policy and result have shape (actions,)."""

    def accurate_margin(self, policy: np.ndarray) -> np.ndarray:
        """Return A pi to the last digit, shape (actions,)."""

    def newton_step(
        self, policy: np.ndarray, payoff: np.ndarray, mismatch: np.ndarray, sharpness: float
    ) -> np.ndarray:
        """Return x with (I - sharpness A (diag pi - pi pi^T)) x = mismatch, NaN where float64 has none."""

    def restrict(self, support: np.ndarray) -> System:
        """Return the system of the actions in ``support``, bool of shape (actions,)."""


class DenseSystem:
    """A held as a matrix; a Newton step by LU in O(n^3), of more than 500 actions on those whose mass it can feel.

    Parameters
    ----------
    skew : ndarray, shape (actions, actions)
        A = P - 1/2.
    """

    def __init__(self, skew: np.ndarray):
        self._skew = skew

    def margin(self, policy: np.ndarray) -> np.ndarray:
        """Return A pi in float64; policy and result have shape (actions,)."""
        return self._skew @ policy

    def accurate_margin(self, policy: np.ndarray) -> np.ndarray:
        """Return A pi to the last digit, shape (actions,)."""
        return accurate_margin(self._skew, policy)

    def double_margin(self, high: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return A pi of a policy in two floats, in two floats, to n^2 2^-79; all of shape (actions,)."""
        vector = split_vector(high, low)
        rows = range(0, len(high), ROWS)
        parts = [split_product(self._skew[first : first + ROWS], 0.5, vector) for first in rows]
        exact, rest = (np.concatenate(part) for part in zip(*parts, strict=True))
        return exact, rest

    def newton_step(
        self, policy: np.ndarray, payoff: np.ndarray, mismatch: np.ndarray, sharpness: float
    ) -> np.ndarray:
        """Return x with (I - sharpness A (diag pi - pi pi^T)) x = mismatch, NaN where float64 has none."""
        felt = self._felt(policy, sharpness)
        if felt is None:
            return self._solve(self._skew, policy, payoff, mismatch, sharpness)
        among = self._skew[np.ix_(felt, felt)]
        inside = self._solve(among, policy[felt], payoff[felt], mismatch[felt], sharpness)
        moved = np.zeros_like(policy)
        moved[felt] = policy[felt] * inside
        step = mismatch + sharpness * (self._skew @ moved - payoff * moved.sum())
        step[felt] = inside
        return step

    @staticmethod
    def _felt(policy: np.ndarray, sharpness: float) -> np.ndarray | None:
        """Return the actions but those of a mass m <= 1e-9/sharpness in all; None where they are most of all.

        Column j of the Jacobian is that of the identity up to sharpness pi_j: without the columns of that mass the
        system falls apart into that of the others and a product, and solves the whole one up to m sharpness max|x|
        in the mismatch [derived].
        """
        if len(policy) <= _SMALL:
            return None
        rising = np.argsort(policy)
        left_out = int(np.searchsorted(sharpness * np.cumsum(policy[rising]), _UNFELT))
        return np.sort(rising[left_out:]) if left_out > len(policy) // 4 else None

    @staticmethod
    def _solve(skew, policy, payoff, mismatch, sharpness) -> np.ndarray:
        # LAPACK itself: what np.linalg.solve adds is as long as the rest of a step at n = 10.
        from scipy.linalg.lapack import dgesv

        # The Jacobian's transpose in C order is the Jacobian as LAPACK wants it; A^T = -A.
        transposed = skew + payoff
        transposed *= (sharpness * policy)[:, None]
        transposed.flat[:: len(policy) + 1] += 1.0
        _, _, step, info = dgesv(transposed.T, mismatch, overwrite_a=True)
        # Nonsingular in exact arithmetic: else tau is beyond float64, and NaN is a step that no test accepts.
        return step if info == 0 else np.full_like(mismatch, np.nan)

    def restrict(self, support: np.ndarray) -> DenseSystem:
        """Return the system of the actions in ``support``, bool of shape (actions,)."""
        return DenseSystem(self._skew[np.ix_(support, support)])


def systems_of(preference: Preference, tau: float = 1.0) -> Iterator[System]:
    """Yield the system of every context, chosen by the storage.

    Parameters
    ----------
    preference : Preference
        Low rank is solved by its factors, blocks and triangles of more than 500 actions by
        products alone, everything else by its dense matrix. From 20 000 actions on, annotators are solved as the
        low rank that they are to rounding (``AnnotatorPreference.low_rank``).
    tau : float
        Regularisation; below 1e-3 blocks and triangles of at most 4096 actions are solved by their matrix too, as
        products alone would have to be too many.
    """
    if isinstance(preference, LowRankPreference):
        yield FactoredSystem.of_low_rank(preference.left, preference.right)
    elif isinstance(preference, AnnotatorPreference) and preference.actions >= _HUGE:
        low = preference.low_rank()
        yield FactoredSystem.of_low_rank(low.left, low.right)
    elif isinstance(preference, BlockPreference) and preference.actions > (
        _SMALL if tau >= _SHARP else _MOST_HELD
    ):
        yield KrylovSystem(preference)
    else:
        yield from map(DenseSystem, preference.dense())


def accurate_log_best_response(
    preference: Preference, log_reference: np.ndarray, tau: float, policy: np.ndarray
) -> np.ndarray:
    """Return log BR_tau(pi), BR_tau(pi) ∝ mu exp(A pi/tau), from the accurate payoff.

    Parameters
    ----------
    preference : Preference
    log_reference, policy : ndarray, shape (contexts, actions)
        log mu, and pi as probabilities.
    tau : float

    Returns
    -------
    ndarray, shape (contexts, actions)
    """
    return log_normalise(log_reference + accurate_payoff(preference, policy) / tau)


def accurate_payoff(preference: Preference, policy: np.ndarray) -> np.ndarray:
    """Return A pi to the last digit; policy, as probabilities, and result have shape (contexts, actions).

    Parameters
    ----------
    preference : Preference
    policy : ndarray, shape (contexts, actions)
    """
    if isinstance(preference, DensePreference):  # all contexts at once
        return accurate_margin(preference.dense(), policy)
    pairs = zip(systems_of(preference), policy, strict=True)
    return np.stack([system.accurate_margin(pi) for system, pi in pairs])
