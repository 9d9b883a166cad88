"""Symmetric equilibria of a skew matrix game: one vertex, the maximal support, the point of least norm.

The optimal policies {p >= 0, sum p = 1, A p <= 0} of A = -A^T form a polytope. Its vertices come from
principal pivoting, or where rounding stops that from a linear programme; whether it is a single point is
decided by strict complementarity, in rational arithmetic where floats could be wrong about it.
"""

from __future__ import annotations

import numpy as np

from ..errors import ConvergenceError
from .exact import complementary_optimum, floats_are_right
from .pivoting import only_policy, pivoted_vertex

# All of these are relative to max|A|. Vertices are read off at one of the first, polished, and held
# to the second, far above rounding (1e-16 n) and far below any of the first; what is below the third
# after polishing counts as zero, in a slack and in a singular value alike.
_READING_TOLERANCES = (1e-7, 1e-9, 1e-11)
_FEASIBLE = 1e-13
_ZERO = 1e-11
_LP_TOLERANCE = 1e-10
# Above this many actions HiGHS' interior point with crossover overtakes its simplex.
_LARGE = 200


def symmetric_equilibrium(skew: np.ndarray, tie_break: str = "norm") -> tuple[np.ndarray, bool]:
    """Return the optimal policy of a skew game and whether it is the only one.

    Where it is not, the policy is the optimal one of least Euclidean norm or of largest entropy: both are the same
    whatever the actions' order, and equal on duplicate actions.

    By Goldman and Tucker, "Theory of linear programming" (1956), a skew game has an optimal p with
    p_j > 0 or (A p)_j < 0 for every j [recalled]; S = {j : p_j > 0} is then the largest support, every
    optimal q has A_SS q_S = 0, and as p is interior to these constraints it is the only
    solution exactly where the null space of A_SS is a line [derived].

    Parameters
    ----------
    skew : ndarray, shape (actions, actions)
        A = P - 1/2.
    tie_break : {"norm", "entropy"}

    Returns
    -------
    policy : ndarray, shape (actions,)
        Probabilities, exactly 0 off the support.
    unique : bool

    Raises
    ------
    ConvergenceError
        If the linear programme fails or its answer cannot be confirmed to rounding.

    Examples
    --------
    >>> policy, unique = symmetric_equilibrium(np.array([[0, -0.4, 0.3], [0.4, 0, -0.4], [-0.3, 0.4, 0]]))
    >>> (11 * policy).round(9), unique
    (array([4., 3., 4.]), True)
    """
    actions = len(skew)
    scale = float(skew.max())  # A is skew: its largest entry is max|A|
    if scale == 0.0:
        return np.full(actions, 1.0 / actions), actions == 1
    point = pivoted_vertex(skew, scale)
    only = None if point is None else only_policy(skew, scale, point, _ZERO)
    if only is not None and _is_optimal(skew, only, scale):
        return only, True
    given, skew = skew, skew / scale
    try:
        vertex = None if point is None else _polished(skew, np.where(point.inside, point.values, 0.0))
        policy = _vertex(skew) if vertex is None else vertex
        support = _maximal_support(skew, policy)
        null = _null_space(skew[np.ix_(support, support)])
        right = floats_are_right(given, policy > 0, -skew @ policy < _ZERO, support, null.shape[1])
        found = None if right else complementary_optimum(given)
    except ConvergenceError:
        found = complementary_optimum(given)
        if found is None:
            raise
    if found is not None:
        policy, null = found
        support = policy > 0
    if support.sum() == (policy > 0).sum() and null.shape[1] == 1:
        return policy, True
    if tie_break == "entropy":
        from .max_entropy import max_entropy

        return max_entropy(skew, support), False
    return _least_norm(skew, support, null), False


def _vertex(skew: np.ndarray) -> np.ndarray:
    """A vertex of the optimal polytope by LP, to rounding."""
    actions = len(skew)
    rough = _solve_lp(
        np.zeros(actions), A_ub=skew, b_ub=np.zeros(actions), A_eq=np.ones((1, actions)), b_eq=[1.0]
    )
    policy = _polished(skew, rough)
    if policy is None:
        raise ConvergenceError(
            f"lottery: the LP's vertex misses A p <= 0 by {max((skew @ rough).max(), 0.0):.3g} and could not"
            " be polished to rounding; margins differ too much in size: round or rescale the smallest ones"
        )
    return policy


def _polished(skew: np.ndarray, rough: np.ndarray) -> np.ndarray | None:
    """The vertex to rounding from the constraints tight at it, or None where that finds none."""
    slack = -skew @ rough
    for tolerance in _READING_TOLERANCES:
        played, tight = rough > tolerance, slack < tolerance
        policy = np.zeros(len(skew))
        null = _null_space(skew[np.ix_(tight, played)])
        policy[played] = null @ (null.T @ rough[played])
        if policy.sum() > 0.5:
            policy /= policy.sum()
            if (policy[played] > 0).all() and _is_optimal(skew, policy):
                return policy
    return None


