"""The vector interpreter of rule tables for games of more than 16 actions: A is read as tiles of one triangle.

A tile serves both sides of the diagonal, so that a step reads half of A. Logits
are kept as in ``panels``.
"""

from __future__ import annotations

import math

import numba as nb

from ..codes import GEOMETRIC, MIX
from .llvm_vectors import (
    add,
    beyond,
    broadcast,
    exp2,
    fma,
    lane_max,
    lane_sum,
    larger,
    load,
    minus_fma,
    pairs1,
    pairs2,
    pairs4,
    pointer,
    store,
    subtract,
)
from .mixtures import mix, pointers


@nb.njit(cache=True, nogil=True, forceinline=True)
def _eight_rows(shape, tiles, blocks, block, backward, values, product):
    """Add what the tiles from the diagonal on give to both their sides, last tile first if ``backward``."""
    i = block * 8
    p0, p1 = broadcast(shape, values[i]), broadcast(shape, values[i + 1])
    p2, p3 = broadcast(shape, values[i + 2]), broadcast(shape, values[i + 3])
    p4, p5 = broadcast(shape, values[i + 4]), broadcast(shape, values[i + 5])
    p6, p7 = broadcast(shape, values[i + 6]), broadcast(shape, values[i + 7])
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = zero = broadcast(shape, 0.0)
    for k in range(blocks - block):
        place = blocks - block - 1 - k if backward else k
        at, j = place * 64, i + place * 8
        other, below, more = (
            load(shape, values, j),
            load(shape, product, j),
            zero,
        )  # two sums wait half as long
        row = load(shape, tiles, at)
        s0, below = fma(row, other, s0), minus_fma(row, p0, below)
        row = load(shape, tiles, at + 8)
        s1, more = fma(row, other, s1), minus_fma(row, p1, more)
        row = load(shape, tiles, at + 16)
        s2, below = fma(row, other, s2), minus_fma(row, p2, below)
        row = load(shape, tiles, at + 24)
        s3, more = fma(row, other, s3), minus_fma(row, p3, more)
        row = load(shape, tiles, at + 32)
        s4, below = fma(row, other, s4), minus_fma(row, p4, below)
        row = load(shape, tiles, at + 40)
        s5, more = fma(row, other, s5), minus_fma(row, p5, more)
        row = load(shape, tiles, at + 48)
        s6, below = fma(row, other, s6), minus_fma(row, p6, below)
        row = load(shape, tiles, at + 56)
        s7, more = fma(row, other, s7), minus_fma(row, p7, more)
        store(product, j, add(below, more))
    low = pairs2(pairs1(s0, s1), pairs1(s2, s3))
    high = pairs2(pairs1(s4, s5), pairs1(s6, s7))
    store(product, i, add(load(shape, product, i), pairs4(low, high)))


@nb.njit(cache=True, nogil=True, forceinline=True)
def _four_rows(shape, tiles, blocks, block, backward, values, product):
    """The same for tiles of four rows."""
    i = block * 4
    p0, p1 = broadcast(shape, values[i]), broadcast(shape, values[i + 1])
    p2, p3 = broadcast(shape, values[i + 2]), broadcast(shape, values[i + 3])
    s0 = s1 = s2 = s3 = zero = broadcast(shape, 0.0)
    for k in range(blocks - block):
        place = blocks - block - 1 - k if backward else k
        at, j = place * 16, i + place * 4
        other, below, more = (
            load(shape, values, j),
            load(shape, product, j),
            zero,
        )  # two sums wait half as long
        row = load(shape, tiles, at)
        s0, below = fma(row, other, s0), minus_fma(row, p0, below)
        row = load(shape, tiles, at + 4)
        s1, more = fma(row, other, s1), minus_fma(row, p1, more)
        row = load(shape, tiles, at + 8)
        s2, below = fma(row, other, s2), minus_fma(row, p2, below)
        row = load(shape, tiles, at + 12)
        s3, more = fma(row, other, s3), minus_fma(row, p3, more)
        store(product, j, add(below, more))
    sums = pairs2(pairs1(s0, s1), pairs1(s2, s3))
    store(product, i, add(load(shape, product, i), sums))


