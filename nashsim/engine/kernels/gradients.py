"""Gradients of softmax policies in their logits, exact and from sampled responses, compiled."""

from __future__ import annotations

import numba as nb

from .random_stream import draw, uniform


@nb.njit(cache=True, nogil=True)
def policy_gradient(source, score, margin):
    """Write q ⊙ (v - <q, v>) with v = margin + score over ``margin``; q is ``source``."""
    n = margin.shape[0]
    mean = 0.0
    for i in range(n):
        margin[i] += score[i]
        mean += source[i] * margin[i]
    for i in range(n):
        margin[i] = source[i] * (margin[i] - mean)


@nb.njit(cache=True, nogil=True)
def sampled_gradient(skew, source, opponent, score, pairwise, samples, stream, out):
    """Write an unbiased estimate of that gradient from ``samples`` responses, each in one duel."""
    n = out.shape[0]
    for i in range(n):
        out[i] = 0.0
    weight = 0.0
    for _ in range(samples):
        y = draw(source, stream)
        z = draw(opponent, stream)
        outcome = 0.5 if uniform(stream) < 0.5 + skew[y, z] else -0.5
        if pairwise:
            half = 0.5 * (outcome + score[y] - score[z])
            out[y] += half
            out[z] -= half
        else:
            gain = outcome + score[y]
            out[y] += gain
            weight += gain
    for i in range(n):
        out[i] = (out[i] - weight * source[i]) / samples
