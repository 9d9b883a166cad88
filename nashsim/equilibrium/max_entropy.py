"""The optimal policy of largest entropy, where a skew game has several."""

from __future__ import annotations

import numpy as np

from ..errors import ConvergenceError

# Relative to max|A|: what the cone programme leaves of a slack that is tight, and what rounding does.
_TIGHT, _ROUNDING = 1e-6, 1e-12
_STEPS = 100


def max_entropy(skew: np.ndarray, support: np.ndarray) -> np.ndarray:
    """Return argmax -sum p log p over A_SS p = 0, A_{-S,S} p <= 0, p >= 0, sum p = 1, to rounding.

    A cone programme finds which of the inequalities are tight; Newton's method on the plane of these does the rest.
    It is the limit of the regularised equilibria at a uniform reference as tau falls to 0 [derived].

    Parameters
    ----------
    skew : ndarray, shape (actions, actions)
        A = P - 1/2, scaled to max|A| = 1.
    support : ndarray of bool, shape (actions,)
        S, the largest support of an optimal policy.

    Returns
    -------
    ndarray, shape (actions,)

    Raises
    ------
    ConvergenceError
        Where the cone programme fails, or its tight inequalities do not confirm.

    References
    ----------
    Boyd and Vandenberghe, Convex Optimization (2004), section 10.2 [recalled].
    """
    inside, outside = skew[np.ix_(support, support)], skew[np.ix_(~support, support)]
    rough = _cone_programme(inside, outside)
    tight = outside[-(outside @ rough) < _TIGHT]
    policy = np.zeros(len(skew))
    policy[support] = _newton(np.concatenate([inside, tight]), rough)
    if (skew @ policy).max() > _ROUNDING * len(skew) or np.abs(policy[support] - rough).max() > 1e-3:
        raise ConvergenceError(
            "lottery: the policy of largest entropy does not confirm, A p <= 0 missed by"
            f" {(skew @ policy).max():.3g} of the largest margin; take tie_break='norm'"
        )
    return policy


def _cone_programme(inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    import cvxpy as cp

    p = cp.Variable(len(inside))
    limits = [inside @ p == 0, cp.sum(p) == 1] + ([outside @ p <= 0] if len(outside) else [])
    problem = cp.Problem(cp.Maximize(cp.sum(cp.entr(p))), limits)
    try:
        problem.solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    except cp.SolverError as error:
        raise ConvergenceError(f"lottery: largest entropy, {error}; take tie_break='norm'") from None
    if p.value is None:
        raise ConvergenceError(f"lottery: largest entropy, {problem.status}; take tie_break='norm'")
    return np.maximum(p.value, _ROUNDING)


def _newton(equations: np.ndarray, rough: np.ndarray) -> np.ndarray:
    """The largest entropy on {equations p = 0, sum p = 1}, p > 0, from a point near it."""
    _, singular, rows = np.linalg.svd(equations, full_matrices=True)
    basis = rows[(singular > _ROUNDING * len(rough)).sum() :].T
    totals = basis.sum(axis=0)
    at = basis.T @ rough
    at = at / (totals @ at)
    moved = np.inf
    for _ in range(_STEPS):
        p = basis @ at
        hessian = basis.T @ (basis / p[:, None])
        system = np.block([[hessian, totals[:, None]], [totals[None, :], np.zeros((1, 1))]])
        step = np.linalg.solve(system, np.append(-basis.T @ (np.log(p) + 1), 0.0))[:-1]
        change = basis @ step
        # No further than nine tenths of the way to where a probability would be 0.
        falling = change < 0
        length = min(1.0, 0.9 * float((p[falling] / -change[falling]).min())) if falling.any() else 1.0
        at = at + length * step
        before, moved = moved, float(np.abs(change / p).max())
        if moved < 1e-14 or before <= moved < 1e-9:
            break
    return basis @ at
