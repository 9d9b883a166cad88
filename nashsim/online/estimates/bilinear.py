"""Preferences that are bilinear in features, by ridge regression."""

from __future__ import annotations

import math

import numpy as np

from ...errors import NashsimError
from .estimate import PreferenceEstimate, tail


class BilinearEstimate(PreferenceEstimate):
    """P(y ≻ z) = 1/2 + phi(y)^T S phi(z) with S skew, fitted by ridge to I - 1/2.

    With x_ij(y, z) = phi_i(y) phi_j(z) - phi_j(y) phi_i(z) for i < j this is linear: phi(y)^T S phi(z) = x . s with
    s = (S_ij)_i<j. The inverse of V = ridge I + sum x x^T is kept, and changed by rank one for every duel. One-hot
    features are preferences without any structure. Probabilities are clipped to [0, 1].

    Parameters
    ----------
    features : array_like, shape (actions, dimensions)
        Finite, with at least two dimensions.
    ridge : float
        Weight of the squared norm in the fit, > 0.
    norm : float
        Bound on |s| that ``width`` relies on.

    Raises
    ------
    NashsimError
        For features of another shape or not finite, or a ridge or norm that is not above 0.

    Examples
    --------
    >>> estimate = BilinearEstimate([[1.0, 0.0], [0.0, 1.0]])
    >>> estimate.add([0, 0, 0], 1, [True, True, False])
    >>> float(estimate.matrix()[0, 1])  # 1/2 + (1/2 + 1/2 - 1/2)/(1 + 3)
    0.625
    """

    def __init__(self, features, ridge: float = 1.0, norm: float = 1.0):
        features = np.array(features, float)
        if features.ndim != 2 or features.shape[1] < 2 or not np.isfinite(features).all():
            raise NashsimError(
                "features: finite numbers of shape (actions, dimensions >= 2) are needed, found"
                f" shape {features.shape}"
            )
        for name, value in (("ridge", ridge), ("norm", norm)):
            if not (math.isfinite(value) and value > 0):
                raise NashsimError(f"{name}: a finite number > 0 is needed, found {value!r}")
        super().__init__(len(features))
        self.features, self.ridge, self.norm = features, float(ridge), float(norm)
        self._upper = np.triu_indices(features.shape[1], 1)
        size = len(self._upper[0])
        self._inverse = np.eye(size) / self.ridge
        self._fit = np.zeros(size)
        self._log_growth = 0.0  # log det V/det(ridge I)

    @property
    def skew(self) -> np.ndarray:
        """The fitted S, shape (dimensions, dimensions)."""
        skew = np.zeros(2 * self.features.shape[1:])
        skew[self._upper] = self._fit
        return skew - skew.T

    def _products(self, first, second) -> np.ndarray:
        """Return x of pairs, shape (..., number of i < j)."""
        (i, j), phi = self._upper, self.features
        return phi[first][..., i] * phi[second][..., j] - phi[first][..., j] * phi[second][..., i]

    def _learn(self, first: np.ndarray, second: np.ndarray, won: np.ndarray) -> None:
        for x, label in zip(self._products(first, second), won - 0.5, strict=True):
            direction = self._inverse @ x
            growth = 1 + x @ direction
            self._fit += direction * ((label - x @ self._fit) / growth)
            self._inverse -= np.outer(direction, direction) / growth
            self._log_growth += math.log(growth)

    def matrix(self) -> np.ndarray:
        margin = self.features @ self.skew @ self.features.T
        return 0.5 + np.clip((margin - margin.T) / 2, -0.5, 0.5)

    def width(self, confidence: float = 0.95) -> np.ndarray:
        """Return half-widths |x|_{V^-1} (sqrt(log(det V/det(ridge I)) + 2 log(1/delta))/2 + sqrt(ridge) norm).

        With delta = 1 - confidence, and 1/2 the sub-Gaussian scale of a label in [-1/2, 1/2]. They hold for all pairs
        and at all times at once, however the duels were chosen, if |s| <= norm: Theorem 2 of Abbasi-Yadkori, Pál and
        Szepesvári, Improved Algorithms for Linear Stochastic Bandits, 2011 [recalled]. At most 1.
        """
        radius = 0.5 * math.sqrt(self._log_growth + 2 * math.log(1 / tail(confidence)))
        arms = np.arange(self.actions)
        x = self._products(arms[:, None], arms[None])
        square = np.einsum("yzi,ij,yzj->yz", x, self._inverse, x)
        return np.minimum(np.sqrt(np.maximum(square, 0)) * (radius + math.sqrt(self.ridge) * self.norm), 1.0)
