"""Compiled products with one triangle of a skew matrix. Imported at the first product: numba is heavy."""

from __future__ import annotations

import numba
import numpy as np


# Only the order of the sums is free, so that they run in vectors.
@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def skew_product(triangle, vector, product):
    """Write A v into ``product``, reading each entry of the triangle once, eight rows at a time.

    Eight rows share the loads of ``vector`` and the updates of ``product`` (four: 1.2 times slower). They are
    written out, as LLVM makes vectors of the long inner loop only.

    Parameters
    ----------
    triangle : ndarray, shape (size (size - 1)/2,)
        The strict upper triangle, row after row, float64 or float32.
    vector, product : ndarray, shape (size,)
    """
    size = vector.size
    product[:] = 0.0
    start = 0
    whole = size - size % 8
    for i in range(0, whole, 8):
        right = size - i - 8
        # Row r of the eight has 7 - r entries up to the corner's edge at t_r, then ``right`` entries.
        at = start
        for r in range(8):
            for c in range(r + 1, 8):
                a = np.float64(triangle[at])
                at += 1
                product[i + r] += a * vector[i + c]
                product[i + c] -= a * vector[i + r]
            at += right
        t0 = start + 7
        t1 = t0 + right + 6
        t2 = t1 + right + 5
        t3 = t2 + right + 4
        t4 = t3 + right + 3
        t5 = t4 + right + 2
        t6 = t5 + right + 1
        t7 = t6 + right + 0
        start = t7 + right
        row0, row1, row2, row3 = (
            triangle[t0 : t0 + right],
            triangle[t1 : t1 + right],
            triangle[t2 : t2 + right],
            triangle[t3 : t3 + right],
        )
        row4, row5, row6, row7 = (
            triangle[t4 : t4 + right],
            triangle[t5 : t5 + right],
            triangle[t6 : t6 + right],
            triangle[t7 : t7 + right],
        )
        v0, v1, v2, v3 = vector[i], vector[i + 1], vector[i + 2], vector[i + 3]
        v4, v5, v6, v7 = vector[i + 4], vector[i + 5], vector[i + 6], vector[i + 7]
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
        others, below = vector[i + 8 :], product[i + 8 :]
        for k in range(right):
            v = others[k]
            a0, a1, a2, a3 = (
                np.float64(row0[k]),
                np.float64(row1[k]),
                np.float64(row2[k]),
                np.float64(row3[k]),
            )
            a4, a5, a6, a7 = (
                np.float64(row4[k]),
                np.float64(row5[k]),
                np.float64(row6[k]),
                np.float64(row7[k]),
            )
            s0 += a0 * v
            s1 += a1 * v
            s2 += a2 * v
            s3 += a3 * v
            s4 += a4 * v
            s5 += a5 * v
            s6 += a6 * v
            s7 += a7 * v
            upper = a0 * v0 + a1 * v1 + a2 * v2 + a3 * v3
            below[k] -= upper + (a4 * v4 + a5 * v5 + a6 * v6 + a7 * v7)
        product[i] += s0
        product[i + 1] += s1
        product[i + 2] += s2
        product[i + 3] += s3
        product[i + 4] += s4
        product[i + 5] += s5
        product[i + 6] += s6
        product[i + 7] += s7
    for i in range(whole, size):
        for j in range(i + 1, size):
            a = np.float64(triangle[start])
            start += 1
            product[i] += a * vector[j]
            product[j] -= a * vector[i]


@numba.njit(cache=True)
def unpack_rows(triangle, first, block):
    """Write A[first : first + rows] into a block of zeros.

    Parameters
    ----------
    triangle : ndarray, shape (size (size - 1)/2,)
    first : int
    block : ndarray, shape (rows, size)
    """
    rows, size = block.shape
    for j in range(min(first + rows, size)):
        start = j * (2 * size - j - 1) // 2 - j - 1
        for i in range(max(first, j + 1), first + rows):
            block[i - first, j] = -triangle[start + i]
        if j >= first:
            for k in range(j + 1, size):
                block[j - first, k] = triangle[start + k]
