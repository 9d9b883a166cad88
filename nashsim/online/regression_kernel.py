"""Least squares on label differences of pairs, one pair at a time."""

from __future__ import annotations

import numba as nb


@nb.njit(cache=True, nogil=True, forceinline=True)
def rank_one_update(inverse, y, z, weight, direction):
    """Add ``weight`` (e_y - e_z)(e_y - e_z)^T to the matrix whose inverse is kept, by Sherman and Morrison.

    Leaves V^-1 (e_y - e_z) of the new matrix in ``direction``.

    Parameters
    ----------
    inverse : ndarray, shape (actions, actions)
        V^-1, replaced.
    y, z : int
    weight : float
    direction : ndarray, shape (actions,)
    """
    n = inverse.shape[0]
    for i in range(n):
        direction[i] = inverse[i, y] - inverse[i, z]
    share = weight / (1.0 + weight * (direction[y] - direction[z]))
    for i in range(n):
        scaled = share * direction[i]
        for j in range(n):
            inverse[i, j] -= scaled * direction[j]
    for i in range(n):
        direction[i] *= share / weight


@nb.njit(cache=True, nogil=True, forceinline=True)
def least_squares_update(inverse, theta, y, z, target, weight, direction):
    """Move theta to the least-squares fit that has seen theta_y - theta_z = target once more.

    Parameters
    ----------
    inverse : ndarray, shape (actions, actions)
        (ridge I + sum of weights (e_y - e_z)(e_y - e_z)^T)^-1, replaced.
    theta : ndarray, shape (actions,)
        Fitted values; replaced.
    y, z : int
    target, weight : float
    direction : ndarray, shape (actions,)
        Scratch array; V^-1 (e_y - e_z) afterwards.
    """
    if y == z:
        return
    error = target - (theta[y] - theta[z])
    rank_one_update(inverse, y, z, weight, direction)
    for i in range(theta.shape[0]):
        theta[i] += weight * error * direction[i]
