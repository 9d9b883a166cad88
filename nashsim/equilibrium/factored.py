"""Newton's method on a game of low rank, A = F C F^T: everything in O(actions x rank^2), nothing of size n x n."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .products import power_of_two, split_product, split_vector

# Actions that are handled at once: a block of factors stays in the cache.
_BLOCK = 4096


class FactoredSystem:
    """A = F C F^T with F of shape (actions, k) and C skew; a Newton step by Woodbury's identity.

    With S the covariance of F's rows under pi, the Jacobian I - s A (diag pi - pi pi^T) has the inverse
    x = m + s F (I - s C S)^{-1} C cov_pi(F, m) [derived]. C S is similar to a skew matrix, so the k x k
    system is nonsingular too.

    Parameters
    ----------
    factors : tuple of ndarray, each shape (actions, k_i)
        F's columns; kept apart so that nothing is copied.
    core : ndarray, shape (k, k)
        C, skew.

    Examples
    --------
    >>> left, right = np.array([[0.5], [0.0]]), np.array([[0.0], [0.8]])
    >>> FactoredSystem.of_low_rank(left, right).accurate_margin(np.array([0.5, 0.5]))
    array([ 0.2, -0.2])
    """

    def __init__(self, factors: tuple[np.ndarray, ...], core: np.ndarray):
        self._factors, self._core = factors, core
        self._bound = power_of_two(max(max(f.max(), -f.min()) for f in factors))

    @classmethod
    def of_low_rank(cls, left: np.ndarray, right: np.ndarray) -> FactoredSystem:
        """Return the system of A = U V^T - V U^T.

        Parameters
        ----------
        left, right : ndarray, shape (actions, rank)
            U and V.
        """
        one, zero = np.eye(left.shape[1]), np.zeros((left.shape[1],) * 2)
        return cls((left, right), np.block([[zero, one], [-one, zero]]))

    def margin(self, policy: np.ndarray) -> np.ndarray:
        """Return A pi in float64; policy and result have shape (actions,)."""
        return self._expand(self._core @ self._mean(policy))

    def accurate_margin(self, policy: np.ndarray) -> np.ndarray:
        """Return A pi to the last digit, shape (actions,), by split products all along.

        The error is eps |A pi| + 2^-75 k |F|^2, with |F| the largest entry of the factors.
        """
        vector = split_vector(policy)
        exact, rest = np.zeros((2, len(self._core)))
        for rows, block in self._blocks():
            parts = split_product(block.T, self._bound, type(vector)(*(part[rows] for part in vector)))
            exact, rest = exact + parts[0], rest + parts[1]
        mean = split_vector(*_two_sum(exact, rest))
        combined = _two_sum(*split_product(self._core, power_of_two(np.abs(self._core).max()), mean))
        weights, margin = split_vector(*combined), np.empty(policy.shape)
        for rows, block in self._blocks():
            margin[rows] = sum(split_product(block, self._bound, weights))
        return margin

    def newton_step(
        self, policy: np.ndarray, payoff: np.ndarray, mismatch: np.ndarray, sharpness: float
    ) -> np.ndarray:
        """Return x with (I - sharpness A (diag pi - pi pi^T)) x = mismatch, NaN where float64 has none."""
        size = len(self._core)
        mean, centre = self._mean(policy), policy @ mismatch
        covariance, with_mismatch = np.zeros((size, size)), np.zeros(size)
        for rows, block in self._blocks():
            centred = block - mean
            weighted = policy[rows, None] * centred
            covariance += weighted.T @ centred
            with_mismatch += (mismatch[rows] - centre) @ weighted
        system = np.eye(size) - sharpness * (self._core @ covariance)
        try:
            inner = np.linalg.solve(system, self._core @ with_mismatch)
        except np.linalg.LinAlgError:
            return np.full_like(mismatch, np.nan)
        return mismatch + sharpness * self._expand(inner)

    def restrict(self, support: np.ndarray) -> FactoredSystem:
        """Return the system of the actions in ``support``, bool of shape (actions,)."""
        return FactoredSystem(tuple(factor[support] for factor in self._factors), self._core)

    def _mean(self, policy: np.ndarray) -> np.ndarray:
        """Return F^T pi, shape (k,)."""
        return np.concatenate([policy @ factor for factor in self._factors])

    def _expand(self, weights: np.ndarray) -> np.ndarray:
        """Return F w, shape (actions,)."""
        ends = np.cumsum([factor.shape[1] for factor in self._factors])[:-1]
        pairs = zip(self._factors, np.split(weights, ends), strict=True)
        return sum(factor @ part for factor, part in pairs)

    def _blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield F's rows, some thousands at a time, shape (rows, k)."""
        for first in range(0, len(self._factors[0]), _BLOCK):
            rows = slice(first, first + _BLOCK)
            yield rows, np.concatenate([factor[rows] for factor in self._factors], axis=1)


def _two_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a + b rounded, and what rounding lost (Knuth)."""
    high = a + b
    back = high - a
    return high, (a - (high - back)) + (b - back)
