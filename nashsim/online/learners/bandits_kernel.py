"""Compiled rounds of dueling bandits: uniform pairs, Double Thompson Sampling, relative upper bounds."""

from __future__ import annotations

import math

import numba as nb

from ..arena import ABSENT, PRESENT
from ..beta_kernel import update_counts, update_posterior
from ..round_kernel import charge, charge_arms, draw_context, draw_outcome, measure
from .pairs_kernel import random_other, thompson_first, thompson_second, ucb_first, ucb_second

# Learners, as ``bandit_rounds`` is told them: the places of the names in ``bandits.CHOICES``.
UNIFORM, THOMPSON, BOUNDS = 0, 1, 2


@nb.njit(cache=True, nogil=True)
def bandit_rounds(arena, book, arrays, alpha, who, t0, t1, first, last):
    """Play a dueling bandit: ``who`` is its place in CHOICES, the bounds are sqrt(alpha log t / duels) wide."""
    wins, ahead, log_peak, edge, seen, champion, scratch, draws = arrays
    for seed in range(first, last):
        stream = book.streams[seed]
        if t0 == 0:
            for c in range(arena.log_mu.shape[0]):
                if who == UNIFORM:
                    play_uniform(arena, book, seed, c)
                measure(arena, book, seed, c)
        for _ in range(t0, t1):
            c = draw_context(arena, stream)
            seen[seed, c] += 1
            inside = arena.log_mu[c]
            if who == UNIFORM:
                y = random_other(inside, -1, stream)
                z = random_other(inside, y, stream)
            else:
                reach = math.sqrt(alpha * math.log(seen[seed, c]))
                if who == THOMPSON:
                    sides, bounds, spare = ahead[seed, c], edge[seed, c], scratch[seed]
                    y = thompson_first(sides, bounds, inside, reach, spare, draws[seed], stream)
                    z = thompson_second(wins[seed, c], sides, bounds, inside, reach, y, spare[0], stream)
                else:
                    y = ucb_first(
                        edge[seed, c], inside, reach, champion[seed, c : c + 1], scratch[seed, 0], stream
                    )
                    z = ucb_second(wins[seed, c], inside, reach, y, scratch[seed, 0], stream)
                play_pair(arena, book, seed, c, y, z)
            charge(arena, book, seed, 1)
            charge_arms(arena, book, seed, c, y, z)
            if y == z:
                continue
            winner, loser = y, z
            if draw_outcome(arena, c, y, z, stream) == 0.0:
                winner, loser = z, y
            if who == THOMPSON:
                update_posterior(
                    wins[seed, c], ahead[seed, c], log_peak[seed, c], edge[seed, c], winner, loser
                )
            else:
                update_counts(wins[seed, c], edge[seed, c], winner, loser)


@nb.njit(cache=True, nogil=True)
def play_pair(arena, book, seed, context, y, z):
    """Play either arm of a pair with probability 1/2 from now on in a context."""
    policy, log_policy = book.policy[seed, context], book.log_policy[seed, context]
    share = 1.0 if y == z else 0.5
    if policy[y] == share and policy[z] == share:
        return  # the last duel's pair again: nothing to measure
    for i in range(policy.shape[0]):
        policy[i], log_policy[i] = 0.0, ABSENT
    policy[y] = policy[z] = share
    log_policy[y] = log_policy[z] = math.log(share)
    measure(arena, book, seed, context)


@nb.njit(cache=True, nogil=True)
def play_uniform(arena, book, seed, context):
    """Play all arms of the support alike from now on in a context."""
    log_mu, policy, log_policy = (
        arena.log_mu[context],
        book.policy[seed, context],
        book.log_policy[seed, context],
    )
    arms = 0
    for i in range(log_mu.shape[0]):
        if log_mu[i] > PRESENT:
            arms += 1
    for i in range(log_mu.shape[0]):
        policy[i], log_policy[i] = 0.0, ABSENT
        if log_mu[i] > PRESENT:
            policy[i], log_policy[i] = 1.0 / arms, -math.log(arms)
