"""Logistic fits of ranked pairs, compiled; ``ranking.py`` says what each function does."""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from .random_stream import draw, uniform


@nb.njit(cache=True, nogil=True)
def kept_pairs(policy, payoff, margin, weights):
    """Write how often each ordered pair is kept in the population."""
    n = policy.shape[0]
    least = margin * (1.0 - 1e-9)
    for y in range(n):
        for z in range(n):
            keep = payoff[y] - payoff[z] >= least
            weights[y, z] = 2.0 * policy[y] * policy[z] if keep else 0.0


@nb.njit(cache=True, nogil=True)
def sampled_pairs(skew, policy, batches, responses, margin, stream, weights):
    """Write the share of each ordered pair among those of ``batches`` batches, ranked within each."""
    weights[:] = 0.0
    least = margin * (1.0 - 1e-9)
    drawn = np.empty(responses, dtype=np.int64)
    wins = np.empty(responses, dtype=np.int64)
    for _ in range(batches):
        for i in range(responses):
            drawn[i] = draw(policy, stream)
            wins[i] = 0
        for i in range(responses):
            for j in range(i + 1, responses):
                if uniform(stream) < 0.5 + skew[drawn[i], drawn[j]]:
                    wins[i] += 1
                else:
                    wins[j] += 1
        for i in range(responses):
            for j in range(responses):
                if i != j and (wins[i] - wins[j]) / (responses - 1) >= least:
                    weights[drawn[i], drawn[j]] += 1.0
    weights /= batches * responses * (responses - 1) / 2


@nb.njit(cache=True, nogil=True)
def fit_ranking(weights, ridge, out):
    """Write the scores whose logistic differences fit the pairs best, by damped Newton steps from 0."""
    n = out.shape[0]
    hessian = np.empty((n, n))
    gradient = np.empty(n)
    out[:] = 0.0
    for _ in range(200):
        for y in range(n):
            gradient[y] = -ridge * out[y]
            for z in range(n):
                hessian[y, z] = 0.0
            hessian[y, y] = ridge
        for y in range(n):
            for z in range(n):
                if y != z and weights[y, z] > 0.0:
                    lost = 1.0 / (1.0 + math.exp(out[y] - out[z]))
                    push = weights[y, z] * lost
                    bend = push * (1.0 - lost)
                    gradient[y] += push
                    gradient[z] -= push
                    hessian[y, y] += bend
                    hessian[z, z] += bend
                    hessian[y, z] -= bend
                    hessian[z, y] -= bend
        if not np.any(gradient):
            return
        step = np.linalg.solve(hessian, gradient)
        width = step.max() - step.min()
        damping = math.log1p(width) / width if width > 1e-8 else 1.0
        for y in range(n):
            out[y] += damping * step[y]
        if width <= 1e-9:
            return
