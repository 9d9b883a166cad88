"""Chi-squared: links are linear, mixtures arithmetic, and a step a weighted projection onto the simplex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .regulariser import Regulariser


def _inverse(v, _):
    """Return h(v + anchor)."""
    return 1.0 + v if v > -1.0 else 0.0


def _slope(u, _):
    """Return 1/f''(u), 0 at 0."""
    return 1.0 if u > 0.0 else 0.0


def _generator(u, _):
    """Return f(u)."""
    return 0.5 * (u - 1.0) ** 2


@dataclass(frozen=True)
class Chi2(Regulariser):
    """R = chi2(pi || mu)/2 = sum (pi - mu)^2/(2 mu): f = (u - 1)^2/2, f' = u - 1, h = (1 + v)_+; 1-strongly convex.

    Equilibria may drop responses; pi*/mu is at most 1 + 1/tau [derived].

    Examples
    --------
    >>> Chi2().inverse_link(np.array([-2.0, 0.5]))
    array([0. , 1.5])
    """

    name = "chi2"
    formula = "f = (u - 1)^2/2; link u - 1"
    scalar_inverse = staticmethod(_inverse)
    scalar_slope = staticmethod(_slope)
    scalar_generator = staticmethod(_generator)
    floor = -1.0

    def generator(self, ratio):
        """Return (u - 1)^2/2."""
        return np.square(ratio - 1) / 2

    def link(self, ratio):
        """Return u - 1."""
        return ratio - 1

    def inverse_link(self, value):
        """Return max(1 + v, 0)."""
        return np.maximum(1 + value, 0)

    def slope(self, ratio):
        """Return 1 where u > 0, else 0."""
        return (ratio > 0) * 1.0

    def divergence(self, ratio, other):
        """Return (u - w)^2/2."""
        return np.square(ratio - other) / 2

    def strong_convexity(self, least_mass):
        """Return 1, for every mu (Cauchy)."""
        return 1.0

    def cvxpy_generator(self, ratio):
        """Return (u - 1)^2/2."""
        import cvxpy as cp

        return cp.square(ratio - 1) / 2

    def cvxpy_conjugate(self, value):
        """Return ((1 + v)_+^2 - 1)/2."""
        import cvxpy as cp

        return (cp.square(cp.pos(1 + value)) - 1) / 2, []
