"""Compiled rounds of stochastic policy gradient."""

from __future__ import annotations

import numba as nb

from ...engine.kernels.random_stream import draw
from ..round_kernel import charge, charge_arms, draw_context, draw_outcome, measure, normalise, tilt

# Places of the weights: the policy that climbs, the reference, the target.
POLICY, REFERENCE, TARGET = 0, 1, 2


@nb.njit(cache=True, nogil=True)
def gradient_update(logits, policy, log_policy, log_mu, goal, score, pairwise, rate, y, z, outcome):
    """Move the logits along the gradient sampled by one duel; ``outcome`` is 1.0 where y won."""
    value = outcome - 0.5
    value += score[POLICY] * log_policy[y] + score[REFERENCE] * log_mu[y] + score[TARGET] * goal[y]
    if pairwise:
        value -= score[POLICY] * log_policy[z] + score[REFERENCE] * log_mu[z] + score[TARGET] * goal[z]
        logits[y] += 0.5 * rate * value
        logits[z] -= 0.5 * rate * value
    else:
        for i in range(logits.shape[0]):
            logits[i] -= rate * value * policy[i]
        logits[y] += rate * value


@nb.njit(cache=True, nogil=True)
def gradient_rounds(
    arena, book, theta, target, scratch, opponent, score, pairwise, decay, rates, t0, first, last
):
    """Play stochastic policy gradient.

    ``opponent`` and ``score``, shape (3,), weigh log pi, log mu and the target log pi_k in the log of the opponent, and
    in what is climbed; ``pairwise`` descends the loss on the pair instead of following grad log pi(y); ``decay`` is the
    weight of the old target, 1 keeps none.
    """
    contexts, actions = arena.log_mu.shape
    for seed in range(first, last):
        stream = book.streams[seed]
        mixed, sampler = scratch[seed, 0], scratch[seed, 1]
        if t0 == 0:
            for c in range(contexts):
                measure(arena, book, seed, c)
        for step in range(rates.shape[0]):
            charge(arena, book, seed, 1)
            c = draw_context(arena, stream)
            policy, log_policy, log_mu = book.policy[seed, c], book.log_policy[seed, c], arena.log_mu[c]
            goal, logits = target[seed, c], theta[seed, c]
            y = draw(policy, stream)
            if opponent[POLICY] == 1.0:
                z = draw(policy, stream)
            else:
                for i in range(actions):
                    mixed[i] = (
                        opponent[POLICY] * log_policy[i]
                        + opponent[REFERENCE] * log_mu[i]
                        + opponent[TARGET] * goal[i]
                    )
                normalise(mixed, sampler)
                z = draw(sampler, stream)
            charge_arms(arena, book, seed, c, y, z)
            outcome = draw_outcome(arena, c, y, z, stream)
            gradient_update(
                logits, policy, log_policy, log_mu, goal, score, pairwise, rates[step], y, z, outcome
            )
            tilt(log_mu, logits, 1.0, log_policy, policy)
            if decay < 1.0:
                for i in range(actions):
                    goal[i] = decay * goal[i] + (1.0 - decay) * log_policy[i]
                normalise(goal, sampler)
            measure(arena, book, seed, c)
