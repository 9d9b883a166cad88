"""Preferences stored as a dense skew matrix, and the contract every storage fulfils."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from ..errors import NashsimError
from .checks import (
    ASYMMETRY_TOLERANCE,
    as_matrix,
    check_finite,
    check_margins,
    check_probabilities,
    check_square,
    skew_part,
)


@runtime_checkable
class Preference(Protocol):
    """How P is applied. P(y, y') is the probability that y is preferred to y'.

    Every storage keeps the skew part A = P - 1/2, so that P + P^T = 1 and
    P(y, y) = 1/2 hold exactly and not to rounding. A storage whose ``arrays()`` returns what it is held by is
    told apart from others by these in a checkpoint, any other by its matrix.
    """

    @property
    def contexts(self) -> int:
        """Number of independent games in the stack."""

    @property
    def actions(self) -> int:
        """Number of actions (responses) of each game."""

    def margin(self, policy: np.ndarray) -> np.ndarray:
        """Return ``A pi``, the payoff P(. ≻ pi) - 1/2; policy and result have shape (contexts, actions)."""

    def dense(self) -> np.ndarray:
        """Return A itself, shape (contexts, actions, actions)."""


class DensePreference:
    """P held as the dense skew matrix A = P - 1/2.

    Parameters
    ----------
    skew : ndarray, shape (actions, actions) or (contexts, actions, actions)
        A, skew-symmetric with entries in [-1/2, 1/2].
    users : tuple of ndarray or None
        Utilities, shape (users, actions), and shares of the Bradley-Terry users whose mixture P is, where known.

    Raises
    ------
    NashsimError
        If the array is empty, not square, not finite, not skew or out of range.

    Examples
    --------
    >>> DensePreference.from_probabilities([[0.5, 1.0], [0.0, 0.5]]).margin(np.array([[0.5, 0.5]]))
    array([[ 0.25, -0.25]])
    """

    users: tuple[np.ndarray, np.ndarray] | None = None

    def __init__(self, skew: np.ndarray, users: tuple[np.ndarray, np.ndarray] | None = None):
        skew = np.array(skew, dtype=np.float64, order="C", ndmin=3)
        check_square(skew)
        check_finite(skew)
        if not np.array_equal(skew, -skew.transpose(0, 2, 1)):
            raise NashsimError(
                "skew: A + A^T must be exactly 0; use DensePreference.from_probabilities for P"
            )
        check_margins(skew)
        skew.flags.writeable = False
        self._skew, self.users = skew, users

    def __setstate__(self, state: dict) -> None:
        # arrays come out of a pickle writeable
        self.__dict__.update(state)
        self._skew.flags.writeable = False

    @classmethod
    def from_probabilities(
        cls, probabilities, *, symmetrise: bool = False, tolerance: float = ASYMMETRY_TOLERANCE
    ) -> DensePreference:
        """Build from a matrix of win probabilities P(row ≻ column).

        Parameters
        ----------
        probabilities : array_like, shape (actions, actions) or (contexts, actions, actions)
            Entries in [0, 1] with P + P^T = 1.
        symmetrise : bool
            Replace P by (P + 1 - P^T)/2 whatever its asymmetry.
        tolerance : float
            Largest accepted max|P + P^T - 1|; rounding below it is averaged away.

        Raises
        ------
        NashsimError
            If the matrix is empty, not square, has NaN or entries outside
            [0, 1], or is asymmetric beyond ``tolerance`` without ``symmetrise``.
        """
        p = np.array(as_matrix(probabilities), dtype=np.float64, order="C", ndmin=3)
        check_square(p)
        check_probabilities(p)
        return cls(skew_part(p, p.transpose(0, 2, 1), symmetrise, tolerance))

    @property
    def contexts(self) -> int:
        """Number of independent games in the stack."""
        return self._skew.shape[0]

    @property
    def actions(self) -> int:
        """Number of actions of each game."""
        return self._skew.shape[1]

    def margin(self, policy: np.ndarray) -> np.ndarray:
        """Return ``A pi`` = P(. ≻ pi) - 1/2; policy and result have shape (contexts, actions)."""
        return np.matmul(self._skew, policy[:, :, None])[:, :, 0]

    def dense(self) -> np.ndarray:
        """Return A, shape (contexts, actions, actions), read-only."""
        return self._skew

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return A alone."""
        return (self._skew,)

    def __repr__(self) -> str:
        return f"DensePreference(contexts={self.contexts}, actions={self.actions})"
