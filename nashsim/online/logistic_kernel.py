"""Bradley-Terry rewards by logistic regression on counted duels: whole refits, and Newton steps for single duels."""

from __future__ import annotations

import numba as nb

from ..engine.kernels.structured import exponential
from .regression_kernel import rank_one_update

# Newton's steps of a refit, and halvings of one of them.
STEPS, HALVINGS = 60, 40


@nb.njit(cache=True, nogil=True, forceinline=True)
def sigmoid(x):
    """Return 1/(1 + exp(-x))."""
    return 1.0 / (1.0 + exponential(-x))


@nb.njit(cache=True, nogil=True)
def fit_rewards(wins, reward, ridge, pull, tolerance, inverse, scratch):
    """Maximise sum_yz wins_yz log sigmoid(r_y - r_z) + pull . r - ridge |r|^2/2; return whether that was reached.

    Damped Newton on the gradient g: its derivative is -H, H = sum_y<z duels_yz s(1 - s)(e_y - e_z)(e_y - e_z)^T +
    ridge I, which is positive definite, so a step H^-1 g that is halved enough lowers |g| [derived].

    Parameters
    ----------
    wins : ndarray, shape (actions, actions)
    reward : ndarray, shape (actions,)
        Rewards to start from; replaced.
    ridge : float
        Weight of the squared norm in the fit, > 0.
    pull : ndarray, shape (actions,)
    tolerance : float
        Largest entry of the last step H^-1 g, in rewards.
    inverse : ndarray, shape (actions, actions)
        H^-1 at the answer, replaced.
    scratch : ndarray, shape (at least actions + 4, actions)
    """
    n = reward.shape[0]
    gradient, step, trial, spare, matrix = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4 : 4 + n]
    square = write_gradient(wins, reward, ridge, pull, gradient)
    for _ in range(STEPS):
        write_hessian(wins, reward, ridge, matrix)
        invert(matrix, inverse)
        longest = 0.0
        for i in range(n):
            step[i] = 0.0
            for j in range(n):
                step[i] += inverse[i, j] * gradient[j]
            longest = max(longest, abs(step[i]))
        if longest <= tolerance:
            return True
        share = 1.0
        lower = square
        for _ in range(HALVINGS):
            for i in range(n):
                trial[i] = reward[i] + share * step[i]
            lower = write_gradient(wins, trial, ridge, pull, spare)
            if lower < (1.0 - 1e-4 * share) * square:
                break
            share *= 0.5
        if not lower < square:
            return False  # nothing is left but the rounding of the gradient
        square = lower
        for i in range(n):
            reward[i], gradient[i] = trial[i], spare[i]
    return False


@nb.njit(cache=True, nogil=True)
def write_gradient(wins, reward, ridge, pull, gradient):
    """Write the gradient of ``fit_rewards``'s objective; return its square."""
    n = reward.shape[0]
    for i in range(n):
        gradient[i] = pull[i] - ridge * reward[i]
    for i in range(n):
        for j in range(i):
            duels = wins[i, j] + wins[j, i]
            if duels > 0.0:
                missed = wins[i, j] - duels * sigmoid(reward[i] - reward[j])
                gradient[i] += missed
                gradient[j] -= missed
    square = 0.0
    for i in range(n):
        square += gradient[i] * gradient[i]
    return square


@nb.njit(cache=True, nogil=True)
def write_hessian(wins, reward, ridge, matrix):
    """Write H of ``fit_rewards``."""
    n = reward.shape[0]
    for i in range(n):
        for j in range(n):
            matrix[i, j] = 0.0
    for i in range(n):
        matrix[i, i] += ridge
        for j in range(i):
            duels = wins[i, j] + wins[j, i]
            if duels > 0.0:
                chance = sigmoid(reward[i] - reward[j])
                weight = duels * chance * (1.0 - chance)
                matrix[i, i] += weight
                matrix[j, j] += weight
                matrix[i, j] = matrix[j, i] = -weight


@nb.njit(cache=True, nogil=True)
def invert(matrix, inverse):
    """Write the inverse of a positive definite matrix, which is destroyed; none of its pivots vanishes."""
    n = matrix.shape[0]
    for i in range(n):
        for j in range(n):
            inverse[i, j] = 1.0 if i == j else 0.0
    for k in range(n):
        pivot = 1.0 / matrix[k, k]
        for j in range(n):
            matrix[k, j] *= pivot
            inverse[k, j] *= pivot
        for i in range(n):
            factor = matrix[i, k]
            if i != k and factor != 0.0:
                for j in range(n):
                    matrix[i, j] -= factor * matrix[k, j]
                    inverse[i, j] -= factor * inverse[k, j]


@nb.njit(cache=True, nogil=True, forceinline=True)
def newton_update(inverse, reward, y, z, won, direction):
    """Take in one duel by a Newton step of its log-likelihood on what was fitted before.

    H gains s(1 - s)(e_y - e_z)(e_y - e_z)^T at the present s = sigmoid(r_y - r_z), and r moves by
    H^-1 (e_y - e_z)(won - s). What the step leaves out is of second order in the move; the next refit mends it.

    Parameters
    ----------
    inverse : ndarray, shape (actions, actions)
        H^-1, replaced.
    reward : ndarray, shape (actions,)
        Rewards; replaced.
    y, z : int
        Arms, distinct.
    won : float
        1.0 where y won, else 0.0.
    direction : ndarray, shape (actions,)
        Scratch array.
    """
    chance = sigmoid(reward[y] - reward[z])
    # Where a win is certain to the last bit, a curvature of 0 would lose the direction.
    rank_one_update(inverse, y, z, max(chance * (1.0 - chance), 1e-12), direction)
    missed = won - chance
    for i in range(reward.shape[0]):
        reward[i] += missed * direction[i]
