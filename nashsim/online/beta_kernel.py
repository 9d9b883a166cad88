"""Beta posteriors of a win: exact samples, and on which side of 1/2 they lie, one duel at a time."""

from __future__ import annotations

import math

import numba as nb

from ..engine.kernels.random_stream import uniform


@nb.njit(cache=True, nogil=True)
def sample_beta(a, b, stream):
    """Return a sample of Beta(a, b), a, b >= 1, exact in distribution.

    Cheng's rejection BB, Communications of the ACM 21 (1978) [recalled], which needs a, b > 1; U^(1/a) and
    1 - U^(1/b) where the other one is 1.

    Parameters
    ----------
    a, b : float
    stream : ndarray of uint64, shape (1,)
    """
    if b == 1.0:
        return uniform(stream) ** (1.0 / a)
    if a == 1.0:
        return 1.0 - uniform(stream) ** (1.0 / b)
    low, high = min(a, b), max(a, b)
    total = a + b
    scale = math.sqrt((total - 2.0) / (2.0 * a * b - total))
    shift = low + 1.0 / scale
    while True:
        u = 1.0 - uniform(stream)  # in (0, 1]
        v = uniform(stream)
        if u == 1.0 or v == 0.0:
            continue
        x = scale * math.log(u / (1.0 - u))
        w = low * math.exp(x)
        z = u * u * v
        r = shift * x - math.log(4.0)
        s = low + r - w
        if s + 1.0 + math.log(5.0) >= 5.0 * z:  # a bound on log z by its tangent: most end here
            break
        log_z = math.log(z)
        if s >= log_z or r + total * math.log(total / (high + w)) >= log_z:
            break
    return w / (high + w) if a == low else high / (high + w)


@nb.njit(cache=True, nogil=True)
def sample_beta_above_half(a, b, stream):
    """Return a sample of Beta(a, b) given that it exceeds 1/2, by rejection.

    A side that was drawn by its probability asks for 1/probability samples, one a draw on average. After a million
    none is expected any more: the probability was below the rounding of ``update_posterior``, and the law is a point
    at 1/2.
    """
    for _ in range(1_000_000):
        theta = sample_beta(a, b, stream)
        if theta > 0.5:
            return theta
    return 0.5


@nb.njit(cache=True, nogil=True)
def update_posterior(wins, ahead, log_peak, edge, y, z):
    """Count one duel that y won against z and renew what the posteriors say of both.

    With theta ~ Beta(a, b), a - 1 and b - 1 the wins of y and z: P(theta > 1/2) grows by 2^-(a+b)/(a B(a, b)) as
    a grows by one [derived, from the recurrence of the incomplete beta function].

    Parameters
    ----------
    wins : ndarray, shape (actions, actions)
        Duels won by the row against the column.
    ahead : ndarray, shape (actions, actions)
        P(theta > 1/2), 1/2 before the first duel; right to the rounding of one sum per duel.
    log_peak : ndarray, shape (actions, actions)
        log 2^-(a+b)/B(a, b), symmetric, log 1/4 before the first duel.
    edge : ndarray, shape (actions, actions)
        (P - 1/2) sqrt(duels) with P the share of duels won, infinite before the first duel: a bound P + r/sqrt(duels)
        exceeds 1/2 where the edge exceeds -r.
    y, z : int
        Arms, distinct.
    """
    a, b = wins[y, z] + 1.0, wins[z, y] + 1.0
    ahead[y, z] = min(1.0, ahead[y, z] + math.exp(log_peak[y, z]) / a)
    ahead[z, y] = 1.0 - ahead[y, z]
    log_peak[y, z] += math.log((a + b) / (2.0 * a))
    log_peak[z, y] = log_peak[y, z]
    update_counts(wins, edge, y, z)


@nb.njit(cache=True, nogil=True)
def update_counts(wins, edge, y, z):
    """Count one duel that y won against z and renew both edges; see ``update_posterior``."""
    wins[y, z] += 1.0
    edge[y, z] = 0.5 * (wins[y, z] - wins[z, y]) / math.sqrt(wins[y, z] + wins[z, y])
    edge[z, y] = -edge[y, z]
