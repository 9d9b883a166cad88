"""Compiled response times of the drift-diffusion model, exactly, and the users whose choices they are."""

from __future__ import annotations

import math

import numba as nb

from ..engine.kernels.random_stream import draw, uniform

#: Where the two series of the density of a first passage through ±1 meet; the sampler is exact for any value near it.
_MEET = 0.64


@nb.njit(cache=True, nogil=True)
def _exponential(stream):
    return -math.log1p(-uniform(stream))


@nb.njit(cache=True, nogil=True)
def _normal(stream):
    radius = math.sqrt(2.0 * _exponential(stream))
    return radius * math.cos(2.0 * math.pi * uniform(stream))


@nb.njit(cache=True, nogil=True)
def _cumulative(x):
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


@nb.njit(cache=True, nogil=True)
def _coefficient(n, x):
    """Return a_n(x) of the alternating series of the density at x."""
    k = n + 0.5
    if x > _MEET:
        return math.pi * k * math.exp(-0.5 * k * k * math.pi * math.pi * x)
    return math.pi * k * (2.0 / (math.pi * x)) ** 1.5 * math.exp(-2.0 * k * k / x)


@nb.njit(cache=True, nogil=True)
def _short(z, stream):
    """Draw an inverse Gaussian of mean 1/z and shape 1, given that it is below ``_MEET``."""
    if z * _MEET < 1.0:
        while True:
            one = _exponential(stream)
            other = _exponential(stream)
            if one * one > 2.0 * other / _MEET:
                continue
            x = _MEET / (1.0 + _MEET * one) ** 2
            if uniform(stream) < math.exp(-0.5 * z * z * x):
                return x
    mean = 1.0 / z
    while True:
        y = _normal(stream) ** 2
        # mean + mean^2 y/2 - mean/2 sqrt(4 mean y + mean^2 y^2), without its cancellation
        half = 0.5 * mean * y
        x = mean / (1.0 + half + math.sqrt(2.0 * half + half * half))
        if uniform(stream) > mean / (mean + x):
            x = mean * mean / x
        if x < _MEET:
            return x


@nb.njit(cache=True, nogil=True)
def first_passage(z, stream):
    """Draw the time at which a Brownian motion of drift ±z leaves (-1, 1); independent of the side it leaves by.

    Parameters
    ----------
    z : float
        Absolute drift.
    stream : ndarray of uint64, shape (1,)
        State of the random stream.

    Notes
    -----
    The density is cosh(z) exp(-z^2 x/2) sum_n (-1)^n a_n(x): rejection by its alternating series, exact, from an
    inverse Gaussian below and an exponential above ``_MEET``; Devroye (2009), as for Polya-Gamma variables, Polson,
    Scott and Windle, arXiv 1205.0310 [recalled]; held to the distribution function in the tests.
    """
    rate = math.pi * math.pi / 8.0 + 0.5 * z * z
    # both weights times e^z; the second term of the inverse Gaussian's falls below 1e-300 of the first for z > 50
    above = math.pi / (2.0 * rate) * math.exp(z - rate * _MEET)
    root = math.sqrt(_MEET)
    below = 2.0 * _cumulative((z * _MEET - 1.0) / root)
    if z < 50.0:
        below += 2.0 * math.exp(2.0 * z) * _cumulative(-(z * _MEET + 1.0) / root)
    while True:
        far = uniform(stream) * (above + below) < above
        x = _MEET + _exponential(stream) / rate if far else _short(z, stream)
        total = _coefficient(0, x)
        level = uniform(stream) * total
        n = 0
        while True:
            n += 1
            if n % 2 == 1:
                total -= _coefficient(n, x)
                if level <= total:
                    return x
            else:
                total += _coefficient(n, x)
                if level > total:
                    break


@nb.njit(cache=True, nogil=True)
def answer(drift, shares, boundary, noise, stream, context, first, second):
    """Draw who answers a duel, whether the first is chosen and how long it takes; ``draw_timed`` has the arguments."""
    user = draw(shares, stream) if shares.shape[0] > 1 else 0
    v = drift[user, context, first, second]
    won = uniform(stream) < 1.0 / (1.0 + math.exp(-2.0 * boundary * v))
    if noise > 0.0 and uniform(stream) < noise:
        won = not won
    return won, boundary * boundary * first_passage(boundary * abs(v), stream)


@nb.njit(cache=True, nogil=True)
def draw_timed(drift, shares, boundary, noise, stream, contexts, first, second, won, times):
    """Draw the user, the choice and the time of every duel.

    Parameters
    ----------
    drift : ndarray, shape (users, contexts, actions, actions)
        Drift towards the row of each user.
    shares : ndarray, shape (users,)
    boundary, noise : float
        a, and the probability that a choice is reported wrongly.
    stream : ndarray of uint64, shape (1,)
    contexts, first, second : ndarray of int, shape (duels,)
    won : ndarray of bool, shape (duels,)
    times : ndarray, shape (duels,)
    """
    for k in range(contexts.shape[0]):
        won[k], times[k] = answer(drift, shares, boundary, noise, stream, contexts[k], first[k], second[k])


@nb.njit(cache=True, nogil=True)
def bessel_ratio(time):
    """Return p_B/p_0 at a = 1, the score of the mean drift, as ``estimates.times`` sums it."""
    upper = lower = 0.0
    if time < 0.4:
        for k in range(4):
            odd = 2 * k + 1
            term = math.exp((1 - odd * odd) / (2.0 * time))
            upper += term * (odd * odd / time - 1.0)
            lower += term * odd if k % 2 == 0 else -term * odd
        return upper / lower
    rate = math.pi * math.pi * time / 8.0
    for k in range(1, 13):
        odd = 2 * k - 1
        sign = 1.0 if k % 2 == 1 else -1.0
        upper += sign * k * k * math.exp(-(4 * k * k - 1) * rate)
        lower += sign * odd * math.exp(-(odd * odd - 1) * rate)
    return 2.0 * math.pi * upper / lower


@nb.njit(cache=True, nogil=True)
def draw_arms(weights, policy, opponent, stream, contexts, first, second):
    """Draw the context and both arms of every duel."""
    for k in range(contexts.shape[0]):
        c = draw(weights, stream) if weights.shape[0] > 1 else 0
        contexts[k] = c
        first[k] = draw(policy[c], stream)
        second[k] = draw(opponent[c], stream)
