"""Compiled rounds of learners from choices with their times."""

from __future__ import annotations

import math

import numba as nb

from ...engine.kernels.random_stream import draw
from ..round_kernel import charge, charge_arms, draw_context
from ..times_kernel import answer, bessel_ratio
from .minimax_kernel import most_uncertain, play_nash


@nb.njit(cache=True, nogil=True)
def timed_rounds(arena, book, arrays, people, boundary, tolerance, t0, t1, first, last):
    """Play a minimax oracle on mean drifts; ``people`` are drifts, shares and the probability of a flip."""
    scores, duels, skew, width, theta, scratch = arrays
    drift, shares, noise = people
    for seed in range(first, last):
        stream = book.streams[seed]
        if t0 == 0:
            for c in range(arena.log_mu.shape[0]):
                play_nash(arena, book, seed, c, skew[seed, c], theta[seed, c], tolerance, scratch[seed])
        for t in range(t0, t1):
            charge(arena, book, seed, 1)
            c = draw_context(arena, stream)
            policy = book.policy[seed, c]
            y = draw(policy, stream)
            z = most_uncertain(width[seed, c], policy, arena.log_mu[c], scratch[seed, 0])
            charge_arms(arena, book, seed, c, y, z)
            if y == z:
                continue
            won, time = answer(drift, shares, boundary, noise, stream, c, y, z)
            score = bessel_ratio(time / (boundary * boundary)) / boundary
            scores[seed, c, y, z] += score if won else -score
            scores[seed, c, z, y] = -scores[seed, c, y, z]
            duels[seed, c, y, z] += 1.0
            duels[seed, c, z, y] += 1.0
            count = duels[seed, c, y, z] + 1.0
            margin = 0.5 * math.tanh(boundary * scores[seed, c, y, z] / count)
            skew[seed, c, y, z], skew[seed, c, z, y] = margin, -margin
            width[seed, c, y, z] = width[seed, c, z, y] = 1.0 / math.sqrt(count)
            fine = tolerance / math.sqrt(t + 2.0)
            play_nash(arena, book, seed, c, skew[seed, c], theta[seed, c], fine, scratch[seed])
