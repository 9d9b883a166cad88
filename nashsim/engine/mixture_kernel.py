"""What the three vector kernels share: mixtures of slots."""

from __future__ import annotations

import numba as nb

from .vectors import broadcast, fma, load, multiply


@nb.njit(cache=True, nogil=True, forceinline=True)
def mix(shape, values, at, size, count, slot, weight, first, weights, j):
    """Return the vector at ``j`` of sum_k weight_k log pi_k.

    Parameters
    ----------
    shape : tuple
        As many zeros as lanes.
    values : pointer
        Slot s lies from ``at + s size`` on.
    at, size : int
    count : int
        Slots in the mixture: ``slot[first : first + count]`` with weights ``weight[weights : weights + count]``.
    slot, weight : pointer
    first, weights : int
    j : int
        Where in the slot.
    """
    mixture = multiply(load(shape, values, at + slot[first] * size + j), broadcast(shape, weight[weights]))
    for k in range(1, count):
        part = load(shape, values, at + slot[first + k] * size + j)
        mixture = fma(part, broadcast(shape, weight[weights + k]), mixture)
    return mixture
