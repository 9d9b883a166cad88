"""What every learner's compiled round is made of: drawing, duelling, charging regret, moving the policy."""

from __future__ import annotations

import math

import numba as nb

from ..engine.random_kernel import draw, uniform
from ..engine.structured_kernel import exponential


@nb.njit(cache=True, nogil=True)
def context_of(arena, stream):
    """Return the context of a round, drawn from the game's weights; nothing is drawn where there is one."""
    if arena.weights.shape[0] == 1:
        return 0
    return draw(arena.weights, stream)


@nb.njit(cache=True, nogil=True)
def win(arena, context, y, z, stream):
    """Return 1.0 where y wins an observed duel with z, else 0.0."""
    return 1.0 if uniform(stream) < arena.duel[context, y, z] else 0.0


@nb.njit(cache=True, nogil=True)
def charge(arena, book, seed, rounds):
    """Charge ``rounds`` rounds of the policy played now, over all contexts."""
    contexts, actions = arena.log_mu.shape
    for c in range(contexts):
        weight = arena.weights[c] * rounds
        book.tally[seed, 0] += weight * book.gaps[seed, c, 0]
        book.tally[seed, 1] += weight * book.gaps[seed, c, 1]
        for i in range(actions):
            book.total[seed, c, i] += rounds * book.policy[seed, c, i]


@nb.njit(cache=True, nogil=True)
def charge_duel(arena, book, seed, context, y, z):
    """Charge the arms of one duel."""
    for k in range(3):
        book.tally[seed, 2 + k] += 0.5 * (arena.loss[k, context, y] + arena.loss[k, context, z])


@nb.njit(cache=True, nogil=True)
def normalise(log_policy, policy):
    """Subtract log sum exp in place and write the probabilities."""
    n = log_policy.shape[0]
    top = log_policy[0]
    for i in range(1, n):
        top = max(top, log_policy[i])
    mass = 0.0
    for i in range(n):
        policy[i] = exponential(log_policy[i] - top)
        mass += policy[i]
    shift = top + math.log(mass)
    for i in range(n):
        log_policy[i] -= shift
        policy[i] /= mass


@nb.njit(cache=True, nogil=True)
def tilt(log_base, values, scale, log_policy, policy):
    """Write the policy ∝ base exp(values scale)."""
    for i in range(log_base.shape[0]):
        log_policy[i] = log_base[i] + values[i] * scale
    normalise(log_policy, policy)


@nb.njit(cache=True, nogil=True)
def measure(arena, book, seed, context):
    """Write both gaps of the policy played now in a context.

    tau KL(pi || BR) = sum pi (tau log pi/mu - A pi) + tau log sum mu exp(A pi / tau), a closed form [derived].
    """
    n = arena.log_mu.shape[1]
    policy, margin = book.policy[seed, context], book.margin[seed]
    for i in range(n):
        margin[i] = 0.0
    for j in range(n):
        p = policy[j]
        for i in range(n):
            margin[i] -= arena.skew[context, j, i] * p  # the column, as A is skew
    best = top = -math.inf
    mean = 0.0
    for i in range(n):
        if arena.log_mu[context, i] > -1e299:
            best = max(best, margin[i])
        top = max(top, arena.log_mu[context, i] + margin[i] / arena.tau)
        if policy[i] > 0.0:
            ratio = book.log_policy[seed, context, i] - arena.log_mu[context, i]
            mean += policy[i] * (arena.tau * ratio - margin[i])
    mass = 0.0
    for i in range(n):
        mass += exponential(arena.log_mu[context, i] + margin[i] / arena.tau - top)
    book.gaps[seed, context, 0] = max(mean + arena.tau * (top + math.log(mass)), 0.0)
    book.gaps[seed, context, 1] = best


@nb.njit(cache=True, nogil=True)
def play(arena, book, seed, context, theta):
    """Play pi ∝ mu exp(theta/tau) from now on in a context."""
    tilt(
        arena.log_mu[context],
        theta,
        1.0 / arena.tau,
        book.log_policy[seed, context],
        book.policy[seed, context],
    )
    measure(arena, book, seed, context)
