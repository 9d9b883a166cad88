"""Several criteria at once: the policy whose worst criterion does best against a regularised opponent."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import ConvergenceError, NashsimError
from ..game import PreferenceGame

_SOLVERS = (
    ("CLARABEL", {"tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11}),
    ("SCS", {"eps": 1e-9, "max_iters": 50_000}),
)


@dataclass(frozen=True, eq=False)
class BlackwellWinner:
    """A MaxEnt Blackwell winner over criteria.

    Attributes
    ----------
    probabilities : ndarray, shape (actions,)
    value : float
        min_i -tau log E_(y'~mu) exp(-P_i(pi ≻ y')/tau), evaluated at the policy.
    by_criterion : ndarray, shape (criteria,)
        The same of every criterion.
    gap : float
        How far the value may be from the largest, proved: no policy has more than value + gap.
    """

    probabilities: np.ndarray
    value: float
    by_criterion: np.ndarray
    gap: float


def blackwell_winner(criteria: Sequence[PreferenceGame], tau: float | None = None) -> BlackwellWinner:
    """Return argmax_pi min_i -tau log E_(y'~mu) exp(-P_i(pi ≻ y')/tau), criteria i being games on the same responses.

    Parameters
    ----------
    criteria : sequence of PreferenceGame
        Games of one context with the same labels; the reference is that of the first.
    tau : float or None
        Regularisation of the opponent, > 0; ``None`` is that of the first.

    Returns
    -------
    BlackwellWinner

    Raises
    ------
    NashsimError
        For no game, games of several contexts or other labels, or no tau.
    ConvergenceError
        If no solver answers.

    Notes
    -----
    MaxEnt Blackwell winners: arXiv 2602.19041 [inferred]. The gap [derived]: for weights w on criteria and opponents
    q_i, max_y sum_i w_i (P_i q_i)(y) + tau sum_i w_i KL(q_i || mu) bounds every policy's value.

    Examples
    --------
    >>> helpful, short = (PreferenceGame([[0.5, p], [1 - p, 0.5]], tau=0.1) for p in (0.9, 0.1))
    >>> blackwell_winner([helpful, short]).probabilities.round(4)
    array([0.5, 0.5])
    """
    import cvxpy as cp

    if not criteria:
        raise NashsimError("criteria: at least one game is needed, found none")
    first = criteria[0] if tau is None else criteria[0].replace(tau=tau)
    for game in criteria:
        if game.labels != first.labels or game.contexts != 1:
            raise NashsimError(
                "criteria: games of one context with the same labels in the same order are needed"
            )
    tau, inside = first.require_tau(), first.support[0]
    log_mu, wins = first.log_reference[0, inside], [game.probabilities[0][:, inside] for game in criteria]
    policy, value = cp.Variable(first.actions, nonneg=True), cp.Variable()
    bounds = [value <= -cp.log_sum_exp(log_mu - p.T @ policy / tau) for p in wins]
    problem = cp.Problem(cp.Maximize(value), [cp.sum(policy) == 1, *bounds])
    for solver, options in _SOLVERS:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                problem.solve(solver=solver, warm_start=False, **options)
        except cp.SolverError:
            continue
        if policy.value is not None and np.isfinite(policy.value).all():
            break
    else:
        raise ConvergenceError("criteria: no solver found the Blackwell winner; use a larger tau")
    raw = np.maximum(policy.value, 0.0)
    pi = raw / raw.sum()
    weights = np.maximum([float(bound.dual_value) for bound in bounds], 0.0)
    weights = weights / weights.sum() if weights.sum() > 0 else np.full(len(wins), 1 / len(wins))
    logits = np.array([log_mu - p.T @ pi / tau for p in wins])
    top = logits.max(axis=1, keepdims=True)
    by_criterion = -tau * (top[:, 0] + np.log(np.exp(logits - top).sum(axis=1)))
    opponents = np.exp(logits - top)
    opponents /= opponents.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(opponents > 0, opponents * (np.log(opponents) - log_mu), 0.0).sum(axis=1)
    most = (
        sum(w * p @ q for w, p, q in zip(weights, wins, opponents, strict=True)).max() + tau * weights @ terms
    )
    return BlackwellWinner(
        pi, float(by_criterion.min()), by_criterion, float(max(most - by_criterion.min(), 0.0))
    )
