"""The counted game: preference estimates with shrinkage, one duel at a time."""

from __future__ import annotations

import math

import numba as nb


@nb.njit(cache=True, nogil=True)
def update_estimate(wins, skew, width, y, z, won):
    """Count one duel and renew P(y, z) - 1/2 = (wins + 1/2)/(duels + 1) - 1/2 and its width, both ways.

    Parameters
    ----------
    wins : ndarray, shape (actions, actions)
        Duels won by the row against the column.
    skew : ndarray, shape (actions, actions)
        The estimate, skew to the last bit.
    width : ndarray, shape (actions, actions)
        1/sqrt(duels + 1).
    y, z : int
        Arms, distinct.
    won : float
        1.0 where y won, else 0.0.
    """
    wins[y, z] += won
    wins[z, y] += 1.0 - won
    duels = wins[y, z] + wins[z, y]
    skew[y, z] = 0.5 * (wins[y, z] - wins[z, y]) / (duels + 1.0)
    skew[z, y] = -skew[y, z]
    width[y, z] = width[z, y] = 1.0 / math.sqrt(duels + 1.0)
