"""The payoff A pi to the last digit, and the best response to it.

A residual of 1e-13 at tau = 1e-3 asks for A pi to 1e-16 in absolute terms, which is what a plain float64
product loses to rounding. Splitting both factors into a short head and a tail makes the leading product
exact, at BLAS speed and on every platform (np.longdouble is only float64 on some).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

#: Rows of a matrix that are split at once.
ROWS = 512

# A matrix head is a multiple of 2^-26 of the matrix' bound, a vector head one of 2^-27 of the vector's sum:
# the partial sums of their product stay within 2^53 units, and so are exact in whatever order they come.
_MATRIX_GRID = 2.0**26
_VECTOR_GRID = 2.0**27


class SplitVector(NamedTuple):
    """A vector as head + tail, the head short enough for exact products.

    Attributes
    ----------
    head, tail, whole : ndarray, shape (..., size)
        ``whole`` is head + tail rounded to float64.
    """

    head: np.ndarray
    tail: np.ndarray
    whole: np.ndarray


def split_vector(high: np.ndarray, low: np.ndarray | float = 0.0) -> SplitVector:
    """Return the vector high + low in two parts.

    Parameters
    ----------
    high, low : ndarray, shape (..., size)
        Its digits, and those below the last of ``high``.
    """
    return _split(high, low, power_of_two(np.abs(high).sum(axis=-1).max()))


def split_each(high: np.ndarray) -> SplitVector:
    """Return every vector of a stack split as :func:`split_vector` splits it alone.

    Parameters
    ----------
    high : ndarray, shape (..., size)
        Vectors none of which is 0.
    """
    sums = np.abs(high).sum(axis=-1, keepdims=True)
    return _split(high, 0.0, np.ldexp(1.0, np.frexp(sums)[1]))


def _split(high: np.ndarray, low: np.ndarray | float, bound: np.ndarray | float) -> SplitVector:
    grid = _VECTOR_GRID / bound
    head = np.trunc(high * grid) / grid
    return SplitVector(head, (high - head) + low, high)


def split_product(matrix: np.ndarray, bound: float, vector: SplitVector) -> tuple[np.ndarray, np.ndarray]:
    """Return matrix @ vector as an exact part and the rest, which is small and rounded in float64.

    M v = M_h v_h + (M_h v_l + M_l v): the first product has no rounding; the others are about 2^-26 of
    |M| |v|, so that their rounding is 2^-79 of it [derived].

    Parameters
    ----------
    matrix : ndarray, shape (..., rows, size)
    bound : float
        A power of two that no |entry| exceeds.
    vector : SplitVector, shape (..., size)

    Returns
    -------
    exact, rest : ndarray, shape (..., rows)
    """
    grid = _MATRIX_GRID / bound
    head = np.rint(matrix * grid) / grid
    rest = head @ vector.tail[..., None] + (matrix - head) @ vector.whole[..., None]
    return (head @ vector.head[..., None])[..., 0], rest[..., 0]


def power_of_two(value: float) -> float:
    """Return a power of two that is at least ``value``, and 1 for 0.

    Parameters
    ----------
    value : float
        At least 0.
    """
    return float(np.ldexp(1.0, np.frexp(value)[1]))


def accurate_margin(skew: np.ndarray, policy: np.ndarray) -> np.ndarray:
    """Return A pi, rounded once: the error is eps |A pi| + n^2 2^-80, where a plain product has eps |A| pi.

    By :func:`split_product`. Near an equilibrium the actions in play have payoffs of order tau, so that
    A pi/tau keeps full precision [derived].

    Parameters
    ----------
    skew : ndarray, shape (..., actions, actions)
        A = P - 1/2, entries in [-1/2, 1/2].
    policy : ndarray, shape (..., actions)
        Probabilities.

    Returns
    -------
    ndarray, shape (..., actions)

    Examples
    --------
    >>> accurate_margin(np.array([[0.0, 0.3], [-0.3, 0.0]]), np.array([0.5, 0.5]))
    array([ 0.15, -0.15])
    """
    blocks = (skew[..., first : first + ROWS, :] for first in range(0, skew.shape[-1], ROWS))
    return accurate_rows(blocks, policy)


def accurate_rows(blocks, policy: np.ndarray) -> np.ndarray:
    """Return A pi as :func:`accurate_margin` does, from A's rows in blocks.

    Parameters
    ----------
    blocks : iterable of ndarray, each shape (..., rows, actions)
        A's rows in order.
    policy : ndarray, shape (..., actions)

    Returns
    -------
    ndarray, shape (..., actions)
    """
    vector, margin, first = split_vector(policy), np.empty(policy.shape), 0
    for block in blocks:
        last = first + block.shape[-2]
        margin[..., first:last] = sum(split_product(block, 0.5, vector))
        first = last
    return margin
