"""Arithmetic on sums of two floats, for log-policies that float64 alone holds too coarsely: 106 bits, elementwise."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np

_SPLIT = 2.0**27 + 1
_LN2 = Fraction(
    "0.693147180559945309417232121458176568075500134360255254120680009493393621969694715605863327"
)
# 31 bits, so that its multiples up to 2^22 have no rounding; then the next 53, and what is left.
_LN2_HEAD = float(Fraction(math.floor(_LN2 * 2**31), 2**31))
_LN2_MIDDLE = float(_LN2 - Fraction(_LN2_HEAD))
_LN2_TAIL = float(_LN2 - Fraction(_LN2_HEAD) - Fraction(_LN2_MIDDLE))
# exp(r/2^8), |r| <= 0.35, by as many terms as 106 bits take.
_HALVINGS, _TERMS = 8, 11


class Double(NamedTuple):
    """high + low, |low| at most half a unit in the last place of high.

    Attributes
    ----------
    high, low : ndarray
    """

    high: np.ndarray
    low: np.ndarray

    def __add__(self, other) -> Double:
        other = as_double(other)
        high, low = two_sum(self.high, other.high)
        return quick_sum(high, low + (self.low + other.low))

    def __neg__(self) -> Double:
        return Double(-self.high, -self.low)

    def __sub__(self, other) -> Double:
        return self + -as_double(other)

    def __mul__(self, other) -> Double:
        other = as_double(other)
        high, low = two_product(self.high, other.high)
        return quick_sum(high, low + (self.high * other.low + self.low * other.high))

    def __truediv__(self, other) -> Double:
        other = as_double(other)
        first = self.high / other.high
        rest = self - other * first
        return quick_sum(first, (rest.high + rest.low) / other.high)

    def total(self) -> Double:
        """Return the sum of all entries."""
        parts = [*self.high.tolist(), *self.low.tolist()]
        high = math.fsum(parts)
        return Double(np.asarray(high), np.asarray(math.fsum([*parts, -high])))


def as_double(value) -> Double:
    """Return a number or an array as a sum of two.

    Parameters
    ----------
    value : float, ndarray or Double
    """
    return value if isinstance(value, Double) else Double(np.asarray(value, float), np.zeros(np.shape(value)))


def two_sum(a, b) -> Double:
    """Return a + b without rounding (Knuth).

    Parameters
    ----------
    a, b : ndarray
    """
    high = a + b
    moved = high - a
    return Double(high, (a - (high - moved)) + (b - moved))


def quick_sum(a, b) -> Double:
    """Return a + b without rounding where \\|a\\| >= \\|b\\| (Dekker).

    Parameters
    ----------
    a, b : ndarray
    """
    high = a + b
    return Double(high, b - (high - a))


def two_product(a, b) -> Double:
    """Return a b without rounding (Dekker, Veltkamp), while \\|a\\| and \\|b\\| are below 1e290.

    Parameters
    ----------
    a, b : ndarray
    """
    high = a * b
    a_head, b_head = (x * _SPLIT - (x * _SPLIT - x) for x in (a, b))
    a_tail, b_tail = a - a_head, b - b_head
    return Double(high, ((a_head * b_head - high) + a_head * b_tail + a_tail * b_head) + a_tail * b_tail)


def exponential(x: Double) -> Double:
    """Return exp(x), x <= 0, to about 100 bits, or 0 where that underflows.

    Examples
    --------
    >>> e = exponential(as_double(np.array([-1.0])))
    >>> float(e.high[0]), round(float(e.low[0]), 25)
    (0.36787944117144233, -1.24287537e-17)
    """
    inside = x.high > -740
    x = Double(np.where(inside, x.high, 0.0), np.where(inside, x.low, 0.0))
    count = np.rint(x.high / float(_LN2))
    reduced = x - count * _LN2_HEAD - two_product(count, _LN2_MIDDLE) - count * _LN2_TAIL
    small = Double(reduced.high / 2**_HALVINGS, reduced.low / 2**_HALVINGS)
    less_one = small / float(_TERMS)
    for k in range(_TERMS - 1, 0, -1):
        less_one = (less_one + 1.0) * small / float(k)
    for _ in range(_HALVINGS):
        less_one = less_one * 2.0 + less_one * less_one
    found, scale = less_one + 1.0, count.astype(int)
    return Double(*(np.where(inside, np.ldexp(part, scale), 0.0) for part in found))
