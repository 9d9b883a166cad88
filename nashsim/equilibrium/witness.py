"""CVXPY as the independent witness: the equilibrium from the definition of J_tau, with an accuracy it proves.

Nothing here uses the best response, its fixed point or Newton: an error in their derivation or in the
orientation of P cannot hide in both answers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..errors import ConvergenceError
from ..game import PreferenceGame
from ..preferences import DensePreference, LowRankPreference, check_dense
from .certificate import certify
from .link_witness import link_problem
from .result import Equilibrium, support_note

_LONG = np.longdouble


def _clarabel(tolerance: float, needed_above: float, **options) -> tuple[str, dict, float]:
    return (
        "CLARABEL",
        dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), tolerance) | {"max_iter": 200} | options,
        needed_above,
    )


# Solvers in turn, each asked only while the best accuracy so far exceeds its last entry.
_SCS = ("SCS", {"eps": 1e-9, "max_iters": 20_000}, 1e-3)
_SOLVERS = (
    ("ECOS", {"abstol": 1e-12, "reltol": 1e-12, "feastol": 1e-12, "max_iters": 200}, np.inf),
    _clarabel(1e-12, 1e-7),
    _SCS,
)
# One CLARABEL alone stops up to 200 times short of ECOS; the best of three was never behind it on the catalogue's
# games and on random ones: a tolerance that is met, and two that never are, run until no progress is left.
_WITHOUT_ECOS = (
    _clarabel(1e-12, np.inf),
    _clarabel(1e-16, 0.0, max_step_fraction=0.9),
    _clarabel(1e-16, 0.0),
    _SCS,
)
# An interior-point solver leaves specks of mass where there is none, which cost much in KL: the
# objective chooses the level below which they are swept away.
_SPECKS = (0.0, *10.0 ** np.arange(-14, -5))
# The accuracy is proved on P in extended precision: 400 MB here.
_MOST_ACTIONS = 5000


@dataclass(frozen=True)
class _Answer:
    """One solver's policy on the support, shape (actions,), and the accuracy that its objective proves."""

    policy: np.ndarray
    accuracy: float
    solver: str
    iterations: int


def solve_cvxpy(game: PreferenceGame) -> Equilibrium:
    """Return the equilibrium as the maximiser of min_pi' J_tau(pi, pi'), by CVXPY, with its proved accuracy.

    maximise over the simplex  -tau log sum_y' mu(y') exp(-(P^T pi)(y')/tau) - tau KL(pi || mu),
    the inner minimum over pi' being a log-sum-exp by Gibbs' variational principle [derived]. For another regulariser
    the minimum is taken by its conjugate, and |pi - pi*|_1 <= sqrt(2 f/(tau m)), m its modulus of strong convexity.

    Parameters
    ----------
    game : PreferenceGame
        Game with tau set.

    Returns
    -------
    Equilibrium
        ``accuracy`` bounds |pi - pi*|_1 in each context: with shortfall f = 1/2 - min_pi' J_tau(pi, pi'),
        evaluated from the definition, tau KL(pi || pi*) = J_tau(pi*, pi) - 1/2 <= f, so by Pinsker's
        inequality |pi - pi*|_1 <= sqrt(2 f/tau) [derived]. The rounding of f is added to it.

    Raises
    ------
    NashsimError
        If the game has no tau, or more than 5000 actions and another storage than a matrix.
    ConvergenceError
        If every solver fails; the message names what was tried.

    Examples
    --------
    >>> game = PreferenceGame([[0.5, 0.9], [0.1, 0.5]], tau=0.5, labels=["better", "worse"])
    >>> witness = solve_cvxpy(game)
    >>> witness.policy.round(6)
    better    0.689974
    worse     0.310026
    Name: probability, dtype: float64
    """
    tau = game.require_tau()
    if not isinstance(game.preference, DensePreference):
        check_dense(game.actions, "cvxpy", _MOST_ACTIONS)
    skews, answers = game.preference.dense(), []
    log_policy = np.full((game.contexts, game.actions), -np.inf)
    for context, (skew, log_mu, support) in enumerate(
        zip(skews, game.log_reference, game.support, strict=True)
    ):
        # P = A + 1/2 is exact in extended precision; in float64 it would round A's last digits away.
        probabilities = skew[np.ix_(support, support)].astype(_LONG) + _LONG(0.5)
        factors = None
        if not game.kl_regularised:
            other = link_problem(game, probabilities, log_mu[support])
            answers.append(_ask(*other.build(), other.proved_accuracy, tau))
        else:
            if isinstance(game.preference, LowRankPreference):
                factors = game.preference.left[support], game.preference.right[support]
            answers.append(_maximise(probabilities, log_mu[support], tau, factors))
        with np.errstate(divide="ignore"):
            log_policy[context, support] = np.log(answers[-1].policy)
    accuracy = np.array([answer.accuracy for answer in answers])
    solvers = ", ".join(sorted({answer.solver for answer in answers}))
    return Equilibrium(
        game=game,
        log_policy=log_policy,
        method="cvxpy",
        certificate=certify(game, log_policy),
        accuracy=accuracy,
        iterations=sum(answer.iterations for answer in answers),
        status=f"Within {accuracy.max():.1e} of the equilibrium in L1, proved by the objective ({solvers})."
        + support_note(game),
    )


