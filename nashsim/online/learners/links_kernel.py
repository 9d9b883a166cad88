"""Compiled rounds under any regulariser: pi = mu h(theta/tau - lambda) in place of the softmax mu exp(theta/tau).

The inverse link h, its slope and the generator f are called by pointer, so that every regulariser shares one kernel.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba as nb
import numpy as np

from ...engine.kernels.links import normalise
from ...engine.kernels.random_stream import draw
from ..arena import ABSENT, PRESENT, Arena, Book
from ..estimate_kernel import update_estimate
from ..regression_kernel import least_squares_update
from ..round_kernel import (
    REGULARISED,
    UNREGULARISED,
    charge,
    charge_arms,
    draw_context,
    draw_outcome,
    multiply,
)
from .minimax_kernel import HALVINGS, REFERENCE, SELF, STEPS, most_uncertain, solve_linear


class Link(NamedTuple):
    """A regulariser on a game, as numbers.

    Attributes
    ----------
    mass, alone : ndarray, shape (contexts, actions)
        mu, and f'(1/mu), the value at which one action would have all mass.
    parameter, floor, one : float
        The regulariser's number, f'(0) and f'(1), the latter two less the anchor.
    """

    mass: np.ndarray
    alone: np.ndarray
    parameter: float
    floor: float
    one: float


def _types():
    one, two, three, four = (np.zeros((1,) * k) for k in range(1, 5))
    arena = Arena(three, three, two, one, three, 1.0)
    book = Book(three, three, three, three, two, two, np.zeros((1, 1), np.uint64))
    link = Link(two, two, 1.0, 1.0, 1.0)
    return (
        *map(nb.typeof, (arena, book, link)),
        nb.typeof((four, four, four, three, three)),
        nb.typeof(three),
    )


_ARENA, _BOOK, _LINK, _COUNTED, _ARRAY = _types()
_FUNCTION = nb.types.FunctionType(nb.float64(nb.float64, nb.float64))
_WHOLE, _REAL, _REALS, _TABLE = nb.int64, nb.float64, nb.float64[::1], nb.float64[:, ::1]


@nb.njit(cache=True, nogil=True, error_model="numpy")
def respond(values, context, link, inverse, slope, policy):
    """Replace values by those of the policy mu h(values - lambda), which is written to ``policy``."""
    normalise(
        values, link.mass[context], link.alone[context], inverse, slope, link.parameter, link.floor, link.one, policy
    )  # fmt: skip


@nb.njit(cache=True, nogil=True, error_model="numpy")
def penalty(policy, mass, parameter, generator):
    """Return R(pi) = sum mu f(pi/mu)."""
    total = 0.0
    for i in range(policy.shape[0]):
        if mass[i] > 0.0:
            total += mass[i] * generator(policy[i] / mass[i], parameter)
    return total


@nb.njit(cache=True, nogil=True, error_model="numpy")
def play_values(arena, book, seed, context, link, inverse, slope, generator, theta, values, best):
    """Play pi = mu h(theta/tau - lambda) from now on in a context, and write both gaps.

    The regularised one is max_q <q, A pi> - tau R(q) + tau R(pi), as pi^T A pi = 0.
    """
    n = theta.shape[0]
    policy, log_policy, margin = book.policy[seed, context], book.log_policy[seed, context], book.margin[seed]
    for i in range(n):
        values[i] = theta[i] / arena.tau
    respond(values, context, link, inverse, slope, policy)
    for i in range(n):
        log_policy[i] = math.log(policy[i]) if policy[i] > 0.0 else ABSENT
    multiply(arena.skew[context], policy, margin)
    largest = -1.0
    for i in range(n):
        values[i] = margin[i] / arena.tau
        if arena.log_mu[context, i] > PRESENT:
            largest = max(largest, margin[i])
    respond(values, context, link, inverse, slope, best)
    gap = 0.0
    for i in range(n):
        gap += best[i] * margin[i]
    mass = link.mass[context]
    gap += arena.tau * (
        penalty(policy, mass, link.parameter, generator) - penalty(best, mass, link.parameter, generator)
    )
    book.gaps[seed, context, REGULARISED] = max(gap, 0.0)
    book.gaps[seed, context, UNREGULARISED] = largest


@nb.njit(cache=True, nogil=True, error_model="numpy")
def link_residual(skew, context, link, inverse, slope, tau, theta, values, policy, residual):
    """Write the policy of theta and theta - A pi; return the residual's Euclidean and largest norm."""
    n = theta.shape[0]
    for i in range(n):
        values[i] = theta[i] / tau
    respond(values, context, link, inverse, slope, policy)
    square = worst = 0.0
    for i in range(n):
        margin = 0.0
        for j in range(n):
            margin += skew[i, j] * policy[j]
        residual[i] = theta[i] - margin
        square += residual[i] * residual[i]
        worst = max(worst, abs(residual[i]))
    return math.sqrt(square), worst


