"""Compiled rounds of minimax-oracle learners, with a Newton method that allocates nothing."""

from __future__ import annotations

import math

import numba as nb

from ...engine.kernels.random_stream import draw
from ..arena import PRESENT
from ..estimate_kernel import update_estimate
from ..round_kernel import charge, charge_arms, draw_context, draw_outcome, measure, tilt

# How y' is chosen: the places of the names in ``minimax.OPPONENTS``.
REFERENCE, SELF = 0, 1
# Newton's steps of a round, and halvings of one of them; what they leave the next round continues.
STEPS, HALVINGS = 60, 40


@nb.njit(cache=True, nogil=True)
def minimax_rounds(arena, book, arrays, reference, who, tolerance, t0, t1, first, last):
    """Play a minimax oracle against y' of ``who``, a place in OPPONENTS.

    The residual of round t is ``tolerance`` tau/sqrt t at most; ``reference``, shape (contexts, actions), is mu.
    """
    wins, skew, width, theta, scratch = arrays
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
            if who == REFERENCE:
                z = draw(reference[c], stream)
            elif who == SELF:
                z = draw(policy, stream)
            else:
                z = most_uncertain(width[seed, c], policy, arena.log_mu[c], scratch[seed, 0])
            charge_arms(arena, book, seed, c, y, z)
            if y == z:
                continue
            update_estimate(
                wins[seed, c], skew[seed, c], width[seed, c], y, z, draw_outcome(arena, c, y, z, stream)
            )
            fine = tolerance / math.sqrt(t + 2.0)
            play_nash(arena, book, seed, c, skew[seed, c], theta[seed, c], fine, scratch[seed])


@nb.njit(cache=True, nogil=True)
def play_nash(arena, book, seed, context, skew, theta, tolerance, scratch):
    """Play the regularised Nash policy of an estimated game from now on in a context."""
    log_policy, policy = book.log_policy[seed, context], book.policy[seed, context]
    solve_nash(
        skew, arena.log_mu[context], arena.tau, theta, tolerance * arena.tau, log_policy, policy, scratch
    )
    measure(arena, book, seed, context)


@nb.njit(cache=True, nogil=True)
def most_uncertain(width, policy, log_mu, total):
    """Return argmax_z sum_y policy(y) width(y, z) within the support, the first of equals."""
    n = policy.shape[0]
    for i in range(n):
        total[i] = 0.0
    for j in range(n):
        p = policy[j]
        for i in range(n):
            total[i] += p * width[j, i]
    best = -1
    for i in range(n):
        if log_mu[i] > PRESENT and (best < 0 or total[i] > total[best]):
            best = i
    return best


@nb.njit(cache=True, nogil=True)
def solve_nash(skew, log_mu, tau, theta, tolerance, log_policy, policy, scratch):
    """Solve theta = A pi, pi ∝ mu exp(theta/tau), up to max |theta - A pi| <= tolerance; return whether it was met.

    Damped Newton on r = theta - A pi. Its derivative I - A S/tau, with S = diag(pi) - pi pi^T, is never singular, as
    A S has imaginary eigenvalues only; so every step lowers |r| when halved enough, and no stationary point of |r| is
    not a root [derived].

    Parameters
    ----------
    skew : ndarray, shape (actions, actions)
    log_mu : ndarray, shape (actions,)
    tau : float
    theta : ndarray, shape (actions,)
        Theta to start from; replaced.
    tolerance : float
    log_policy, policy : ndarray, shape (actions,)
        Policy of the answer; replaced.
    scratch : ndarray, shape (at least actions + 5, actions)
    """
    n = theta.shape[0]
    residual, margin, step, trial, spare = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    jacobian = scratch[5 : 5 + n]
    norm, worst = nash_residual(skew, log_mu, tau, theta, log_policy, policy, margin, residual)
    for _ in range(STEPS):
        if worst <= tolerance:
            return True
        for i in range(n):
            step[i] = -residual[i]
            for j in range(n):
                jacobian[i, j] = -(skew[i, j] - margin[i]) * policy[j] / tau
            jacobian[i, i] += 1.0
        solve_linear(jacobian, step)
        share = 1.0
        for _ in range(HALVINGS):
            for i in range(n):
                trial[i] = theta[i] + share * step[i]
            lower, worst = nash_residual(skew, log_mu, tau, trial, log_policy, policy, margin, spare)
            if lower <= (1.0 - 1e-4 * share) * norm:
                break
            share *= 0.5
        norm = lower
        for i in range(n):
            theta[i], residual[i] = trial[i], spare[i]
    return worst <= tolerance


@nb.njit(cache=True, nogil=True)
def nash_residual(skew, log_mu, tau, theta, log_policy, policy, margin, residual):
    """Write the policy of theta, A pi and theta - A pi; return the residual's Euclidean and largest norm."""
    n = theta.shape[0]
    tilt(log_mu, theta, 1.0 / tau, log_policy, policy)
    for i in range(n):
        margin[i] = 0.0
    for j in range(n):
        p = policy[j]
        for i in range(n):
            margin[i] -= skew[j, i] * p  # the column, as A is skew
    square = worst = 0.0
    for i in range(n):
        residual[i] = theta[i] - margin[i]
        square += residual[i] * residual[i]
        worst = max(worst, abs(residual[i]))
    return math.sqrt(square), worst


@nb.njit(cache=True, nogil=True)
def solve_linear(matrix, right):
    """Solve a linear system in place by elimination with row exchanges; the solution replaces ``right``."""
    n = right.shape[0]
    for k in range(n):
        pivot = k
        for i in range(k + 1, n):
            if abs(matrix[i, k]) > abs(matrix[pivot, k]):
                pivot = i
        if pivot != k:
            right[k], right[pivot] = right[pivot], right[k]
            for j in range(k, n):
                matrix[k, j], matrix[pivot, j] = matrix[pivot, j], matrix[k, j]
        inverse = 1.0 / matrix[k, k]
        for i in range(k + 1, n):
            factor = matrix[i, k] * inverse
            if factor != 0.0:
                right[i] -= factor * right[k]
                for j in range(k + 1, n):
                    matrix[i, j] -= factor * matrix[k, j]
    for i in range(n - 1, -1, -1):
        total = right[i]
        for j in range(i + 1, n):
            total -= matrix[i, j] * right[j]
        right[i] = total / matrix[i, i]
