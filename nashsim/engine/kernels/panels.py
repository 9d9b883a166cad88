"""The vector interpreter of rule tables for games of up to 16 actions: a policy is one vector.

Logits are to base 2 and carry an offset of their own: no maximum is taken while
the sum of their powers stays in range, and its inverse says where they stand.
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
    load,
    multiply,
    pointer,
    store,
    subtract,
)
from .mixtures import mix, pointers
from .unrolled import multiply_columns


@nb.njit(cache=True, nogil=True, forceinline=True)
def _mix_policies(shape, powers, inverses, at, one, mixture):
    """Return the arithmetic mixture of the policies of slots."""
    count, slot, weight, first, weights = mixture
    width = len(shape) * len(shape[0])
    mixed = broadcast(shape, 0.0)
    for k in range(count):
        s = slot[first + k]
        part = load(shape, powers, at + s * width)
        mixed = fma(part, broadcast(shape, weight[weights + k] * inverses[one + s]), mixed)
    return mixed


@nb.njit(cache=True, nogil=True, forceinline=True)
def _exponentiate(shape, x):
    """Return logits, powers and the inverse of their sum; the largest logit becomes 0 where that leaves its range."""
    power = exp2(x)
    mass = lane_sum(power)
    if not 1e-30 < mass < 1e30:
        x = subtract(x, broadcast(shape, lane_max(x)))
        power = exp2(x)
        mass = lane_sum(power)
    return x, power, 1.0 / mass


@nb.njit(cache=True, nogil=True)
def advance_panels(shape, actions, columns, logits, powers, inverses, total, program, t0, t1, first, last):
    """Run iterations ``t0 <= t < t1`` of a program on problems ``first <= i < last``, in place.

    Parameters
    ----------
    shape : tuple
        Shape of a vector that holds a policy.
    actions : tuple
        As many zeros as actions.
    columns : ndarray, shape (contexts, actions, lanes)
        The columns of A = P - 1/2, padded with zeros.
    logits, powers : ndarray, shape (problems, slots + 1, lanes)
        Logits to base 2, and two to their power; -1e300 and 0 in the padding. The last slot is for mixtures.
    inverses : ndarray, shape (problems, slots + 1)
        Inverses of the sums of the powers.
    total : ndarray, shape (problems, lanes)
        Running sum of the played policies.
    program : Program
    t0, t1, first, last : int
        Problem i has context i modulo contexts.
    """
    width = len(shape) * len(shape[0])
    contexts = columns.shape[0]
    slots = logits.shape[1]
    stages = program.into.size
    most = program.base_slot.shape[1]
    panels, log_at = pointer(columns), pointer(logits)
    power_at, inverse_at, mean_at = pointer(powers), pointer(inverses), pointer(total)
    kind, into, eta, base_count, base_slot, base_weight, count, slot, weight = pointers(program)
    for problem in range(first, last):
        at = problem * slots * width
        one = problem * slots
        panel = (problem % contexts) * len(actions) * width
        fresh, inverse, power = -1, 0.0, broadcast(shape, 0.0)  # the policy written last stays in registers
        for t in range(t0, t1):
            row = (t - t0) * program.stride * stages
            for stage in range(stages):
                if stage == program.counted:
                    part = load(shape, power_at, at + program.played * width)
                    mean = load(shape, mean_at, problem * width)
                    mean = fma(part, broadcast(shape, inverse_at[one + program.played]), mean)
                    store(mean_at, problem * width, mean)
                weights = (row + stage) * most
                base = (base_count[stage], base_slot, base_weight, stage * most, weights)
                opponent = (count[stage], slot, weight, stage * most, weights)
                what = kind[stage]
                asked = slot[stage * most]
                if what >= GEOMETRIC:
                    asked = slots - 1
                    fresh = asked
                    if what == GEOMETRIC:
                        x = mix(shape, log_at, at, width, opponent, 0)
                        x, power, inverse = _exponentiate(shape, x)
                    else:
                        power = _mix_policies(shape, power_at, inverse_at, at, one, opponent)
                        inverse = 1.0
                    store(power_at, at + asked * width, power)
                x = mix(shape, log_at, at, width, base, 0)
                if what != MIX:
                    if asked != fresh:
                        inverse = inverse_at[one + asked]
                        power = load(shape, power_at, at + asked * width)
                    margin = multiply_columns(shape, actions, beyond(panels, panel), power)
                    margin = multiply(margin, broadcast(shape, eta[row + stage]))
                    x = fma(margin, broadcast(shape, inverse), x)
                x, power, inverse = _exponentiate(shape, x)
                fresh = into[stage]
                store(log_at, at + fresh * width, x)
                store(power_at, at + fresh * width, power)
                inverse_at[one + fresh] = inverse
            if (t + 1) % 1024 == 0:
                for s in range(slots):
                    x = load(shape, log_at, at + s * width)
                    x = add(x, broadcast(shape, math.log2(inverse_at[one + s])))
                    x, power, inverse = _exponentiate(shape, x)
                    store(log_at, at + s * width, x)
                    store(power_at, at + s * width, power)
                    inverse_at[one + s] = inverse
                fresh = -1
