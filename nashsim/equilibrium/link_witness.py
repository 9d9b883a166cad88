"""CVXPY as the independent witness for any regulariser: the maximiser of min_pi' J_tau(pi, pi'), by conjugates.

Nothing here uses the best response of :class:`~nashsim.PreferenceGame`, its fixed point or Newton.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..game import PreferenceGame
from ..regularisers import Regulariser, normalise

_LONG = np.longdouble


class LinkProblem:
    """maximise over the simplex and lambda  lambda - sum mu f*(lambda - (P^T pi - 1/2)/tau) - R(pi), in units of tau.

    The first two terms are min_pi' <P^T pi - 1/2, pi'>/tau + R(pi') by Lagrange duality [derived]; any lambda bounds
    that minimum from below, which is what proves an accuracy.

    Parameters
    ----------
    probabilities : ndarray of longdouble, shape (actions, actions)
        P on the reference's support.
    log_mu : ndarray, shape (actions,)
    tau : float
    regulariser : Regulariser
    """

    def __init__(self, probabilities: np.ndarray, log_mu: np.ndarray, tau: float, regulariser: Regulariser):
        self.skew = (probabilities - _LONG(0.5)) / _LONG(tau)
        self.mass, self.regulariser = np.exp(log_mu), regulariser

    def build(self) -> tuple[Any, Any]:
        """Return the CVXPY problem and the expression of the policy."""
        import cvxpy as cp

        ratio, shift = cp.Variable(len(self.mass), nonneg=True), cp.Variable()
        policy = cp.multiply(self.mass, ratio)
        cost, extra = self.regulariser.cvxpy_conjugate(shift + self.skew.astype(float) @ policy)
        worst_case = shift - self.mass @ cost
        objective = worst_case - self.mass @ self.regulariser.cvxpy_generator(ratio)
        return cp.Problem(cp.Maximize(objective), [cp.sum(policy) == 1, *extra]), policy

    def proved_accuracy(self, policy: np.ndarray) -> float:
        """Return sqrt(2 (shortfall + rounding)/m), in extended precision; see :func:`solve_cvxpy`.

        Every sum has n terms of relative error at most (n + 12) eps.
        """
        mass, pi = self.mass.astype(_LONG), policy.astype(_LONG)
        mass, pi = mass / mass.sum(), pi / pi.sum()
        values, regulariser = self.skew @ pi, self.regulariser
        rounded = values.astype(float)
        clipped = normalise(regulariser, self.mass, rounded)
        at = clipped.argmax()
        shift = _LONG(clipped[at]) + _LONG(regulariser.anchor) - rounded[at]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            costs = mass * regulariser.conjugate(values + shift)
            penalties = mass * regulariser.generator(pi / mass)
            shortfall = costs.sum() + penalties.sum() - shift
        size = np.abs(costs).sum() + np.abs(penalties).sum() + np.abs(shift) + np.abs(values).max()
        error = (len(pi) + 12) * np.finfo(_LONG).eps * (1 + size)
        modulus = regulariser.strong_convexity(float(self.mass.min()))
        accuracy = float(np.sqrt(2 * (max(shortfall, _LONG(0)) + error) / modulus))
        return accuracy if np.isfinite(accuracy) else np.inf


def link_problem(game: PreferenceGame, probabilities: np.ndarray, log_mu: np.ndarray) -> LinkProblem:
    """Return the problem of one context of a game on its support.

    Parameters
    ----------
    game : PreferenceGame
    probabilities : ndarray of longdouble, shape (actions, actions)
    log_mu : ndarray, shape (actions,)
    """
    return LinkProblem(probabilities, log_mu, game.require_tau(), game.regulariser)