def _maximise(probabilities: np.ndarray, log_mu: np.ndarray, tau: float, factors=None) -> _Answer:
    """Ask the solvers in turn and keep the answer of the best proved accuracy.

    With ``factors`` (U, V) of a low-rank game the solvers see P^T pi - 1/2 = V (U^T pi) - U (V^T pi), which
    takes them through thousands of actions; the accuracy is proved on P itself all the same.
    """
    import cvxpy as cp

    policy = cp.Variable(len(log_mu), nonneg=True)
    constraints = [cp.sum(policy) == 1]
    # In units of tau and from the value 1/2, so that a solver's tolerance means the same at every tau.
    if factors is None:
        payoffs = ((probabilities.T - _LONG(0.5)) / _LONG(tau)).astype(float) @ policy
    else:
        left, right = factors
        on_left, on_right = cp.Variable(left.shape[1]), cp.Variable(left.shape[1])
        constraints += [on_left == left.T @ policy, on_right == right.T @ policy]
        payoffs = (right / tau) @ on_left - (left / tau) @ on_right
    worst_case = -cp.log_sum_exp(log_mu - payoffs)
    divergence = -cp.sum(cp.entr(policy)) - log_mu @ policy
    problem = cp.Problem(cp.Maximize(worst_case - divergence), constraints)
    return _ask(problem, policy, partial(_proved_accuracy, probabilities, log_mu, tau), tau)


def _ask(problem, policy, proved: Callable[[np.ndarray], float], tau: float) -> _Answer:
    """Ask the solvers in turn for an expression's value; ``proved`` gives the accuracy of a distribution."""
    import cvxpy as cp

    installed = cp.installed_solvers()
    best, tried = None, []
    for solver, options, needed_above in _SOLVERS if "ECOS" in installed else _WITHOUT_ECOS:
        if best is not None and best.accuracy <= needed_above:
            break
        if solver not in installed:
            tried.append(f"{solver}: not installed")
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                problem.solve(solver=solver, warm_start=False, **options)
        except Exception as error:  # whatever one solver dies of, the next may succeed
            tried.append(f"{solver}: {error}")
            continue
        if policy.value is None or not np.isfinite(policy.value).all():
            tried.append(f"{solver}: {problem.status}")
            continue
        answer = _sweep(policy.value, proved)
        if best is None or answer[1] < best.accuracy:
            best = _Answer(*answer, solver, int(problem.solver_stats.num_iters or 0))
    if best is None:
        raise ConvergenceError(
            f"cvxpy: no solver found the equilibrium at tau = {tau:g} ({'; '.join(dict.fromkeys(tried))})"
        )
    return best


def _sweep(raw: np.ndarray, proved: Callable[[np.ndarray], float]) -> tuple[np.ndarray, float]:
    """Turn a solver's output into a distribution, without the specks that the objective is better without."""
    candidates = []
    for speck in _SPECKS:
        policy = np.where(raw > speck, raw, 0.0)
        if policy.any():
            policy /= policy.sum()
            candidates.append((proved(policy), policy))
    accuracy, policy = min(candidates, key=lambda pair: pair[0])
    return policy, accuracy


def _proved_accuracy(probabilities: np.ndarray, log_mu: np.ndarray, tau: float, policy: np.ndarray) -> float:
    """Return sqrt(2 (f/tau + rounding)), f = 1/2 - min_pi' J_tau(pi, pi') from the definition.

    f/tau = log sum mu exp((1/2 - P^T pi)/tau) + KL(pi || mu). Each of its terms carries a relative error of
    at most (n + 8) eps: products, sums of n terms, exp and log; the first is of size 1/(2 tau).
    """
    pi, log_mu, temperature = policy.astype(_LONG), log_mu.astype(_LONG), _LONG(tau)
    pi /= pi.sum()
    logits = log_mu + (_LONG(0.5) - probabilities.T @ pi) / temperature
    top = logits.max()
    worst_case = top + np.log(np.exp(logits - top).sum())
    log_pi = np.log(np.where(pi > 0, pi, 1))
    divergence = (pi * (log_pi - log_mu)).sum()
    size = 1 / temperature + (pi * (np.abs(log_pi) + np.abs(log_mu))).sum()
    rounding = (len(pi) + 8) * np.finfo(_LONG).eps * (1 + size)
    return float(np.sqrt(2 * (max(worst_case + divergence, _LONG(0)) + rounding)))
