"""Tsallis entropies, one power between and beyond: q = 0 is forward KL, q -> 1 KL, q = 2 chi-squared."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, expm1, inf, log, log1p

import numpy as np

from ._power import power_divergence
from .regulariser import Regulariser


def _inverse(v, q):
    """Return h(v + anchor)."""
    if q == 1.0:
        return exp(v)
    base = (q - 1.0) * v
    if q > 1.0:
        return exp(log1p(base) / (q - 1.0)) if base > -1.0 else 0.0
    return base ** (1.0 / (q - 1.0)) if base > 0.0 else inf


def _slope(u, q):
    """Return 1/f''(u), 0 at 0."""
    return u ** (2.0 - q) if u > 0.0 else 0.0


def _generator(u, q):
    """Return f(u), by (u^p - 1)/p with p = q - 1 or q, so that q near 1 or 0 costs no digits."""
    if u == 0.0:
        return 1.0 / q if q > 0.0 else inf
    p = q - 1.0 if q >= 0.5 else q
    power = expm1(p * log(u)) / p if p != 0.0 else log(u)
    return (u * power - (u - 1.0)) / q if q >= 0.5 else (u - 1.0 - power) / (1.0 - q)


@dataclass(frozen=True)
class Tsallis(Regulariser):
    """f = (u^q - 1 - q (u - 1))/(q (q - 1)), f' = (u^(q-1) - 1)/(q - 1), h = (1 + (q-1) v)_+^(1/(q-1)).

    1-strongly convex in l1 for q in [1, 2]; below 1 with (min mu)^(1-q) only, above 2 not at all, which is refused.
    For q > 1 equilibria may drop responses.

    Parameters
    ----------
    q : float
        Power in [0, 2]; the limits KL and forward KL are taken at 1 and 0.

    Examples
    --------
    >>> Tsallis(2.0).inverse_link(np.array([-2.0, 0.5]))
    array([0. , 1.5])
    """

    q: float

    name = "tsallis"
    formula = "f = (u^q - 1 - q(u - 1))/(q(q - 1)); link (u^(q-1) - 1)/(q - 1)"
    accepted = "in [0, 2]; above 2 it is not strongly convex near 0"
    scalar_inverse = staticmethod(_inverse)
    scalar_slope = staticmethod(_slope)
    scalar_generator = staticmethod(_generator)

    def _accepts(self, value):
        return 0 <= value <= 2

    def generator(self, ratio):
        """Return (u^q - 1 - q (u - 1))/(q (q - 1))."""
        return power_divergence(ratio, self.q)

    def link(self, ratio):
        """Return (u^(q-1) - 1)/(q - 1)."""
        with np.errstate(divide="ignore"):
            log_ratio = np.log(ratio)
        return log_ratio if self.q == 1 else np.expm1((self.q - 1) * log_ratio) / (self.q - 1)

    def inverse_link(self, value):
        """Return (1 + (q-1) v)_+^(1/(q-1))."""
        return self.anchored_inverse(np.asarray(value) - self.anchor)

    def slope(self, ratio):
        """Return u^(2-q), 0 at 0."""
        ratio = np.asarray(ratio)
        return np.where(ratio > 0, np.where(ratio > 0, ratio, 1) ** (2 - self.q), 0)

    def anchored_link(self, ratio):
        """Return u^(q-1)/(q-1) for q < 1, else f'(u)."""
        if self.q >= 1:
            return self.link(ratio)
        with np.errstate(divide="ignore"):
            return np.asarray(ratio) ** (self.q - 1) / (self.q - 1)

    def anchored_inverse(self, value):
        """Return ((q-1) v)^(1/(q-1)) for q < 1, inf from v = 0 on; else h(v)."""
        q = self.q
        if q == 1:
            return np.exp(value)
        base = (q - 1) * np.asarray(value)
        inside = base > (-1 if q > 1 else 0)
        base = np.where(inside, base, 1)
        with np.errstate(over="ignore"):
            powers = np.exp(np.log1p(base) / (q - 1)) if q > 1 else base ** (1 / (q - 1))
        return np.where(inside, powers, 0.0 if q > 1 else np.inf)

    def divergence(self, ratio, other):
        """Return w^q f(u/w), and u^q/(q (q-1)) at w = 0."""
        q = self.q
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = other**q * power_divergence(ratio / other, q, (ratio - other) / other)
            edge = ratio**q / (q * (q - 1)) if q > 1 else np.where(ratio > 0, np.inf, 0.0)
        return np.where(other > 0, inside, edge)

    @property
    def anchor(self):
        """1/(1 - q) for q < 1, else 0."""
        return 1 / (1 - self.q) if self.q < 1 else 0.0

    @property
    def floor(self):
        """-1/(q - 1) for q > 1, else -inf."""
        return -1 / (self.q - 1) if self.q > 1 else -np.inf

    def strong_convexity(self, least_mass):
        """Return 1 for q in [1, 2], (min mu)^(1-q) below, as u <= 1/min mu on the simplex [derived]."""
        return 1.0 if self.q >= 1 else float(least_mass) ** (1 - self.q)

    def cvxpy_generator(self, ratio):
        """Return (u^q - 1 - q (u - 1))/(q (q - 1))."""
        import cvxpy as cp

        q = self.q
        if q == 1:
            return -cp.entr(ratio) - ratio + 1
        if q == 0:
            return ratio - 1 - cp.log(ratio)
        return (_cone_power(ratio, q) - 1 - q * (ratio - 1)) / (q * (q - 1))

    def cvxpy_conjugate(self, value):
        """Return ((1 + (q-1) v)_+^(q/(q-1)) - 1)/q."""
        import cvxpy as cp

        q = self.q
        if q == 1:
            return cp.exp(value) - 1, []
        if q == 0:
            return -cp.log(1 - value), []
        base = 1 + (q - 1) * value
        return (_cone_power(cp.pos(base) if q > 1 else base, q / (q - 1)) - 1) / q, []


def _cone_power(base, exponent: float):
    """Return base^exponent by power cones; CVXPY that has none yet takes the nearest fraction, exact for halves."""
    import inspect

    import cvxpy as cp

    exact = {"approx": False} if "approx" in inspect.signature(cp.power).parameters else {}
    return cp.power(base, exponent, **exact)
