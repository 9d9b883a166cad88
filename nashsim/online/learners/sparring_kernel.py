"""Compiled rounds of two EXP3 players that spar."""

from __future__ import annotations

import math

import numba as nb

from ...engine.kernels.random_stream import draw
from ..arena import PRESENT
from ..round_kernel import charge, charge_arms, draw_context, draw_outcome, measure, tilt
from .bandits_kernel import play_uniform


@nb.njit(cache=True, nogil=True)
def sparring_rounds(arena, book, arrays, scale, t0, t1, first, last):
    """Play two EXP3 players of step scale sqrt(log K/(K t)), K the arms of the support."""
    losses, policies, log_policies, base, seen = arrays
    for seed in range(first, last):
        stream = book.streams[seed]
        if t0 == 0:
            for c in range(arena.log_mu.shape[0]):
                play_uniform(arena, book, seed, c)
                for player in range(2):
                    policies[seed, c, player] = book.policy[seed, c]
                    log_policies[seed, c, player] = book.log_policy[seed, c]
                measure(arena, book, seed, c)
        for _ in range(t0, t1):
            charge(arena, book, seed, 1)
            c = draw_context(arena, stream)
            seen[seed, c] += 1
            y, z = draw(policies[seed, c, 0], stream), draw(policies[seed, c, 1], stream)
            charge_arms(arena, book, seed, c, y, z)
            won = draw_outcome(arena, c, y, z, stream)
            # A loss over the probability of its arm: unbiased for every arm.
            losses[seed, c, 0, y] += (1.0 - won) / policies[seed, c, 0, y]
            losses[seed, c, 1, z] += won / policies[seed, c, 1, z]
            arms = 0
            for i in range(base.shape[2]):
                if base[seed, c, i] > PRESENT:
                    arms += 1
            step = scale * math.sqrt(math.log(arms) / (arms * (seen[seed, c] + 1.0)))
            for player in range(2):
                tilt(
                    base[seed, c],
                    losses[seed, c, player],
                    -step,
                    log_policies[seed, c, player],
                    policies[seed, c, player],
                )
            mean_policy(
                log_policies[seed, c], policies[seed, c], book.log_policy[seed, c], book.policy[seed, c]
            )
            measure(arena, book, seed, c)


@nb.njit(cache=True, nogil=True)
def mean_policy(log_both, both, log_policy, policy):
    """Write the mean of two policies, and its logarithm where both underflow too."""
    for i in range(policy.shape[0]):
        policy[i] = 0.5 * (both[0, i] + both[1, i])
        high, low = max(log_both[0, i], log_both[1, i]), min(log_both[0, i], log_both[1, i])
        log_policy[i] = high + math.log1p(math.exp(low - high)) - math.log(2.0)
