"""A vertex of a skew game's optimal policies by principal pivoting, and the proof where it is the only one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .products import accurate_margin

# How much d, the slacks the pivoting starts from, falls with an action's standardised mean payoff: 1/2 takes 3/5
# of the exchanges of a constant d at n = 100 and 300 (measured).
_FALL = 0.5
# What sets ties apart: multiples of the golden ratio, mod 1, are spread evenly.
_APART = 0.01
_GOLDEN = 0.6180339887498949
# Far above the 2 to 4 exchanges an action that random games take.
_EXCHANGES = 20


class Pivoted(NamedTuple):
    """Where the pivoting ended.

    Attributes
    ----------
    values : ndarray, shape (actions,)
        Probability of an action in play, slack of any other in units of max|A|; up to rounding.
    inside : ndarray of bool, shape (actions,)
        Which actions are in play.
    """

    values: np.ndarray
    inside: np.ndarray


def pivoted_vertex(skew: np.ndarray, scale: float) -> Pivoted | None:
    """Return a vertex of {p >= 0, sum p = 1, A p <= 0}; None where rounding stopped the pivoting.

    Parameters
    ----------
    skew : ndarray, shape (actions, actions)
        A.
    scale : float
        max|A|, above 0.

    Examples
    --------
    >>> pivoted_vertex(np.array([[0, -0.4, 0.3], [0.4, 0, -0.4], [-0.3, 0.4, 0]]), 0.4).values.round(3)
    array([0.364, 0.273, 0.364])
    """
    from .pivoting_kernel import pivot_to_vertex

    actions = len(skew)
    strength = skew.sum(axis=1)
    spread = np.sqrt(strength @ strength / actions) or 1.0
    apart = 1.0 + _APART * ((_GOLDEN * np.arange(1, actions + 1)) % 1.0)
    start = np.exp(-_FALL / spread * strength) * apart
    *found, exchanges = pivot_to_vertex(skew, scale, int(strength.argmax()), start, _EXCHANGES * actions + 20)
    return None if exchanges < 0 else Pivoted(*found)


def only_policy(skew: np.ndarray, scale: float, point: Pivoted, zero: float) -> np.ndarray | None:
    """Return the vertex to rounding if it is the only optimal policy; None if that is not plain.

    It is where every action has either mass or slack (strict complementarity) and K = [[A_SS, 1], [1^T, 0]]
    on the actions S in play is nonsingular: taking away a row and a column of K shifts its
    singular values by two places at most, so A_SS has a null space of one dimension [derived]. Its line is solved
    for with one refinement on the accurate A p.

    Parameters
    ----------
    skew : ndarray, shape (actions, actions)
        A.
    scale : float
        max|A|.
    point : Pivoted
    zero : float
        What counts as zero, relative to ``scale``, in a mass, a slack and a singular value.

    Returns
    -------
    ndarray, shape (actions,), or None
    """
    if not point.values.min() > zero:
        return None
    played = np.flatnonzero(point.inside)
    size = len(played)
    border = np.ones((size + 1, size + 1))
    border[size, size] = 0.0
    block = skew[np.ix_(played, played)]
    np.divide(block, scale, out=border[:size, :size])
    try:
        inverse = np.linalg.inv(border)
    except np.linalg.LinAlgError:
        return None
    # 1/|K^-1| in the Frobenius norm is at most K's least singular value.
    if not np.linalg.norm(inverse) * zero < 1.0:
        return None
    mass = inverse[:size, size]
    rest = np.append(-accurate_margin(block, mass) / scale, 1.0 - mass.sum())
    mass = mass + inverse[:size] @ rest
    if not mass.min() > zero:
        return None
    policy = np.zeros(len(skew))
    policy[played] = mass / mass.sum()
    slack = skew @ policy / -scale
    return policy if slack[~point.inside].min(initial=np.inf) > zero else None
