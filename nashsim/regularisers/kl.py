"""KL(pi || mu), the regulariser of the field: links are logarithms, policies keep every response."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

import numpy as np

from ._power import power_divergence
from .regulariser import Regulariser


def _inverse(v, _):
    """Return h(v + anchor)."""
    return exp(v)


def _slope(u, _):
    """Return 1/f''(u), 0 at 0."""
    return u


def _generator(u, _):
    """Return f(u)."""
    return u * log(u) - u + 1.0 if u > 0.0 else 1.0


@dataclass(frozen=True)
class KL(Regulariser):
    """R = KL(pi || mu): f = u log u - u + 1, f' = log u, h = exp; 1-strongly convex in l1 (Pinsker).

    Examples
    --------
    >>> KL().word, float(KL().inverse_link(0.0))
    ('kl', 1.0)
    """

    name = "kl"
    formula = "f = u log u - u + 1; link log u"
    scalar_inverse = staticmethod(_inverse)
    scalar_slope = staticmethod(_slope)
    scalar_generator = staticmethod(_generator)
    floor = -np.inf

    def generator(self, ratio):
        """Return u log u - u + 1."""
        return power_divergence(ratio, 1.0)

    def link(self, ratio):
        """Return log u."""
        with np.errstate(divide="ignore"):
            return np.log(ratio)

    def inverse_link(self, value):
        """Return exp(v)."""
        return np.exp(value)

    def slope(self, ratio):
        """Return u."""
        return ratio

    def divergence(self, ratio, other):
        """Return u log(u/w) - u + w."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(
                other > 0,
                other * power_divergence(ratio / other, 1.0, (ratio - other) / other),
                np.where(ratio > 0, np.inf, 0.0),
            )

    def strong_convexity(self, least_mass):
        """Return 1, for every mu."""
        return 1.0

    def cvxpy_generator(self, ratio):
        """Return u log u - u + 1."""
        import cvxpy as cp

        return -cp.entr(ratio) - ratio + 1

    def cvxpy_conjugate(self, value):
        """Return exp(v) - 1."""
        import cvxpy as cp

        return cp.exp(value) - 1, []
