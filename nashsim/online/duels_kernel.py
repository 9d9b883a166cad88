"""Compiled duels of a whole batch, on the random stream of one seed."""

from __future__ import annotations

import numba as nb

from ..engine.kernels.random_stream import draw, uniform


@nb.njit(cache=True, nogil=True)
def draw_contexts(weights, stream, contexts):
    """Draw contexts from their weights; nothing is drawn where there is one."""
    for k in range(contexts.shape[0]):
        contexts[k] = draw(weights, stream) if weights.shape[0] > 1 else 0


@nb.njit(cache=True, nogil=True)
def draw_outcomes(duel, stream, contexts, first, second, won):
    """Draw the outcome of every duel."""
    for k in range(contexts.shape[0]):
        won[k] = uniform(stream) < duel[contexts[k], first[k], second[k]]


@nb.njit(cache=True, nogil=True)
def draw_duels(weights, policy, opponent, duel, stream, contexts, first, second, won):
    """Draw context, first arm, second arm and outcome of one duel after the other, as the learners' rounds do."""
    for k in range(contexts.shape[0]):
        c = draw(weights, stream) if weights.shape[0] > 1 else 0
        y = draw(policy[c], stream)
        z = draw(opponent[c], stream)
        contexts[k], first[k], second[k] = c, y, z
        won[k] = uniform(stream) < duel[c, y, z]
