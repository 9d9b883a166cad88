"""The vector interpreter of rule tables for many games of up to 16 actions: one game a lane.

Every operation has its twin in ``panels``, in the same order, so that a
game ends at the same bits whatever runs beside it.
"""

from __future__ import annotations

import math

import numba as nb

from ..codes import GEOMETRIC, MIX
from .llvm_vectors import (
    add,
    all_between,
    beyond,
    broadcast,
    divide,
    exp2,
    fma,
    larger,
    load,
    multiply,
    pointer,
    store,
    subtract,
    where_between,
)
from .mixtures import mix_all, pointers
from .unrolled import step_games, sum_actions


@nb.njit(cache=True, nogil=True, forceinline=True)
def _inverse_mass(shape, actions, panel, logits, powers, at, mass):
    """Return the inverse masses of a slot; bring largest logits to 0 in the lanes whose mass leaves its range."""
    width = len(shape) * len(shape[0])
    if not all_between(mass, 1e-30, 1e30):
        top = load(shape, logits, at)
        for j in range(1, len(actions)):
            top = larger(load(shape, logits, at + j * width), top)
        shift = where_between(mass, 1e-30, 1e30, broadcast(shape, 0.0), top)
        for j in range(at, at + len(actions) * width, width):
            x = subtract(load(shape, logits, j), shift)
            store(logits, j, x)
            store(powers, j, exp2(x))
        mass = sum_actions(shape, actions, panel, beyond(powers, at))
    return divide(broadcast(shape, 1.0), mass)


@nb.njit(cache=True, nogil=True)
def advance_games(
    shape, actions, panel, entries, logits, powers, inverses, total, program, t0, t1, first, last
):
    """Run iterations ``t0 <= t < t1`` of a program on blocks ``first <= i < last`` of games, in place.

    Parameters
    ----------
    shape : tuple
        Shape of a vector with one game a lane.
    actions : tuple
        As many zeros as actions.
    panel : tuple
        Shape of the vector that ``panels`` takes for a policy.
    entries : ndarray, shape (blocks, actions (actions - 1)/2, lanes)
        A = P - 1/2 above its diagonal, row after row.
    logits, powers : ndarray, shape (blocks, slots + 1, actions, lanes)
        Logits to base 2, and two to their power. The last slot is for mixtures.
    inverses : ndarray, shape (blocks, slots + 1, lanes)
        Inverses of the sums of the powers.
    total : ndarray, shape (blocks, actions, lanes)
        Running sum of the played policies.
    program : Program
    t0, t1, first, last : int
    """
    width = len(shape) * len(shape[0])
    size = len(actions) * width
    slots = inverses.shape[1]
    stages = program.into.size
    most = program.base_slot.shape[1]
    entry_at, log_at = pointer(entries), pointer(logits)
    power_at, inverse_at, mean_at = pointer(powers), pointer(inverses), pointer(total)
    kind, into, eta, base_count, base_slot, base_weight, count, slot, weight = pointers(program)
    for block in range(first, last):
        at = block * slots * size
        one = block * slots * width
        offset = block * size
        spare = at + (slots - 1) * size
        mixture = beyond(log_at, spare)
        mean = beyond(mean_at, offset)
        matrix = beyond(entry_at, block * entries.shape[1] * width)
        for t in range(t0, t1):
            row = (t - t0) * program.stride * stages
            for stage in range(stages):
                weights = (row + stage) * most
                names = stage * most
                base = (base_count[stage], base_slot, base_weight, names, weights)
                opponent = (count[stage], slot, weight, names, weights)
                what = kind[stage]
                asked = slot[names]
                if what >= GEOMETRIC:
                    asked = slots - 1
                    if what == GEOMETRIC:
                        mix_all(shape, log_at, at, size, opponent, mixture)
                        for j in range(0, size, width):
                            store(power_at, spare + j, exp2(load(shape, mixture, j)))
                        mass = sum_actions(shape, actions, panel, beyond(power_at, spare))
                        inverse = _inverse_mass(shape, actions, panel, log_at, power_at, spare, mass)
                    else:
                        for j in range(0, size, width):
                            x = broadcast(shape, 0.0)
                            for k in range(count[stage]):
                                s = slot[names + k]
                                scale = multiply(
                                    broadcast(shape, weight[weights + k]),
                                    load(shape, inverse_at, one + s * width),
                                )
                                x = fma(load(shape, power_at, at + s * size + j), scale, x)
                            store(power_at, spare + j, x)
                        inverse = broadcast(shape, 1.0)
                    store(inverse_at, one + asked * width, inverse)
                target = at + into[stage] * size
                count_here = stage == program.counted
                if count_here and asked != program.played:
                    inverse = load(shape, inverse_at, one + program.played * width)
                    for j in range(0, size, width):
                        part = load(shape, power_at, at + program.played * size + j)
                        store(mean_at, offset + j, fma(part, inverse, load(shape, mean_at, offset + j)))
                    count_here = False
                if what != MIX:
                    # A mixture of two is formed within the step, of others beforehand.
                    if base_count[stage] == 2:
                        first_at = beyond(log_at, at + base_slot[names] * size)
                        other_at = beyond(log_at, at + base_slot[names + 1] * size)
                        share, rest = base_weight[weights], base_weight[weights + 1]
                    else:
                        mix_all(shape, log_at, at, size, base, mixture)
                        first_at, other_at, share, rest = mixture, mixture, 1.0, 0.0
                    inverse = load(shape, inverse_at, one + asked * width)
                    step = broadcast(shape, eta[row + stage])
                    values = beyond(power_at, at + asked * size)
                    bases = (
                        first_at,
                        broadcast(shape, share),
                        other_at,
                        broadcast(shape, rest),
                        mean,
                        inverse,
                    )
                    written = (beyond(log_at, target), beyond(power_at, target))
                    moved = (matrix, values, inverse, step, *bases, *written)
                    if count_here:
                        mass = step_games(shape, actions, panel, (0,), *moved)
                    else:
                        mass = step_games(shape, actions, panel, (), *moved)
                else:
                    mix_all(shape, log_at, at, size, base, mixture)
                    for j in range(0, size, width):
                        x = load(shape, mixture, j)
                        store(log_at, target + j, x)
                        store(power_at, target + j, exp2(x))
                    mass = sum_actions(shape, actions, panel, beyond(power_at, target))
                inverse = _inverse_mass(shape, actions, panel, log_at, power_at, target, mass)
                store(inverse_at, one + into[stage] * width, inverse)
            if (t + 1) % 1024 == 0:
                for s in range(slots - 1):
                    for lane in range(width):
                        mixture[lane] = math.log2(inverse_at[one + s * width + lane])
                    shift = load(shape, mixture, 0)
                    for j in range(at + s * size, at + (s + 1) * size, width):
                        x = add(load(shape, log_at, j), shift)
                        store(log_at, j, x)
                        store(power_at, j, exp2(x))
                    mass = sum_actions(shape, actions, panel, beyond(power_at, at + s * size))
                    inverse = _inverse_mass(shape, actions, panel, log_at, power_at, at + s * size, mass)
                    store(inverse_at, one + s * width, inverse)
