"""Compiled rounds of dueling bandits: uniform pairs, Double Thompson Sampling, relative upper bounds."""

from __future__ import annotations

import math

import numba as nb

from ..beta_kernel import count_duel, learn_duel
from ..round_kernel import charge, charge_duel, context_of, measure, win
from .pairs_kernel import highest_bound, pick_other, plausible_winner, sampled_rival, sampled_winner

# Learners, as ``advance`` is told them: the places of the names in ``bandits.CHOICES``.
UNIFORM, THOMPSON = 0, 1


@nb.njit(cache=True, nogil=True)
def advance(arena, book, arrays, alpha, who, t0, t1, first, last):
    """Do iterations ``t0 <= t < t1`` of the seeds ``first <= s < last``.

    Parameters
    ----------
    arena : Arena
    book : Book
    arrays : tuple of ndarray
        wins, ahead, log_peak, edge, seen, champion, room and draws of ``BanditLearner.state``.
    alpha : float
        Width of the bounds: sqrt(alpha log t / duels).
    who : int
        Place in CHOICES.
    t0, t1, first, last : int
    """
    wins, ahead, log_peak, edge, seen, champion, room, draws = arrays
    for seed in range(first, last):
        stream = book.streams[seed]
        if t0 == 0:
            for c in range(arena.log_mu.shape[0]):
                if who == UNIFORM:
                    spread(arena, book, seed, c)
                measure(arena, book, seed, c)
        for _ in range(t0, t1):
            c = context_of(arena, stream)
            seen[seed, c] += 1
            inside = arena.log_mu[c]
            if who == UNIFORM:
                y = pick_other(inside, -1, stream)
                z = pick_other(inside, y, stream)
            else:
                reach = math.sqrt(alpha * math.log(seen[seed, c]))
                if who == THOMPSON:
                    sides, bounds, spare = ahead[seed, c], edge[seed, c], room[seed]
                    y = sampled_winner(sides, bounds, inside, reach, spare, draws[seed], stream)
                    z = sampled_rival(wins[seed, c], sides, bounds, inside, reach, y, spare[0], stream)
                else:
                    y = plausible_winner(
                        edge[seed, c], inside, reach, champion[seed, c : c + 1], room[seed, 0], stream
                    )
                    z = highest_bound(wins[seed, c], inside, reach, y, room[seed, 0], stream)
                play_pair(arena, book, seed, c, y, z)
            charge(arena, book, seed, 1)
            charge_duel(arena, book, seed, c, y, z)
            if y == z:
                continue
            winner, loser = y, z
            if win(arena, c, y, z, stream) == 0.0:
                winner, loser = z, y
            if who == THOMPSON:
                learn_duel(wins[seed, c], ahead[seed, c], log_peak[seed, c], edge[seed, c], winner, loser)
            else:
                count_duel(wins[seed, c], edge[seed, c], winner, loser)


@nb.njit(cache=True, nogil=True)
def play_pair(arena, book, seed, context, y, z):
    """Play either arm of a pair with probability 1/2 from now on in a context."""
    policy, log_policy = book.policy[seed, context], book.log_policy[seed, context]
    share = 1.0 if y == z else 0.5
    if policy[y] == share and policy[z] == share:
        return  # the last duel's pair again: nothing to measure
    for i in range(policy.shape[0]):
        policy[i], log_policy[i] = 0.0, -1e300
    policy[y] = policy[z] = share
    log_policy[y] = log_policy[z] = math.log(share)
    measure(arena, book, seed, context)


@nb.njit(cache=True, nogil=True)
def spread(arena, book, seed, context):
    """Play all arms of the support alike from now on in a context."""
    log_mu, policy, log_policy = (
        arena.log_mu[context],
        book.policy[seed, context],
        book.log_policy[seed, context],
    )
    arms = 0
    for i in range(log_mu.shape[0]):
        if log_mu[i] > -1e299:
            arms += 1
    for i in range(log_mu.shape[0]):
        policy[i], log_policy[i] = 0.0, -1e300
        if log_mu[i] > -1e299:
            policy[i], log_policy[i] = 1.0 / arms, -math.log(arms)
