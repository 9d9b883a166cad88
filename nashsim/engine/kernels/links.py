"""The compiled interpreter of rule tables for any regulariser: mirror steps on the values of its link.

The same loop as ``portable``, but that a step is normalised by the root of sum mu h(values - lambda) = 1 in place of a
softmax; h and its slope are called by pointer, so that every regulariser shares one compiled kernel.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np
from numba import types

from ..codes import ARITHMETIC, EXACT, MIX
from .portable import _ask, _ask_each, _mix, _pure

_FUNCTION = types.FunctionType(types.float64(types.float64, types.float64))
_EPS = 2.0**-52
_NEAR = 1e-9


@nb.njit(cache=True, nogil=True, error_model="numpy")
def normalise(values, mass, alone, inverse, slope, parameter, floor, one, probability):
    """Subtract lambda from link values in place, clip them at the floor, and write their probabilities.

    Parameters
    ----------
    values, mass, probability : ndarray, shape (actions,)
        Link values, mu, and where pi goes; an action of mass 0 gets 0.
    alone : ndarray, shape (actions,)
        f'(1/mu): the value at which one action would have all mass.
    inverse, slope : function
        h of (value, parameter), and 1/f'' of (ratio, parameter).
    parameter, floor, one : float
        The regulariser's number, f'(0), and f'(1).
    """
    n = values.shape[0]
    # counted from the action whose mass rounding would move most: that of the largest value where f' is bounded, else
    # that of the largest mu
    origin = -1
    for i in range(n):
        if mass[i] > 0.0:
            larger = values[i] > values[origin] if one != 0.0 else mass[i] > mass[origin]
            if origin < 0 or larger:
                origin = i
    start = values[origin]
    low = -math.inf
    high = -math.inf
    for i in range(n):
        if mass[i] > 0.0:
            values[i] -= start
            low = max(low, values[i] - alone[i])
            high = max(high, values[i] - one)
    high = max(high, low)
    shift = low
    before = math.inf
    for _ in range(200):
        total = -1.0
        rate = 0.0
        for i in range(n):
            if mass[i] > 0.0:
                ratio = inverse(values[i] - shift, parameter)
                total += mass[i] * ratio
                rate += mass[i] * slope(ratio, parameter)
        if total >= 0.0:
            low = shift
        if total <= 0.0:
            high = shift
        after = shift + total / rate
        if not (low <= after <= high):
            after = 0.5 * (low + high)
        # at rounding the sum is 1 as closely as it can be told, or no step brings it closer
        if after == shift or abs(total) <= _EPS or (abs(total) < _NEAR and abs(total) >= before):
            break
        before = abs(total)
        shift = after
    for i in range(n):
        if mass[i] > 0.0:
            values[i] = max(values[i] - shift, floor)
            probability[i] = mass[i] * inverse(values[i], parameter)
        else:
            values[i] = 0.0
            probability[i] = 0.0


@nb.njit(cache=True, nogil=True)
def _opponent(weights, query, values, pi, mass, alone, inverse, slope, parameter, floor, one, mixture, mixed):
    """Return the probabilities of a stage's opponent, formed in ``mixed`` where it is no pure policy."""
    slot = _pure(weights)
    if slot >= 0:
        return pi[slot]
    if query == ARITHMETIC:
        _mix(weights, pi, mixed)
    else:
        _mix(weights, values, mixture)
        normalise(mixture, mass, alone, inverse, slope, parameter, floor, one, mixed)
    return mixed


@nb.njit(
    types.void(
        types.Array(types.float64, 3, "C", readonly=True), types.float64[:, :, :, ::1], types.float64[:, :, :, ::1],
        types.float64[:, :, ::1], types.uint64[:, :, ::1], types.float64[:, ::1], types.float64[:, ::1],
        _FUNCTION, _FUNCTION, types.float64, types.float64, types.float64,
        types.Array(types.float64, 3, "A", readonly=True), types.Array(types.float64, 3, "A", readonly=True),
        types.Array(types.float64, 2, "A", readonly=True), types.int64[::1], types.int64[::1], types.int64,
        types.int64, types.int64, types.float64, types.int64, types.int64,
    ),
    cache=True, nogil=True,
)  # fmt: skip
def advance_links(
    skew, values, probabilities, total, streams, mass, alone, inverse, slope, parameter, floor, one, base, opponent,
    eta, into, query, played, feedback, samples, ridge, first, last,
):  # fmt: skip
    """Run the tabulated iterations on problems ``first <= i < last``, in place.

    Parameters
    ----------
    skew : ndarray, shape (contexts, actions, actions)
        A = P - 1/2, shared by all seeds.
    values, probabilities : ndarray, shape (seeds, contexts, slots, actions)
        Every named policy, as normalised values of the link and as probabilities.
    total, streams
        As for ``advance_portable``.
    mass, alone : ndarray, shape (contexts, actions)
    inverse, slope, parameter, floor, one
        As for ``normalise``.
    base, opponent, eta, into, query, played, feedback, samples, ridge, first, last
        As for ``advance_portable``.
    """
    contexts = skew.shape[0]
    n = skew.shape[1]
    iterations, stages = eta.shape
    counted = 0
    for stage in range(stages):
        if query[stage] != MIX:
            counted = stage
    mixture = np.empty(n)
    mixed = np.empty(n)
    margin = np.empty(n)
    for problem in range(first, last):
        seed = problem // contexts
        context = problem % contexts
        a = skew[context]
        mu = mass[context]
        own = alone[context]
        links = values[seed, context]
        pi = probabilities[seed, context]
        mean = total[seed, context]
        stream = streams[seed, context]
        for t in range(iterations):
            for stage in range(stages):
                if stage == counted:
                    for i in range(n):
                        mean[i] += pi[played, i]
                if query[stage] != MIX:
                    weights = opponent[t, stage]
                    if feedback != EXACT and query[stage] == ARITHMETIC and weights.min() < 0.0:
                        _ask_each(a, weights, pi, margin, feedback, samples, ridge, stream)
                    else:
                        asked = _opponent(
                            weights, query[stage], links, pi, mu, own, inverse, slope, parameter, floor, one,
                            mixture, mixed,
                        )  # fmt: skip
                        _ask(a, asked, margin, feedback, samples, ridge, stream)
                _mix(base[t, stage], links, mixture)
                if query[stage] != MIX:
                    step = eta[t, stage]
                    for i in range(n):
                        mixture[i] += step * margin[i]
                target = into[stage]
                for i in range(n):
                    links[target, i] = mixture[i]
                normalise(links[target], mu, own, inverse, slope, parameter, floor, one, pi[target])
