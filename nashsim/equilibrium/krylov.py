"""Newton's method without a matrix: each step by conjugate gradients on products with A alone."""

from __future__ import annotations

import numpy as np

from ..preferences import BlockPreference
from .products import accurate_rows

# What a step may leave of the mismatch; Newton then converges by this factor, or quadratically if slower.
_LEFT_OVER = 1e-4
# The largest systems met (tau = 1e-3) need some hundreds; what is not solved by then is a damped step.
_MOST_ITERATIONS = 1000
# Below this share of the right-hand side a residual is rounding.
_ROUNDING = 1e-14


class KrylovSystem:
    """A applied in blocks or from a triangle; a Newton step in about 1 + |s K| log(1/accuracy) products.

    With S S^T = diag pi - pi pi^T, the system (I - s A S S^T) x = m has the solution x = m + s A S z,
    (I - s K) z = S^T m, and K = S^T A S is skew. So its condition number is sqrt(1 + s^2 |K|^2) at most, and
    conjugate gradients on the normal equations converge at the rate of the best Krylov method [derived].
    A residual r of z leaves -s A S r of the mismatch, at most s |r|/2 in any action, because
    a row of A has a standard deviation of at most 1/2 under pi [derived]: this is where it stops.

    Parameters
    ----------
    preference : BlockPreference
    support : ndarray of int or None
        The actions of the game among those of ``preference``; ``None`` is all.

    Examples
    --------
    >>> from nashsim.preferences import PackedPreference
    >>> system = KrylovSystem(PackedPreference([0.3]))
    >>> policy = np.array([0.5, 0.5])
    >>> system.newton_step(policy, system.margin(policy), np.array([1.0, 0.0]), 2.0).round(9)
    array([ 0.85, -0.15])
    """

    def __init__(self, preference: BlockPreference, support: np.ndarray | None = None):
        self._preference, self._support = preference, support

    def margin(self, policy: np.ndarray) -> np.ndarray:
        """Return A pi in float64; policy and result have shape (actions,)."""
        return self._inside(self._preference.margin(self._scatter(policy)[None])[0])

    def accurate_margin(self, policy: np.ndarray) -> np.ndarray:
        """Return A pi to the last digit, shape (actions,), from A's rows in blocks."""
        return self._inside(accurate_rows(self._preference.blocks(), self._scatter(policy)))

    def newton_step(
        self, policy: np.ndarray, payoff: np.ndarray, mismatch: np.ndarray, sharpness: float
    ) -> np.ndarray:
        """Return x with (I - sharpness A (diag pi - pi pi^T)) x = mismatch, up to 1e-4 of the mismatch."""
        root = np.sqrt(policy)

        def centred(values: np.ndarray) -> np.ndarray:
            return root * (values - policy @ values)

        def turned(vector: np.ndarray) -> np.ndarray:
            return sharpness * centred(self.margin(root * vector))

        enough = 2.0 * _LEFT_OVER * (mismatch.max() - mismatch.min()) / sharpness
        inner = _solve_shifted_skew(turned, centred(mismatch), enough)
        return mismatch + sharpness * self.margin(root * inner)

    def restrict(self, support: np.ndarray) -> KrylovSystem:
        """Return the system of the actions in ``support``, bool of shape (actions,)."""
        inside = np.flatnonzero(support)
        return KrylovSystem(self._preference, inside if self._support is None else self._support[inside])

    def _scatter(self, values: np.ndarray) -> np.ndarray:
        if self._support is None:
            return values
        everywhere = np.zeros(self._preference.actions)
        everywhere[self._support] = values
        return everywhere

    def _inside(self, values: np.ndarray) -> np.ndarray:
        return values if self._support is None else values[self._support]


def _solve_shifted_skew(turned, target: np.ndarray, enough: float) -> np.ndarray:
    """Return z with |(I - K) z - target| <= enough, or to rounding; K is skew and applied by ``turned``.

    Conjugate gradients on the normal equations (I - K)^T (I - K) z = (I + K) target, in the form of Hestenes
    and Stiefel that never squares a residual (CGLS); the residual's norm only falls.
    """
    solution, residual = np.zeros_like(target), target.copy()
    enough = max(enough, _ROUNDING * float(np.linalg.norm(target)))
    if not np.linalg.norm(residual) > enough:
        return solution
    gradient = residual + turned(residual)
    direction, size = gradient, gradient @ gradient
    for _ in range(_MOST_ITERATIONS):
        image = direction - turned(direction)
        length = size / (image @ image)
        solution += length * direction
        residual -= length * image
        if not np.linalg.norm(residual) > enough:
            break
        gradient = residual + turned(residual)
        before, size = size, gradient @ gradient
        direction = gradient + (size / before) * direction
    return solution
