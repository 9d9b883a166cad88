"""Forward KL, KL(mu || pi): every response keeps mass of order mu, and the best may take any ratio."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log

import numpy as np

from ._power import power_divergence
from .regulariser import Regulariser


def _inverse(v, _):
    """Return h(v + anchor)."""
    return -1.0 / v if v < 0.0 else inf


def _slope(u, _):
    """Return 1/f''(u), 0 at 0."""
    return u * u


def _generator(u, _):
    """Return f(u)."""
    return u - 1.0 - log(u) if u > 0.0 else inf


@dataclass(frozen=True)
class ForwardKL(Regulariser):
    """R = KL(mu || pi): f = u - 1 - log u, f' = 1 - 1/u, h = 1/(1 - v) for v < 1; strongly convex with min mu only.

    Examples
    --------
    >>> float(ForwardKL().inverse_link(0.5))
    2.0
    """

    name = "forward-kl"
    formula = "f = u - 1 - log u; link 1 - 1/u"
    scalar_inverse = staticmethod(_inverse)
    scalar_slope = staticmethod(_slope)
    scalar_generator = staticmethod(_generator)
    floor = -np.inf
    anchor = 1.0

    def generator(self, ratio):
        """Return u - 1 - log u."""
        return power_divergence(ratio, 0.0)

    def link(self, ratio):
        """Return 1 - 1/u."""
        return 1 + self.anchored_link(ratio)

    def inverse_link(self, value):
        """Return 1/(1 - v), inf from v = 1 on."""
        return self.anchored_inverse(np.asarray(value) - 1)

    def slope(self, ratio):
        """Return u^2."""
        with np.errstate(over="ignore"):
            return np.square(ratio)

    def anchored_link(self, ratio):
        """Return -1/u."""
        with np.errstate(divide="ignore"):
            return -1 / np.asarray(ratio)

    def anchored_inverse(self, value):
        """Return -1/v, inf from v = 0 on."""
        below = value < 0
        return np.where(below, -1 / np.where(below, value, -1), np.inf)

    def divergence(self, ratio, other):
        """Return u/w - 1 - log(u/w)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(
                other > 0,
                power_divergence(ratio / other, 0.0, (ratio - other) / other),
                np.where(ratio > 0, np.inf, 0.0),
            )

    def strong_convexity(self, least_mass):
        """Return min mu: sum mu (d/mu)^2/u^2 >= |d|_1^2/sum mu u^2, and u <= 1/min mu on the simplex [derived]."""
        return float(least_mass)

    def cvxpy_generator(self, ratio):
        """Return u - 1 - log u."""
        import cvxpy as cp

        return ratio - 1 - cp.log(ratio)

    def cvxpy_conjugate(self, value):
        """Return -log(1 - v)."""
        import cvxpy as cp

        return -cp.log(1 - value), []
