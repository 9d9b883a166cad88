"""What every learner's compiled round is made of: drawing, duelling, charging regret, moving the policy.

Each learner's ``..._rounds(arena, book, arrays, ..., t0, t1, first, last)`` does iterations ``t0 <= t < t1`` of the
seeds ``first <= s < last`` in place; ``arrays`` are those of its ``state``, in that order. A step that changes with t
comes as an array over the iterations, in place of t1.
"""

from __future__ import annotations

import math

import numba as nb

from ..engine.kernels.random_stream import draw, uniform
from ..engine.kernels.structured import exponential
from .arena import PRESENT

# Columns of ``Book.gaps`` and the first of ``Book.tally``; after ARMS those of the arms' losses, as in ``Arena.loss``.
REGULARISED, UNREGULARISED, ARMS = 0, 1, 2


@nb.njit(cache=True, nogil=True, forceinline=True)
def draw_context(arena, stream):
    """Return the context of a round, drawn from the game's weights; nothing is drawn where there is one."""
    if arena.weights.shape[0] == 1:
        return 0
    return draw(arena.weights, stream)


@nb.njit(cache=True, nogil=True, forceinline=True)
def draw_outcome(arena, context, y, z, stream):
    """Return 1.0 where y wins an observed duel with z, else 0.0."""
    return 1.0 if uniform(stream) < arena.duel[context, y, z] else 0.0


@nb.njit(cache=True, nogil=True, forceinline=True)
def charge(arena, book, seed, rounds):
    """Charge ``rounds`` rounds of the policy played now, over all contexts."""
    contexts, actions = arena.log_mu.shape
    for c in range(contexts):
        weight = arena.weights[c] * rounds
        book.tally[seed, REGULARISED] += weight * book.gaps[seed, c, REGULARISED]
        book.tally[seed, UNREGULARISED] += weight * book.gaps[seed, c, UNREGULARISED]
        for i in range(actions):
            book.total[seed, c, i] += rounds * book.policy[seed, c, i]


@nb.njit(cache=True, nogil=True, forceinline=True)
def charge_arms(arena, book, seed, context, y, z):
    """Charge the arms of one duel."""
    for k in range(arena.loss.shape[0]):
        book.tally[seed, ARMS + k] += 0.5 * (arena.loss[k, context, y] + arena.loss[k, context, z])


@nb.njit(cache=True, nogil=True, forceinline=True)
def normalise(log_policy, policy):
    """Subtract log sum exp in place and write the probabilities."""
    n = log_policy.shape[0]
    top = log_policy[0]
    for i in range(1, n):
        if log_policy[i] > top:
            top = log_policy[i]
    for i in range(n):  # apart from their sum, which has an order: this loop runs in vectors
        policy[i] = exponential(log_policy[i] - top)
    mass = 0.0
    for i in range(n):
        mass += policy[i]
    shift = top + math.log(mass)
    for i in range(n):
        log_policy[i] -= shift
        policy[i] *= 1.0 / mass


@nb.njit(cache=True, nogil=True, forceinline=True)
def tilt(log_base, values, scale, log_policy, policy):
    """Write the policy ∝ base exp(values scale)."""
    for i in range(log_base.shape[0]):
        log_policy[i] = log_base[i] + values[i] * scale
    normalise(log_policy, policy)


@nb.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def multiply(skew, policy, margin):
    """Write A pi; only the order of the sums is free, so that they run in vectors."""
    n = policy.shape[0]
    for i in range(n):
        total = 0.0
        row = skew[i]
        for j in range(n):
            total += row[j] * policy[j]
        margin[i] = total


@nb.njit(cache=True, nogil=True, forceinline=True)
def measure(arena, book, seed, context):
    """Write both gaps of the policy played now in a context.

    tau KL(pi || BR) = sum pi (tau log pi/mu - A pi) + tau log sum mu exp(A pi / tau), a closed form [derived].
    """
    log_mu, tau = arena.log_mu[context], arena.tau
    policy, log_policy, margin = book.policy[seed, context], book.log_policy[seed, context], book.margin[seed]
    n = policy.shape[0]
    multiply(arena.skew[context], policy, margin)
    best = -1.0
    mean = 0.0
    for i in range(n):
        if log_mu[i] > PRESENT and margin[i] > best:
            best = margin[i]
        mean += policy[i] * (tau * (log_policy[i] - log_mu[i]) - margin[i])  # finite for absent actions too
    scale = 1.0 / tau
    top = -1e301
    for i in range(n):
        margin[i] = log_mu[i] + scale * margin[i]
        if margin[i] > top:
            top = margin[i]
    for i in range(n):
        margin[i] = exponential(margin[i] - top)
    mass = 0.0
    for i in range(n):
        mass += margin[i]
    gap = mean + tau * (top + math.log(mass))
    book.gaps[seed, context, REGULARISED] = gap if gap > 0.0 else 0.0
    book.gaps[seed, context, UNREGULARISED] = best


@nb.njit(cache=True, nogil=True, forceinline=True)
def play_tilted(arena, book, seed, context, theta):
    """Play pi ∝ mu exp(theta/tau) from now on in a context."""
    tilt(
        arena.log_mu[context],
        theta,
        1.0 / arena.tau,
        book.log_policy[seed, context],
        book.policy[seed, context],
    )
    measure(arena, book, seed, context)
