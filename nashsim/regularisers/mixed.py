"""KL and chi-squared together: steep at 0, so that no response is dropped, and quadratic far above mu."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

import numpy as np

from ._power import power_divergence
from .regulariser import Regulariser


def _inverse(v, c):
    """Return h(v + anchor)."""
    # u = W(c e^(v + c))/c: w + log w = z = v + c + log c by the steps of Fritsch, Shafer and Crowley (1973) [recalled]
    z = v + c + log(c)
    if z < -30.0:
        return exp(v + c)
    w = exp(z) / (1.0 + exp(z)) if z < 1.0 else z - log(z) * (1.0 - 1.0 / (1.0 + z))
    for _ in range(4):
        r = z - w - log(w)
        t = (1.0 + w) * (1.0 + w + 2.0 * r / 3.0)
        w *= 1.0 + r / (1.0 + w) * (t - r / 2.0) / (t - r)
        if abs(r) < 1e-4:  # the error falls with its fourth power
            break
    return w / c


def _slope(u, c):
    """Return 1/f''(u), 0 at 0."""
    return u / (1.0 + c * u)


def _generator(u, c):
    """Return f(u)."""
    return (u * log(u) - u + 1.0 if u > 0.0 else 1.0) + 0.5 * c * (u - 1.0) ** 2


@dataclass(frozen=True)
class Mixed(Regulariser):
    """R = KL(pi || mu) + c chi2(pi || mu)/2: f' = log u + c (u - 1), h by the Wright omega function.

    (1 + c)-strongly convex in l1 for every mu.

    Parameters
    ----------
    weight : float
        Weight c > 0 of chi2 beside KL.

    Examples
    --------
    >>> Mixed(2.0).word, float(Mixed().inverse_link(0.0))
    ('mixed:2', 1.0)
    """

    weight: float = 1.0

    name = "mixed"
    formula = "f = u log u - u + 1 + c (u - 1)^2/2; link log u + c (u - 1)"
    scalar_inverse = staticmethod(_inverse)
    scalar_slope = staticmethod(_slope)
    scalar_generator = staticmethod(_generator)
    floor = -np.inf

    def generator(self, ratio):
        """Return u log u - u + 1 + c (u - 1)^2/2."""
        return power_divergence(ratio, 1.0) + self.weight * np.square(ratio - 1) / 2

    def link(self, ratio):
        """Return log u + c (u - 1)."""
        with np.errstate(divide="ignore"):
            return np.log(ratio) + self.weight * (ratio - 1)

    def inverse_link(self, value):
        """Return omega(v + c + log c)/c."""
        from scipy.special import wrightomega

        shifted = np.asarray(value, dtype=float) + self.weight + np.log(self.weight)
        return wrightomega(shifted) / self.weight

    def slope(self, ratio):
        """Return u/(1 + c u)."""
        return ratio / (1 + self.weight * ratio)

    def divergence(self, ratio, other):
        """Return u log(u/w) - u + w + c (u - w)^2/2."""
        with np.errstate(divide="ignore", invalid="ignore"):
            steep = np.where(
                other > 0,
                other * power_divergence(ratio / other, 1.0, (ratio - other) / other),
                np.where(ratio > 0, np.inf, 0.0),
            )
        return steep + self.weight * np.square(ratio - other) / 2

    def strong_convexity(self, least_mass):
        """Return 1 + c, for every mu."""
        return 1.0 + self.weight

    def cvxpy_generator(self, ratio):
        """Return u log u - u + 1 + c (u - 1)^2/2."""
        import cvxpy as cp

        return -cp.entr(ratio) - ratio + 1 + self.weight / 2 * cp.square(ratio - 1)

    def cvxpy_conjugate(self, value):
        """Return min_{a + b = v} exp(a) - 1 + c ((1 + b/c)_+^2 - 1)/2, the infimal convolution of the two."""
        import cvxpy as cp

        part = cp.Variable(value.shape)
        square = cp.square(cp.pos(1 + (value - part) / self.weight))
        return cp.exp(part) - 1 + self.weight / 2 * (square - 1), []
