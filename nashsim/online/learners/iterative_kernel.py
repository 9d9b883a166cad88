"""Compiled rounds of iterative NLHF."""

from __future__ import annotations

import numba as nb

from ...engine.kernels.random_stream import draw
from ..regression_kernel import least_squares_update
from ..round_kernel import charge, charge_arms, draw_context, draw_outcome, measure, normalise, play_tilted


@nb.njit(cache=True, nogil=True)
def iterative_rounds(arena, book, theta, inverse, scratch, shares, own, t0, first, last):
    """Play iterative NLHF, ``shares`` being eta_t tau, 0 for the ridge fit of all pairs.

    ``own`` is the policy's weight in the mixture that is sampled; theta has shape (seeds, contexts, actions).
    """
    contexts, actions = arena.log_mu.shape
    for seed in range(first, last):
        stream = book.streams[seed]
        mixed, sampler = scratch[seed, 0], scratch[seed, 1]
        if t0 == 0:
            for c in range(contexts):
                measure(arena, book, seed, c)
        for step in range(shares.shape[0]):
            charge(arena, book, seed, 1)
            c = draw_context(arena, stream)
            if own[step] == 1.0:
                y, z = draw(book.policy[seed, c], stream), draw(book.policy[seed, c], stream)
            else:
                for i in range(actions):
                    mixed[i] = (
                        own[step] * book.log_policy[seed, c, i] + (1.0 - own[step]) * arena.log_mu[c, i]
                    )
                normalise(mixed, sampler)
                y, z = draw(sampler, stream), draw(sampler, stream)
            charge_arms(arena, book, seed, c, y, z)
            target = draw_outcome(arena, c, y, z, stream) - 0.5
            share = shares[step]
            if share == 0.0:
                least_squares_update(inverse[seed, c], theta[seed, c], y, z, target, 1.0, mixed)
            else:
                # An unbiased estimate of A pi from one duel between two draws of pi.
                asked = book.policy[seed, c] if own[step] == 1.0 else sampler
                for i in range(actions):
                    theta[seed, c, i] *= 1.0 - share
                theta[seed, c, y] += 0.5 * share * target / asked[y]
                theta[seed, c, z] -= 0.5 * share * target / asked[z]
            play_tilted(arena, book, seed, c, theta[seed, c])
