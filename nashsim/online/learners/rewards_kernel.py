"""Compiled rounds of learners that fit Bradley-Terry rewards to duels."""

from __future__ import annotations

import math

import numba as nb

from ...engine.kernels.random_stream import draw
from ...engine.kernels.structured import exponential
from ..logistic_kernel import fit_rewards, newton_update
from ..round_kernel import charge, charge_arms, draw_context, draw_outcome, measure, tilt
from .minimax_kernel import solve_nash

# Where a response is drawn from: the places of the names in ``rewards.SAMPLERS``.
UNIFORM, POLICY = 0, 1
# Linearisations of the bonus at one refit.
LINEARISATIONS = 50
# Of the rewards at a refit.
FINE = 1e-9


@nb.njit(cache=True, nogil=True)
def reward_rounds(arena, book, arrays, samplers, plan, t0, t1, first, last):
    """Play a learner of rewards as ``Plan`` says; ``samplers`` are the uniform policy on the support and mu."""
    wins, reward, inverse, met, duels, due, theta, scratch = arrays
    for seed in range(first, last):
        stream = book.streams[seed]
        if t0 == 0:
            for c in range(arena.log_mu.shape[0]):
                measure(arena, book, seed, c)
        for t in range(t0, t1):
            charge(arena, book, seed, 1)
            c = draw_context(arena, stream)
            y = sample_response(plan.first, book.policy[seed, c], samplers[0, c], samplers[1, c], stream)
            z = sample_response(plan.second, book.policy[seed, c], samplers[0, c], samplers[1, c], stream)
            charge_arms(arena, book, seed, c, y, z)
            if y == z and plan.alpha == 0.0:
                continue
            met[seed, c, z] += 1.0
            duels[seed, c] += 1.0
            update_rewards(
                arena.log_mu[c],
                (wins[seed, c], reward[seed, c], inverse[seed, c], met[seed, c]),
                book.policy[seed, c],
                (y, z, draw_outcome(arena, c, y, z, stream) if y != z else 0.5),
                plan,
                duels[seed, c],
                duels[seed, c] >= due[seed, c],
                scratch[seed],
            )
            if duels[seed, c] >= due[seed, c]:
                due[seed, c] = duels[seed, c] + max(1.0, plan.share * duels[seed, c])
            if plan.nash:
                play_nash(arena, book, seed, c, reward[seed, c], theta[seed, c], plan, t, scratch[seed])
            else:
                tilt(
                    arena.log_mu[c],
                    reward[seed, c],
                    1.0 / plan.beta,
                    book.log_policy[seed, c],
                    book.policy[seed, c],
                )
            measure(arena, book, seed, c)


@nb.njit(cache=True, nogil=True, forceinline=True)
def sample_response(source, policy, even, reference, stream):
    """Draw a response from the policy, the uniform one or the reference."""
    if source == POLICY:
        return draw(policy, stream)
    return draw(even if source == UNIFORM else reference, stream)


@nb.njit(cache=True, nogil=True)
def update_rewards(log_mu, fitted, policy, duel, plan, duels, whole, scratch):
    """Take one duel into the rewards: by a Newton step of its own, or by a whole refit where one is due.

    With a bonus, alpha/sqrt(duels) times sum_z met_z log pi(z) is taken from the log-likelihood. It is concave in the
    rewards; linearised at the present policy it bounds itself from above, so refits that renew the tangent never
    raise the loss (Yuille and Rangarajan's concave-convex procedure) [derived].
    """
    wins, reward, inverse, met = fitted
    y, z, won = duel
    n = reward.shape[0]
    pull, direction = scratch[0], scratch[1]
    bonus = plan.alpha / (plan.beta * math.sqrt(duels))
    if y != z:
        wins[y, z] += won
        wins[z, y] += 1.0 - won
    if not whole:
        if y != z:
            newton_update(inverse, reward, y, z, won, direction)
        if bonus > 0.0:
            for i in range(n):
                direction[i] = bonus * policy[i]
            direction[z] -= bonus
            for i in range(n):
                step = 0.0
                for j in range(n):
                    step += inverse[i, j] * direction[j]
                reward[i] += step
        return
    if bonus == 0.0:
        pull[:] = 0.0
        fit_rewards(wins, reward, plan.ridge, pull, FINE, inverse, scratch[1:])
        return
    log_tilted, tilted, before = scratch[n + 5], scratch[n + 6], scratch[n + 7]
    for _ in range(LINEARISATIONS):
        tilt(log_mu, reward, 1.0 / plan.beta, log_tilted, tilted)
        for i in range(n):
            before[i] = reward[i]
            pull[i] = bonus * (duels * tilted[i] - met[i])
        fit_rewards(wins, reward, plan.ridge, pull, FINE, inverse, scratch[1:])
        moved = 0.0
        for i in range(n):
            moved = max(moved, abs(reward[i] - before[i]))
        if moved <= 1e-10:
            return


@nb.njit(cache=True, nogil=True)
def play_nash(arena, book, seed, context, reward, theta, plan, t, scratch):
    """Play the regularised Nash policy of the game sigmoid(r_y - r_z) from now on in a context."""
    n = reward.shape[0]
    skew, odds = scratch[:n], scratch[n]
    top = reward[0]
    for i in range(1, n):
        top = max(top, reward[i])
    for i in range(n):
        odds[i] = exponential(reward[i] - top)
    for i in range(n):
        for j in range(n):  # the whole matrix, so that rows run in vectors; the hair is for two odds of 0
            skew[i, j] = 0.5 * (odds[i] - odds[j]) / (odds[i] + odds[j] + 1e-300)
    fine = plan.tolerance * arena.tau / math.sqrt(t + 2.0)
    log_policy, policy = book.log_policy[seed, context], book.policy[seed, context]
    solve_nash(skew, arena.log_mu[context], arena.tau, theta, fine, log_policy, policy, scratch[n:])
