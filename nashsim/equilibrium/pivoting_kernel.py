"""Compiled principal pivoting of a skew game to an optimal vertex. Imported at the first lottery: numba is heavy."""

from __future__ import annotations

import numba
import numpy as np

# Below this an entry of the tableau is rounding and no pivot (max|A| is 1).
_NO_PIVOT = 1e-10
# A slack above this multiple of -1 is feasible.
_ROUNDING = 1e-13


@numba.njit(cache=True, fastmath={"contract", "nsz"})
def pivot_to_vertex(skew, scale, k, d, most):
    """Return a vertex of {p >= 0, sum p = 1, A p <= 0} up to rounding, by the parametric self-dual simplex.

    With action k always in play, p_k = 1 - sum p_j and v = w_k + (A p)_k, the slacks w = v - A p turn the game
    into the complementarity problem w = q + M z >= 0, z >= 0, w z = 0 with M skew again. Started at
    q + t d with t so large that z = 0 solves it, t falls to 0 by exchanging two pairs (w_r, z_r), (w_s, z_s) at a
    time, which leaves M skew: only its upper triangle is kept, and one sweep of it makes both exchanges [derived].
    The method is the symmetric form of Dantzig's self-dual parametric one [recalled].

    Parameters
    ----------
    skew : ndarray, shape (actions, actions)
        A times any positive number.
    scale : float
        max|A|, to divide by.
    k : int
        The action in play at the start.
    d : ndarray, shape (actions,)
        Positive; ties meet in no two entries alike. Entry k is not read.
    most : int
        Exchanges before giving up.

    Returns
    -------
    q : ndarray, shape (actions,)
        Probability of an action in play, slack of any other.
    inside : ndarray of bool, shape (actions,)
        Which actions are in play.
    exchanges : int
        How many there were; -1 if no vertex was found.
    """
    n = skew.shape[0]
    tableau = np.empty((n, n))
    q, d = np.empty(n), d.copy()
    inside = np.zeros(n, np.bool_)
    inside[k] = True
    for i in range(n):
        own = -skew[k, i]
        for j in range(i + 1, n):
            tableau[i, j] = (skew[k, j] + own - skew[i, j]) / scale
        q[i] = skew[k, i] / scale
    for j in range(k):
        tableau[j, k] = 1.0
    for j in range(k + 1, n):
        tableau[k, j] = -1.0
    q[k], d[k] = 1.0, 0.0
    upper, lower = np.empty(n), np.empty(n)
    for step in range(most):
        t, r = 0.0, -1
        for i in range(n):
            if q[i] < -_ROUNDING and d[i] > 0.0 and -q[i] > t * d[i]:
                t, r = -q[i] / d[i], i
        if r < 0:
            return q, inside, step
        _row(tableau, r, upper)
        s, room = -1, np.inf
        for i in range(n):
            if upper[i] > _NO_PIVOT:
                ratio = max(q[i] + t * d[i], 0.0) / upper[i]
                if ratio < room:
                    s, room = i, ratio
        if s < 0:
            return q, inside, -1
        _row(tableau, s, lower)
        a = upper[s]
        upper[s], lower[r] = 0.0, 0.0
        for i in range(n):
            x, y = -upper[i] / a, lower[i] / a
            q[i] += x * q[s] + y * q[r]
            d[i] += x * d[s] + y * d[r]
            if x != 0.0 or y != 0.0:
                # Slices that start at 0: an index that might be negative is not made into vectors.
                row, low, up = tableau[i, i + 1 :], lower[i + 1 :], upper[i + 1 :]
                for j in range(row.size):
                    row[j] += x * low[j] + y * up[j]
        q[r], q[s] = q[s] / a, -q[r] / a
        d[r], d[s] = d[s] / a, -d[r] / a
        for j in range(n):
            _put(tableau, r, j, lower[j] / a)
            _put(tableau, s, j, -upper[j] / a)
        _put(tableau, r, s, -1.0 / a)
        inside[r], inside[s] = not inside[r], not inside[s]
    return q, inside, -1


@numba.njit(cache=True)
def _row(tableau, r, row):
    """Copy row r of the skew matrix out of its upper triangle."""
    for j in range(r):
        row[j] = -tableau[j, r]
    row[r] = 0.0
    row[r + 1 :] = tableau[r, r + 1 :]


@numba.njit(cache=True)
def _put(tableau, r, j, value):
    """Set entry (r, j), and with it (j, r), in the upper triangle."""
    if j > r:
        tableau[r, j] = value
    elif j < r:
        tableau[j, r] = -value
