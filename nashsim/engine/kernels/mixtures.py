"""What the three vector kernels share: where a program lies, and mixtures of slots."""

from __future__ import annotations

import numba as nb

from .llvm_vectors import beyond, broadcast, fma, load, multiply, pointer, store


@nb.njit(cache=True, nogil=True, forceinline=True)
def pointers(program):
    """Return pointers to kind, into and eta of a program, and to count, slot and weight of bases and of opponents."""
    return (
        pointer(program.kind),
        pointer(program.into),
        pointer(program.eta),
        pointer(program.base_count),
        pointer(program.base_slot),
        pointer(program.base_weight),
        pointer(program.opponent_count),
        pointer(program.opponent_slot),
        pointer(program.opponent_weight),
    )


@nb.njit(cache=True, nogil=True, forceinline=True)
def mix(shape, values, at, size, mixture, j):
    """Return the vector at ``j`` of sum_k weight_k log pi_k.

    Parameters
    ----------
    shape : tuple
        As many zeros as lanes.
    values : pointer
        Slot s lies from ``at + s size`` on.
    at, size : int
    mixture : tuple of count, slot, weight, first, weights
        The slots ``slot[first : first + count]`` with weights ``weight[weights : weights + count]``; slot and weight
        are pointers.
    j : int
        Place of the vector in the slot.
    """
    count, slot, weight, first, weights = mixture
    mixed = multiply(load(shape, values, at + slot[first] * size + j), broadcast(shape, weight[weights]))
    for k in range(1, count):
        part = load(shape, values, at + slot[first + k] * size + j)
        mixed = fma(part, broadcast(shape, weight[weights + k]), mixed)
    return mixed


@nb.njit(cache=True, nogil=True, forceinline=True)
def mix_all(shape, values, at, size, mixture, target):
    """Write the whole mixture that ``mix`` forms a vector of, in the same order, to ``target``.

    The slots are the outer loop, so that a vector costs no look-up.
    """
    count, slot, weight, first, weights = mixture
    width = len(shape) * len(shape[0])
    one = beyond(values, at + slot[first] * size)
    share = broadcast(shape, weight[weights])
    if count == 1:
        for j in range(0, size, width):
            store(target, j, multiply(load(shape, one, j), share))
        return
    other = beyond(values, at + slot[first + 1] * size)
    rest = broadcast(shape, weight[weights + 1])
    for j in range(0, size, width):
        store(target, j, fma(load(shape, other, j), rest, multiply(load(shape, one, j), share)))
    for k in range(2, count):
        other = beyond(values, at + slot[first + k] * size)
        rest = broadcast(shape, weight[weights + k])
        for j in range(0, size, width):
            store(target, j, fma(load(shape, other, j), rest, load(shape, target, j)))
