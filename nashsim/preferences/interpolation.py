"""The logistic preference as a polynomial: A = F C F^T to rounding, so that a product costs O(actions x degree).

sigma(x - y) - 1/2 = tanh((x - y)/2)/2 is analytic for |Im(x - y)| < pi, and so is its Chebyshev series in both
rewards: the coefficients fall by rho a degree, rho = q + sqrt(1 + q^2) with q = 2 pi over the rewards' range.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.polynomial.chebyshev import chebvander

_BLOCK = 8192
_TRUNCATION = 1e-17


class LogisticSeries:
    """The Chebyshev series of P(y ≻ y') - 1/2 = tanh((r(y) - r(y'))/2)/2 over the range of one reward.

    A = F C F^T with F = T_k(t(y)), t the rewards mapped to [-1, 1], and C skew [derived].

    Parameters
    ----------
    rewards : ndarray, shape (actions,)

    Attributes
    ----------
    position : ndarray, shape (actions,)
        t, in [-1, 1].
    core : ndarray, shape (degree, degree)
        C.
    error : float
        How far an entry of A may be off: the truncation, the rounding of C, and that of T_k, k^2 eps,
        times |C| [derived].

    Examples
    --------
    >>> series = LogisticSeries(np.linspace(-1, 1, 5))
    >>> np.allclose(series.margin(np.eye(5)[0]), 0.5 * np.tanh(0.5 * np.linspace(0, 2, 5)), atol=series.error)
    True
    """

    def __init__(self, rewards: np.ndarray):
        low, high = rewards.min(), rewards.max()
        half = max(0.5 * (high - low), np.finfo(float).tiny)
        self.position = np.clip((rewards - low) / half - 1.0, -1.0, 1.0)
        self.core = _core(half, series_degree(high - low))
        squares = np.arange(len(self.core)) ** 2.0
        rounding = np.finfo(float).eps * (np.abs(self.core) * (1 + squares[:, None] + squares)).sum()
        of_core = len(self.core) ** 2 * np.finfo(np.longdouble).eps
        self.error = float(rounding + of_core + 2 * len(self.core) * _TRUNCATION)

    def margin(self, policy: np.ndarray) -> np.ndarray:
        """Return A pi within ``error`` and the rounding of its sums; policy and result have shape (actions,)."""
        moments = sum(policy[rows] @ basis for rows, basis in self._blocks())
        coefficients, margin = self.core @ moments, np.empty(len(policy))
        for rows, basis in self._blocks():
            margin[rows] = basis @ coefficients
        return margin

    def factors(self) -> tuple[np.ndarray, np.ndarray]:
        """Return U and V with A = U V^T - V U^T within ``error``, of the least rank that rounding allows.

        With the eigenvectors x + iy of the Hermitian iC to eigenvalues c > 0, C = sum 2c (y x^T - x y^T) [derived].

        Returns
        -------
        left, right : ndarray, shape (actions, rank)
        """
        values, vectors = np.linalg.eigh(1j * self.core)
        kept = values > _TRUNCATION
        kept[-1] = True  # one reward for all: rank 1, of zeros
        scaled = vectors[:, kept] * np.sqrt(2.0 * np.maximum(values[kept], 0.0))
        left, right = np.empty((2, len(self.position), scaled.shape[1]))
        for rows, basis in self._blocks():
            left[rows], right[rows] = basis @ scaled.imag, basis @ scaled.real
        return left, right

    def _blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield T_k(t) for some actions at a time, shape (rows, degree); forming costs no more than keeping."""
        for first in range(0, len(self.position), _BLOCK):
            rows = slice(first, first + _BLOCK)
            yield rows, chebvander(self.position[rows], len(self.core) - 1)


def series_degree(width: float) -> int:
    """Return how many Chebyshev polynomials the logistic preference needs for rewards of range ``width``.

    Examples
    --------
    >>> series_degree(4.0), series_degree(40.0)
    (32, 251)
    """
    ratio = 2.0 * np.pi / max(width, 1e-3)
    return int(np.ceil(-np.log(_TRUNCATION) / np.arcsinh(ratio)))


def _core(half: float, degree: int) -> np.ndarray:
    """Return C, by interpolation in the Chebyshev nodes; in extended precision, as C is summed over often."""
    k = np.arange(degree, dtype=np.longdouble)
    angles = (k + 0.5) * (np.arccos(np.longdouble(-1)) / degree)
    nodes = half * np.cos(angles)
    values = 0.5 * np.tanh(0.5 * np.subtract.outer(nodes, nodes))
    transform = np.cos(np.outer(k, angles)) * (2.0 / np.longdouble(degree))
    transform[0] *= 0.5
    core = transform @ values @ transform.T
    return (0.5 * (core - core.T)).astype(np.float64)
