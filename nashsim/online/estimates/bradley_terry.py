"""Bradley-Terry preferences by logistic regression: a baseline that cannot be right on cycles."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from ...errors import NashsimError
from .counts import CountEstimate
from .estimate import PreferenceEstimate, tail


class BradleyTerryEstimate(PreferenceEstimate):
    """P(y ≻ z) = sigmoid(r_y - r_z), r = argmax sum_s log sigmoid(r_winner - r_loser) - ridge |r|^2/2.

    Counts are sufficient; the rewards are fitted when they are asked for, by Newton's method from the last ones.

    Parameters
    ----------
    actions : int
    ridge : float
        Weight of |r|^2/2 in the fit, > 0; a duel between equals has curvature 1/4.

    Raises
    ------
    NashsimError
        For fewer than two actions or a ridge that is not above 0.

    Examples
    --------
    >>> estimate = BradleyTerryEstimate(2, ridge=1e-9)
    >>> estimate.add([0, 0, 0, 0], 1, [True, True, True, False])
    >>> round(float(estimate.matrix()[0, 1]), 6)
    0.75
    """

    def __init__(self, actions: int, ridge: float = 0.1):
        super().__init__(actions)
        if not (math.isfinite(ridge) and ridge > 0):
            raise NashsimError(f"ridge: a finite number > 0 is needed, found {ridge!r}")
        self.ridge = float(ridge)
        self._counts = CountEstimate(self.actions)
        self._reward = np.zeros(self.actions)
        self._covariance = np.eye(self.actions) / self.ridge
        self._fitted = True

    def _learn(self, first: np.ndarray, second: np.ndarray, won: np.ndarray) -> None:
        self._counts._learn(first, second, won)
        self._fitted = False

    @property
    def rewards(self) -> np.ndarray:
        """The fitted r, shape (actions,); their mean is 0."""
        self._refit()
        return self._reward.copy()

    def _refit(self) -> None:
        if self._fitted:
            return
        from ..logistic_kernel import fit_rewards

        n = self.actions
        fit_rewards(
            self._counts.wins,
            self._reward,
            self.ridge,
            np.zeros(n),
            1e-10,
            self._covariance,
            np.zeros((n + 4, n)),
        )
        self._fitted = True

    def matrix(self) -> np.ndarray:
        rewards = self.rewards
        return 0.5 + 0.5 * np.tanh((rewards[:, None] - rewards) / 2)

    def width(self, confidence: float = 0.95) -> np.ndarray:
        """Return Wald's half-widths q P (1 - P) sqrt((e_y - e_z)^T H^-1 (e_y - e_z)), q the normal quantile.

        H is the curvature of the ridged likelihood. They hold for each pair alone, as duels grow and *if preferences
        are Bradley-Terry ones* [recalled, textbook]; on a cycle they shrink about wrong numbers.
        """
        quantile = NormalDist().inv_cdf(1 - tail(confidence) / 2)
        chance = self.matrix()
        variance = np.diag(self._covariance)
        square = variance[:, None] + variance - self._covariance - self._covariance.T
        np.fill_diagonal(square, 0.0)
        return quantile * chance * (1 - chance) * np.sqrt(np.maximum(square, 0))