def _maximal_support(skew: np.ndarray, vertex: np.ndarray) -> np.ndarray:
    """Which actions any optimal policy plays, from one optimal vertex.

    An optimal q has q_j = 0 wherever the vertex has slack, and no slack wherever it has mass. Only the
    actions Z with neither are open: Goldman-Tucker makes q_j - (A q)_j >= 1 on Z solvable in the cone of
    optimal policies, and the side that is positive decides.
    """
    slack = -skew @ vertex
    played = vertex > 0
    candidates = played | (slack < _ZERO)
    is_open = candidates & ~played
    if not is_open.any():
        return played
    among = np.flatnonzero(candidates)
    columns = skew[:, among]
    choose = np.flatnonzero(is_open)
    wanted = columns[choose] - (among == choose[:, None])
    try:
        cone = _in_cone(columns[~played], wanted, columns[played])
    except ConvergenceError:  # its entries can be large; on the simplex none is
        cone = _in_simplex(columns[~played], wanted, columns[played])
    support = played.copy()
    support[among] |= cone > np.maximum(-columns[among] @ cone, 0.5 * is_open[among])
    return support


def _in_cone(at_most: np.ndarray, wanted: np.ndarray, exactly: np.ndarray) -> np.ndarray:
    """The least q >= 0 with at_most q <= 0, exactly q = 0 and wanted q <= -1."""
    return _solve_lp(
        np.ones(at_most.shape[1]),
        A_ub=np.concatenate([at_most, wanted]),
        b_ub=np.concatenate([np.zeros(len(at_most)), -np.ones(len(wanted))]),
        A_eq=exactly,
        b_eq=np.zeros(len(exactly)),
    )


def _in_simplex(at_most: np.ndarray, wanted: np.ndarray, exactly: np.ndarray) -> np.ndarray:
    """The same up to scale: q on the simplex with wanted q <= -t for the largest t, divided by t."""
    on_t = np.concatenate([np.zeros(len(at_most)), np.ones(len(wanted))])
    found = _solve_lp(
        np.append(np.zeros(at_most.shape[1]), -1.0),
        A_ub=np.column_stack([np.concatenate([at_most, wanted]), on_t]),
        b_ub=np.zeros(len(on_t)),
        A_eq=np.column_stack([np.vstack([exactly, np.ones(at_most.shape[1])]), np.zeros(len(exactly) + 1)]),
        b_eq=np.append(np.zeros(len(exactly)), 1.0),
    )
    if found[-1] < _READING_TOLERANCES[0]:
        raise ConvergenceError(
            f"lottery: whether it is unique hangs on margins of {found[-1]:.2g} of the largest one; round or"
            " rescale the smallest margins"
        )
    return found[:-1] / found[-1]


def _least_norm(skew: np.ndarray, support: np.ndarray, null: np.ndarray) -> np.ndarray:
    """The optimal policy of least Euclidean norm, by least-distance programming in the null space of A_SS.

    Lawson and Hanson, "Solving Least Squares Problems" (1974), chapter 23: min |z| s.t. G z >= h is a
    non-negative least squares problem, whose active set then gives z to rounding.
    """
    from scipy.optimize import nnls

    totals = null.sum(axis=0)
    centre = null @ totals / (totals @ totals)
    across = null @ _null_space(totals[None, :])
    rows = np.concatenate([np.eye(support.sum()), -skew[np.ix_(~support, support)]])
    G, h = rows @ across, -rows @ centre
    chosen = centre
    if (h > _FEASIBLE).any():
        dual, _ = nnls(np.vstack([G.T, h]), np.append(np.zeros(G.shape[1]), 1.0))
        active = dual > 0
        chosen = centre + across @ (np.linalg.pinv(G[active], rcond=_ZERO) @ h[active])
    policy = np.zeros(len(skew))
    policy[support] = np.where(chosen > _FEASIBLE, chosen, 0.0)
    policy /= policy.sum()
    if not _is_optimal(skew, policy):
        raise ConvergenceError(
            "lottery: the game has several maximal lotteries, and the one of least norm misses A p <= 0 by"
            f" {(skew @ policy).max():.3g} of the largest margin; round or rescale its smallest margins"
        )
    return policy


def _is_optimal(skew: np.ndarray, policy: np.ndarray, scale: float = 1.0) -> bool:
    return bool((skew @ policy).max() <= _FEASIBLE * scale * max(1.0, len(skew) / 100))


def _null_space(matrix: np.ndarray) -> np.ndarray:
    """Orthonormal columns spanning the null space, shape (columns, dimension)."""
    _, singular, rows = np.linalg.svd(matrix, full_matrices=True)
    return rows[(singular > _ZERO).sum() :].T


def _solve_lp(cost: np.ndarray, **constraints) -> np.ndarray:
    from scipy.optimize import linprog

    tried = []
    methods = ("highs-ds", "highs-ipm") if len(cost) <= _LARGE else ("highs-ipm", "highs-ds")
    for method in methods:
        result = linprog(
            cost,
            method=method,
            options={
                "primal_feasibility_tolerance": _LP_TOLERANCE,
                "dual_feasibility_tolerance": _LP_TOLERANCE,
            },
            **constraints,
        )
        if result.status == 0:
            return result.x
        tried.append(f"{method}: {result.message}")
    raise ConvergenceError(f"lottery: no linear programming method of HiGHS succeeded ({'; '.join(tried)})")
