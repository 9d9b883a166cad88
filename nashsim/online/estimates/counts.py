"""Every pair on its own: counts with shrinkage."""

from __future__ import annotations

import math

import numpy as np

from .estimate import PreferenceEstimate, tail


class CountEstimate(PreferenceEstimate):
    """P(y ≻ z) = (wins + 1/2)/(duels + 1), what the minimax learners believe.

    Parameters
    ----------
    actions : int

    Examples
    --------
    >>> estimate = CountEstimate(3)
    >>> estimate.add([0, 0, 0], [1, 1, 1], [True, True, False])
    >>> estimate.matrix()[0].tolist()
    [0.5, 0.625, 0.5]
    >>> estimate.width()[0].round(2).tolist()
    [0.0, 0.71, 0.5]
    """

    def __init__(self, actions: int):
        super().__init__(actions)
        self._wins = np.zeros((self.actions, self.actions))

    @property
    def wins(self) -> np.ndarray:
        """Duels won by the row against the column, shape (actions, actions)."""
        return self._wins.copy()

    def _learn(self, first: np.ndarray, second: np.ndarray, won: np.ndarray) -> None:
        np.add.at(self._wins, (np.where(won, first, second), np.where(won, second, first)), 1.0)

    def matrix(self) -> np.ndarray:
        return 0.5 + 0.5 * (self._wins - self._wins.T) / (self._wins + self._wins.T + 1)

    def width(self, confidence: float = 0.95) -> np.ndarray:
        """Return half-widths (sqrt(N log(2/delta)/2) + 1/2)/(N + 1), with delta = 1 - confidence and N duels.

        Hoeffding's inequality for the share of wins, and the most that shrinkage can be wrong by [derived]: for each
        pair alone, at any N that was not chosen by looking at the outcomes. For all pairs together divide delta by
        their number.
        """
        duels = self._wins + self._wins.T
        width = (np.sqrt(0.5 * duels * math.log(2 / tail(confidence))) + 0.5) / (duels + 1)
        np.fill_diagonal(width, 0.0)
        return width
