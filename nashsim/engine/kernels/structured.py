"""One mirror step over a very long policy, in one pass over memory.

The actions are taken some at a time, few enough that everything about them stays in the first cache: their
payoffs are formed, their logits mixed and moved, their weights exp(logit) taken, and what the next payoff needs to
know of these weights is summed up, before the next actions are touched.
"""

from __future__ import annotations

import numba as nb
import numpy as np

#: Actions that are taken at once.
CHUNK = 128

_PER_OCTAVE = 1.4426950408889634  # 1/log 2
_OCTAVE = 6.93147180369123816490e-01  # log 2 to 32 bits, so that a multiple of it is exact
_OCTAVE_REST = 1.90821492927058770002e-10
_ROUNDER = 6755399441055744.0  # 1.5 2^52: adding it leaves the nearest integer in the last digits


# No reassociation: it would cancel the rounding by addition.
@nb.njit(cache=True, nogil=True, fastmath={"contract"})
def exponential(x):
    """Return exp(x) to an ulp or so: 0 below -708, exp(709) above 709, NaN where x is not finite.

    x = k log 2 + r with |r| <= log(2)/2, and the Taylor series of exp(r), whose remainder after r^13 is 4e-18.

    Parameters
    ----------
    x : float
    """
    inside = min(max(x, -708.0), 709.0)
    shifted = inside * _PER_OCTAVE + _ROUNDER
    octaves = shifted - _ROUNDER
    r = (inside - octaves * _OCTAVE) - octaves * _OCTAVE_REST
    series = 1 / 6227020800 * r + 1 / 479001600
    series = series * r + 1 / 39916800
    series = series * r + 1 / 3628800
    series = series * r + 1 / 362880
    series = series * r + 1 / 40320
    series = series * r + 1 / 5040
    series = series * r + 1 / 720
    series = series * r + 1 / 120
    series = series * r + 1 / 24
    series = series * r + 1 / 6
    series = series * r + 0.5
    series = series * r + 1.0
    series = series * r + 1.0
    bits = np.float64(shifted).view(np.int64)
    power = np.int64((bits + np.int64(1023)) << np.int64(52)).view(np.float64)
    return (series * power if x >= -708.0 else 0.0) + (x - x)


@nb.njit(cache=True, nogil=True)
def weights_of(logits, weights):
    """Write exp(logits); both of shape (actions,)."""
    for i in range(logits.shape[0]):
        weights[i] = exponential(logits[i])


@nb.njit(cache=True, nogil=True, fastmath={"contract"})
def _polynomials(positions, degrees, tile):
    """Write T_0, T_1, ... of every position, annotator after annotator.

    Parameters
    ----------
    positions : ndarray, shape (annotators, width)
        Positions in [-1, 1].
    degrees : ndarray of int, shape (annotators,)
        How many polynomials each has; at least 2.
    tile : ndarray, shape (columns, width)
    """
    width = positions.shape[1]
    first = 0
    for a in range(degrees.shape[0]):
        at = positions[a]
        for b in range(width):
            tile[first, b] = 1.0
            tile[first + 1, b] = at[b]
        for j in range(first + 2, first + degrees[a]):
            one, two, new = tile[j - 1], tile[j - 2], tile[j]
            for b in range(width):
                new[b] = 2.0 * at[b] * one[b] - two[b]
        first += degrees[a]


@nb.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _combine(tile, coefficients, logits):
    """Add coefficients @ tile to the logits, column after column: memory is met in its order, and so fetched ahead."""
    for j in range(coefficients.shape[0]):
        f, c = tile[j], coefficients[j]
        for b in range(logits.shape[0]):
            logits[b] += c * f[b]


@nb.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _gather(tile, weights, moments):
    """Add tile @ weights to the moments, in the same order."""
    for j in range(moments.shape[0]):
        f, gathered = tile[j], 0.0
        for b in range(weights.shape[0]):
            gathered += f[b] * weights[b]
        moments[j] += gathered


@nb.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _sum(values):
    total = 0.0
    for b in range(values.shape[0]):
        total += values[b]
    return total


@nb.njit(cache=True, nogil=True, fastmath={"contract"})
def mirror_pass(
    tiles, degrees, logits, weights, total, base, shift, coefficients, into, played, scale, moments
):
    """Do one mirror step: logits[into] = sum_k base[k] logits[k] - shift + F coefficients. Return the new mass.

    Parameters
    ----------
    tiles : ndarray, shape (chunks, columns, CHUNK)
        The factors F of the payoff, transposed chunk by chunk so that a chunk is one stretch of memory.
    degrees : ndarray of int, shape (annotators,)
        Empty, or how many Chebyshev polynomials of each column of ``tiles`` are the columns of F.
    logits, weights : ndarray, shape (slots, actions)
        Every policy as logits up to a constant and as their exponentials.
    total : ndarray, shape (actions,)
        Gains ``scale weights[played]`` before anything is written, unless ``played`` is -1.
    base : ndarray, shape (slots,)
    shift : float
    coefficients : ndarray, shape (F's columns,), or empty
        Empty where the step asks nothing.
    into, played : int
    scale : float
    moments : ndarray, shape (F's columns,), or empty
        Receives F^T weights[into]; empty where nobody asks for it.

    Returns
    -------
    float
        sum exp(logits[into]).
    """
    actions = total.shape[0]
    chunks = (actions + CHUNK - 1) // CHUNK
    basis = np.empty((degrees.sum(), CHUNK))
    moved = np.empty(CHUNK)
    touched = coefficients.shape[0] > 0 or moments.shape[0] > 0
    moments[:] = 0.0
    mass = 0.0
    for c in range(chunks):
        first = c * CHUNK
        last = min(first + CHUNK, actions)
        x = moved[: last - first]
        if played >= 0:
            mean, shown = total[first:last], weights[played, first:last]
            for b in range(x.shape[0]):
                mean[b] += scale * shown[b]
        x[:] = -shift
        for k in range(base.shape[0]):
            w = base[k]
            if w != 0.0:
                row = logits[k, first:last]
                for b in range(x.shape[0]):
                    x[b] += w * row[b]
        tile = basis
        if touched:
            if degrees.shape[0] > 0:
                _polynomials(tiles[c], degrees, basis)
            else:
                tile = tiles[c]
        if coefficients.shape[0] > 0:
            _combine(tile, coefficients, x)
        new = weights[into, first:last]
        logits[into, first:last] = x
        weights_of(x, new)
        if moments.shape[0] > 0:
            _gather(tile, new, moments)
        mass += _sum(new)
    return mass