@nb.njit(cache=True, nogil=True, forceinline=True)
def _product(shape, tiles, blocks, backward, values, product):
    """Write A times ``values`` into ``product``.

    Products in turn go forward and backward, so that each begins with the tiles that the one before left in cache.
    """
    width = len(shape[0])
    for block in range(blocks):
        store(product, block * width, broadcast(shape, 0.0))
    for turn in range(blocks):
        block = blocks - 1 - turn if backward else turn
        rows = beyond(tiles, (block * blocks - block * (block - 1) // 2) * width * width)
        if width == 8:
            _eight_rows(shape, rows, blocks, block, backward, values, product)
        else:
            _four_rows(shape, rows, blocks, block, backward, values, product)


@nb.njit(cache=True, nogil=True, forceinline=True)
def _inverse_mass(shape, logits, powers, at, size, mass):
    """Return the inverse of the mass of a slot; bring its largest logit to 0 where the mass leaves its range."""
    width = len(shape) * len(shape[0])
    if not 1e-30 < mass < 1e30:
        top = load(shape, logits, at)
        for j in range(width, size, width):
            top = larger(load(shape, logits, at + j), top)
        shift = broadcast(shape, lane_max(top))
        masses = broadcast(shape, 0.0)
        for j in range(0, size, width):
            x = subtract(load(shape, logits, at + j), shift)
            power = exp2(x)
            masses = add(masses, power)
            store(logits, at + j, x)
            store(powers, at + j, power)
        mass = lane_sum(masses)
    return 1.0 / mass


@nb.njit(cache=True, nogil=True)
def advance_tiles(shape, tiles, logits, powers, inverses, total, product, program, t0, t1, first, last):
    """Run iterations ``t0 <= t < t1`` of a program on problems ``first <= i < last``, in place.

    Parameters
    ----------
    shape : tuple
        Shape of a vector of one register: 8 lanes, or 4.
    tiles : ndarray, shape (contexts, entries)
        Square tiles of the upper triangle of A = P - 1/2, rows of tiles one after the other; the tiles on the
        diagonal are zero below it.
    logits, powers : ndarray, shape (problems, slots + 1, size)
        Logits to base 2, and two to their power; -1e300 and 0 in the padding. The last slot is for mixtures.
    inverses : ndarray, shape (problems, slots + 1)
        Inverses of the sums of the powers.
    total : ndarray, shape (problems, size)
        Running sum of the played policies.
    product : ndarray, shape (problems, size)
        Workspace for A pi.
    program : Program
    t0, t1, first, last : int
        Problem i has context i modulo contexts.
    """
    width = len(shape) * len(shape[0])
    contexts, entries = tiles.shape
    slots, size = logits.shape[1:]
    stages = program.into.size
    most = program.base_slot.shape[1]
    tile_at, log_at = pointer(tiles), pointer(logits)
    power_at, inverse_at, mean_at = pointer(powers), pointer(inverses), pointer(total)
    margin_at = pointer(product)
    kind, into, eta, base_count, base_slot, base_weight, count, slot, weight = pointers(program)
    for problem in range(first, last):
        at = problem * slots * size
        one = problem * slots
        offset = problem * size
        for t in range(t0, t1):
            row = (t - t0) * program.stride * stages
            for stage in range(stages):
                if stage == program.counted:
                    inverse = broadcast(shape, inverse_at[one + program.played])
                    for j in range(0, size, width):
                        part = load(shape, power_at, at + program.played * size + j)
                        store(mean_at, offset + j, fma(part, inverse, load(shape, mean_at, offset + j)))
                weights = (row + stage) * most
                base = (base_count[stage], base_slot, base_weight, stage * most, weights)
                opponent = (count[stage], slot, weight, stage * most, weights)
                what = kind[stage]
                asked = slot[stage * most]
                if what >= GEOMETRIC:
                    asked = slots - 1
                    spare = at + asked * size
                    if what == GEOMETRIC:
                        masses = broadcast(shape, 0.0)
                        for j in range(0, size, width):
                            x = mix(shape, log_at, at, size, opponent, j)
                            power = exp2(x)
                            masses = add(masses, power)
                            store(log_at, spare + j, x)
                            store(power_at, spare + j, power)
                        inverse_at[one + asked] = _inverse_mass(
                            shape, log_at, power_at, spare, size, lane_sum(masses)
                        )
                    else:
                        for j in range(0, size, width):
                            store(power_at, spare + j, broadcast(shape, 0.0))
                        for k in range(count[stage]):
                            s = slot[stage * most + k]
                            scale = broadcast(shape, weight[weights + k] * inverse_at[one + s])
                            for j in range(0, size, width):
                                part = load(shape, power_at, at + s * size + j)
                                store(power_at, spare + j, fma(part, scale, load(shape, power_at, spare + j)))
                        inverse_at[one + asked] = 1.0
                target = at + into[stage] * size
                masses = broadcast(shape, 0.0)
                if what != MIX:
                    _product(
                        shape,
                        beyond(tile_at, (problem % contexts) * entries),
                        size // width,
                        (t * stages + stage) % 2 == 1,
                        beyond(power_at, at + asked * size),
                        beyond(margin_at, offset),
                    )
                    scale = broadcast(shape, eta[row + stage] * inverse_at[one + asked])
                    for j in range(0, size, width):
                        x = mix(shape, log_at, at, size, base, j)
                        x = fma(load(shape, margin_at, offset + j), scale, x)
                        power = exp2(x)
                        masses = add(masses, power)
                        store(log_at, target + j, x)
                        store(power_at, target + j, power)
                else:
                    for j in range(0, size, width):
                        x = mix(shape, log_at, at, size, base, j)
                        power = exp2(x)
                        masses = add(masses, power)
                        store(log_at, target + j, x)
                        store(power_at, target + j, power)
                inverse_at[one + into[stage]] = _inverse_mass(
                    shape, log_at, power_at, target, size, lane_sum(masses)
                )
            if (t + 1) % 1024 == 0:
                for s in range(slots):
                    shift = broadcast(shape, math.log2(inverse_at[one + s]))
                    masses = broadcast(shape, 0.0)
                    for j in range(at + s * size, at + (s + 1) * size, width):
                        x = add(load(shape, log_at, j), shift)
                        power = exp2(x)
                        masses = add(masses, power)
                        store(log_at, j, x)
                        store(power_at, j, power)
                    inverse_at[one + s] = _inverse_mass(
                        shape, log_at, power_at, at + s * size, size, lane_sum(masses)
                    )
