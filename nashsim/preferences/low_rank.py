"""Preferences of low rank: P = 1/2 + U V^T - V U^T, the bilinear preferences of embeddings."""

from __future__ import annotations

import numpy as np

from ..errors import NashsimError
from .checks import check_dense

# Rows of A that are formed at once when its range is checked, and the rounding that the check forgives.
_BLOCK = 1024
_RANGE = 0.5 + 1e-12


class LowRankPreference:
    """P held by two factors, A = P - 1/2 = U V^T - V U^T, applied in O(actions x rank).

    Parameters
    ----------
    left, right : ndarray, shape (actions, rank)
        U and V, such that every entry of A lies in [-1/2, 1/2].

    Attributes
    ----------
    left, right : ndarray, shape (actions, rank)
        Read-only.
    perturbation : float
        How far an entry may lie from the preference that the factors stand for, 0 where they define it.

    Raises
    ------
    NashsimError
        If the shapes differ, an entry is not finite, or A leaves its range.

    Examples
    --------
    >>> preference = LowRankPreference(np.array([[0.5], [0.0]]), np.array([[0.0], [0.8]]))
    >>> preference.margin(np.array([[0.5, 0.5]]))
    array([[ 0.2, -0.2]])
    """

    def __init__(self, left: np.ndarray, right: np.ndarray):
        left, right = (np.array(f, dtype=np.float64, order="C") for f in (left, right))
        if left.ndim != 2 or left.shape != right.shape or left.size == 0:
            raise NashsimError(
                f"factors: two arrays of the same shape (actions, rank) are needed,"
                f" found {left.shape} and {right.shape}"
            )
        if not (np.isfinite(left).all() and np.isfinite(right).all()):
            raise NashsimError("factors: every entry must be a finite number")
        largest = _largest_entry(left, right)
        if largest > _RANGE:
            raise NashsimError(
                f"factors: the entries of U V^T - V U^T must lie in [-1/2, 1/2], found {largest:g}"
            )
        self._keep(left, right, 0.0)

    @classmethod
    def approximating(cls, left: np.ndarray, right: np.ndarray, perturbation: float) -> LowRankPreference:
        """Return the preference of factors that are known to approximate one; their range is not checked again.

        Parameters
        ----------
        left, right : ndarray, shape (actions, rank)
        perturbation : float
            A bound on what they change in any entry.
        """
        preference = cls.__new__(cls)
        preference._keep(left, right, perturbation)
        return preference

    def _keep(self, left: np.ndarray, right: np.ndarray, perturbation: float) -> None:
        left.flags.writeable = right.flags.writeable = False
        self.left, self.right, self.perturbation = left, right, perturbation

    @property
    def contexts(self) -> int:
        """Always 1."""
        return 1

    @property
    def actions(self) -> int:
        """Number of actions."""
        return self.left.shape[0]

    def margin(self, policy: np.ndarray) -> np.ndarray:
        """Return ``A pi`` = U (V^T pi) - V (U^T pi); policy and result have shape (1, actions)."""
        margin = (policy @ self.right) @ self.left.T
        margin -= (policy @ self.left) @ self.right.T
        return margin

    def dense(self) -> np.ndarray:
        """Return A, shape (1, actions, actions), exactly skew; formed anew at every call.

        Raises
        ------
        NashsimError
            For more than 20 000 actions.
        """
        check_dense(self.actions)
        product = self.left @ self.right.T
        skew = np.clip(product - product.T, -0.5, 0.5)[None]
        skew.flags.writeable = False
        return skew

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return U and V."""
        return (self.left, self.right)

    def __repr__(self) -> str:
        return f"LowRankPreference(actions={self.actions}, rank={self.left.shape[1]})"


def _largest_entry(left: np.ndarray, right: np.ndarray) -> float:
    """Return max|A|, or a bound on it where Cauchy and Schwarz already show that it is at most 1/2."""
    rows = np.sqrt((left**2 + right**2).sum(axis=1))
    bound = float(rows.max() ** 2)
    if bound <= _RANGE:
        return bound
    blocks = range(0, len(left), _BLOCK)
    return max(
        float(np.abs(left[b : b + _BLOCK] @ right.T - right[b : b + _BLOCK] @ left.T).max()) for b in blocks
    )