@nb.njit(
    nb.boolean(_TABLE, _WHOLE, _LINK, _FUNCTION, _FUNCTION, _REAL, _REALS, _REAL, _REALS, _TABLE),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def solve_link_nash(skew, context, link, inverse, slope, tau, theta, tolerance, policy, scratch):
    """Solve theta = A pi, pi = mu h(theta/tau - lambda), to max |theta - A pi| <= tolerance; return whether it was met.

    Damped Newton as in ``minimax_kernel.solve_nash``, whose S is here diag d - d d^T/sum d with d = mu h'; the same
    argument makes I - A S/tau nonsingular on every piece of a link with kinks.
    """
    n = theta.shape[0]
    residual, step, trial, spare, values, weight = (
        scratch[0], scratch[1], scratch[2], scratch[3], scratch[4], scratch[5],
    )  # fmt: skip
    jacobian = scratch[6 : 6 + n]
    norm, worst = link_residual(skew, context, link, inverse, slope, tau, theta, values, policy, residual)
    for _ in range(STEPS):
        if worst <= tolerance:
            return True
        total = 0.0
        for i in range(n):
            mass = link.mass[context, i]
            weight[i] = mass * slope(policy[i] / mass, link.parameter) if mass > 0.0 else 0.0
            total += weight[i]
        for i in range(n):
            step[i] = -residual[i]
            mean = 0.0
            for j in range(n):
                mean += skew[i, j] * weight[j]
            for j in range(n):
                jacobian[i, j] = -(skew[i, j] - mean / total) * weight[j] / tau
            jacobian[i, i] += 1.0
        solve_linear(jacobian, step)
        share = 1.0
        for _ in range(HALVINGS):
            for i in range(n):
                trial[i] = theta[i] + share * step[i]
            lower, worst = link_residual(
                skew, context, link, inverse, slope, tau, trial, values, policy, spare
            )
            if lower <= (1.0 - 1e-4 * share) * norm:
                break
            share *= 0.5
        norm = lower
        for i in range(n):
            theta[i], residual[i] = trial[i], spare[i]
    return worst <= tolerance


@nb.njit(
    nb.void(_ARENA, _BOOK, _LINK, _FUNCTION, _FUNCTION, _FUNCTION, _COUNTED, _WHOLE, _REAL, *[_WHOLE] * 4),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def minimax_link_rounds(
    arena, book, link, inverse, slope, generator, arrays, who, tolerance, t0, t1, first, last
):
    """Play a minimax oracle as ``minimax_rounds`` does, with the Nash policy of the game's own regulariser."""
    wins, skew, width, theta, scratch = arrays
    for seed in range(first, last):
        stream, spare = book.streams[seed], scratch[seed]
        if t0 == 0:
            for c in range(arena.log_mu.shape[0]):
                solve_link_nash(
                    skew[seed, c], c, link, inverse, slope, arena.tau, theta[seed, c], tolerance * arena.tau,
                    book.policy[seed, c], spare,
                )  # fmt: skip
                play_values(
                    arena, book, seed, c, link, inverse, slope, generator, theta[seed, c], spare[4], spare[5]
                )
        for t in range(t0, t1):
            charge(arena, book, seed, 1)
            c = draw_context(arena, stream)
            policy = book.policy[seed, c]
            y = draw(policy, stream)
            if who == REFERENCE:
                z = draw(link.mass[c], stream)
            elif who == SELF:
                z = draw(policy, stream)
            else:
                z = most_uncertain(width[seed, c], policy, arena.log_mu[c], spare[0])
            charge_arms(arena, book, seed, c, y, z)
            if y == z:
                continue
            won = draw_outcome(arena, c, y, z, stream)
            update_estimate(wins[seed, c], skew[seed, c], width[seed, c], y, z, won)
            fine = tolerance * arena.tau / math.sqrt(t + 2.0)
            solve_link_nash(
                skew[seed, c], c, link, inverse, slope, arena.tau, theta[seed, c], fine, policy, spare
            )
            play_values(
                arena, book, seed, c, link, inverse, slope, generator, theta[seed, c], spare[4], spare[5]
            )


@nb.njit(
    nb.void(
        _ARENA, _BOOK, _LINK, _FUNCTION, _FUNCTION, _FUNCTION, _ARRAY, nb.float64[:, :, :, ::1], _ARRAY, _REALS, _REALS,
        *[_WHOLE] * 3,
    ),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def iterative_link_rounds(
    arena, book, link, inverse, slope, generator, theta, inverse_matrix, scratch, shares, own, t0, first, last
):
    """Play iterative NLHF as ``iterative_rounds`` does, with theta = tau f'(pi/mu) and mixtures of link values."""
    contexts, actions = arena.log_mu.shape
    for seed in range(first, last):
        stream = book.streams[seed]
        mixed, sampler = scratch[seed, 0], scratch[seed, 1]
        if t0 == 0:
            for c in range(contexts):
                play_values(
                    arena, book, seed, c, link, inverse, slope, generator, theta[seed, c], mixed, sampler
                )
        for step in range(shares.shape[0]):
            charge(arena, book, seed, 1)
            c = draw_context(arena, stream)
            asked = book.policy[seed, c]
            if own[step] != 1.0:
                for i in range(actions):
                    mixed[i] = own[step] * theta[seed, c, i] / arena.tau
                respond(mixed, c, link, inverse, slope, sampler)
                asked = sampler
            y, z = draw(asked, stream), draw(asked, stream)
            charge_arms(arena, book, seed, c, y, z)
            target = draw_outcome(arena, c, y, z, stream) - 0.5
            share = shares[step]
            if share == 0.0:
                least_squares_update(inverse_matrix[seed, c], theta[seed, c], y, z, target, 1.0, mixed)
            else:
                for i in range(actions):
                    theta[seed, c, i] *= 1.0 - share
                theta[seed, c, y] += 0.5 * share * target / asked[y]
                theta[seed, c, z] -= 0.5 * share * target / asked[z]
            play_values(arena, book, seed, c, link, inverse, slope, generator, theta[seed, c], mixed, sampler)
