"""Risk aversion: the policy whose mean win rate over the worst share of opponents, or of users, is largest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import ConvergenceError, NashsimError
from ..game import PreferenceGame

#: Largest number of entries of the linear programme.
_MOST_ENTRIES = 1_000_000
_MOST_ACTIONS = 500
#: What the duality gap of the linear programme may be.
_EXACT = 1e-9
#: Tolerances of the solver, what a policy may lack of the largest value to be optimal too, and how far such are apart.
_TIGHT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
_FACE, _APART = 1e-11, 1e-3


@dataclass(frozen=True, eq=False)
class CVaRPolicy:
    """A policy of largest conditional value at risk.

    Attributes
    ----------
    probabilities : ndarray, shape (actions,)
    alpha : float
        Share of the worst cases that count.
    value : float
        CVaR_alpha of the policy's win rates, the largest there is up to ``gap``.
    gap : float
        Largest value that the dual weights admit, less ``value``.
    unique : bool
        Whether no other policy has this value.
    """

    probabilities: np.ndarray
    alpha: float
    value: float
    gap: float
    unique: bool


def cvar(values, weights, alpha: float) -> float:
    """Return CVaR_alpha, the mean of the least values that together weigh alpha.

    Parameters
    ----------
    values : array_like, shape (cases,)
    weights : array_like, shape (cases,)
        Probabilities of the cases, with sum 1.
    alpha : float
        Share in (0, 1]; 1 is the mean, and the least weight or less the minimum.

    Examples
    --------
    >>> cvar([0.2, 0.6, 1.0], [0.25, 0.25, 0.5], 0.5)
    0.4
    """
    values, weights = np.asarray(values, float), np.asarray(weights, float)
    order = np.argsort(values, kind="stable")
    before = np.concatenate([[0.0], np.cumsum(weights[order])[:-1]])
    taken = np.clip(check_alpha(alpha) - before, 0.0, weights[order])
    return float(taken @ values[order] / taken.sum())


def cvar_policy(game: PreferenceGame, alpha: float) -> CVaRPolicy:
    """Return argmax_pi CVaR_alpha over y' ~ mu of P(pi ≻ y'), mean win rate over the worst share of the reference.

    alpha = 1 is a best response to mu; from alpha = min mu on down it is a maximal lottery, if mu has full support.

    Parameters
    ----------
    game : PreferenceGame
        Game of one context; tau takes no part.
    alpha : float
        Share in (0, 1] of the reference's mass.

    Raises
    ------
    NashsimError
        For an alpha outside (0, 1], several contexts or more than 500 responses.
    ConvergenceError
        If the linear programme is not solved to 1e-9.

    Notes
    -----
    CVaR as a linear programme: Rockafellar and Uryasev (2000) [recalled]. Preference games of convex risk measures:
    arXiv 2605.09946 [abstract]; there both players are averse to risk, here the worst cases stand for the opponent
    [derived].

    Examples
    --------
    >>> game = PreferenceGame([[0.5, 0.1, 0.8], [0.9, 0.5, 0.1], [0.2, 0.9, 0.5]])
    >>> found = cvar_policy(game, alpha=1 / 3)
    >>> (11 * found.probabilities).round(6), round(found.value, 9)
    (array([4., 3., 4.]), 0.5)
    """
    if game.contexts != 1:
        raise NashsimError(f"cvar: a game of one context is needed, found {game.contexts}")
    if game.actions > _MOST_ACTIONS:
        raise NashsimError(
            f"cvar: at most {_MOST_ACTIONS} responses are possible, found {game.actions}; leave some out"
        )
    played = game.support[0]
    mu = game.reference[0, played]
    return _largest(game.probabilities[0][:, played].T[None], mu / mu.sum(), check_alpha(alpha))


def cvar_users(utilities, alpha: float, shares=None) -> CVaRPolicy:
    """Return argmax_pi min_y' CVaR_alpha over users u of P_u(pi ≻ y'), P_u(y ≻ y') = sigma(U_uy - U_uy').

    alpha = 1 is a maximal lottery of the crowd; from the smallest share on down only the worst-off user counts.

    Parameters
    ----------
    utilities : array_like, shape (users, actions)
        Utilities in units of the choices' noise.
    alpha : float
        Share in (0, 1] of the users.
    shares : array_like or None, shape (users,)
        Share of each user; ``None`` is uniform.

    Raises
    ------
    NashsimError
        For utilities, shares or an alpha out of range, or too many users times squared responses.
    ConvergenceError
        If the linear programme is not solved to 1e-9.

    Notes
    -----
    As :func:`cvar_policy`; the worst-off user alone is what MaxMin-RLHF, arXiv 2402.08925 [recalled], does for rewards.

    Examples
    --------
    >>> crowd = [[2.0, 0.0, 1.0], [2.0, 0.0, 1.0], [0.0, 2.0, 1.0]]
    >>> cvar_users(crowd, 1.0).probabilities.round(6), cvar_users(crowd, 1 / 3).probabilities.round(6)
    (array([1., 0., 0.]), array([0.5, 0.5, 0. ]))
    """
    from .samples import check_users

    known, weights = check_users(utilities, shares)
    users, n = known.shape
    if users * n * n > _MOST_ENTRIES:
        raise NashsimError(
            f"utilities: users x responses² of at most {_MOST_ENTRIES:,} is needed, found {users} x {n}²"
        )
    present = weights > 0
    # rows y', users, then y
    wins = 0.5 + 0.5 * np.tanh(0.5 * (known[present][None] - known.T[:, present, None]))
    return _largest(wins, weights[present] / weights[present].sum(), check_alpha(alpha))


def check_alpha(alpha) -> float:
    """Return alpha as a float, or raise NashsimError unless it is a number in (0, 1]."""
    try:
        number = float(alpha)
    except (TypeError, ValueError):
        number = float("nan")
    if not 0 < number <= 1:
        raise NashsimError(f"alpha: a share in (0, 1] is needed, found {alpha!r}")
    return number


def _largest(wins: np.ndarray, weights: np.ndarray, alpha: float) -> CVaRPolicy:
    """Return argmax_pi min_g CVaR_alpha over cases j of <wins[g, j], pi>; wins of shape (groups, cases, actions).

    Of several the policy of least largest probability.
    """
    groups, cases, n = wins.shape
    payoffs = wins.reshape(-1, n)

    def value_of(policy: np.ndarray) -> float:
        return min(cvar(rows @ policy, weights, alpha) for rows in wins)

    solve = _programme(payoffs, groups, weights / alpha)
    found = solve("value")
    policy = _normalised(found.x[:n])
    value = value_of(policy)
    dual = np.maximum(-found.ineqlin.marginals[: groups * cases], 0.0)
    most = float(((dual / dual.sum()) @ payoffs).max())
    if not most - value <= _EXACT:
        raise ConvergenceError(
            f"cvar: the linear programme is solved to {most - value:.2g}, {_EXACT:g} is needed"
        )
    # both ends of the optimal policies along a direction that no symmetry keeps
    along = np.random.default_rng(0).uniform(-1, 1, n)
    low, high = (solve(sign * along, value - _FACE).x[:n] for sign in (1, -1))
    unique = bool(np.abs(low - high).max() < _APART)
    if not unique:
        flat = _normalised(solve("largest", value - _FACE).x[:n])
        if most - value_of(flat) <= _EXACT:
            policy, value = flat, value_of(flat)
    return CVaRPolicy(policy, alpha, value, max(most - value, 0.0), unique)


def _programme(payoffs: np.ndarray, groups: int, shares: np.ndarray):
    """Return a solver of the linear programme for any goal, optionally on the policies of at least some value.

    Variables are pi, eta of each group, the shortfall of each case, the value t and the largest probability z, with
    shortfall >= eta - <payoff, pi>, t <= eta - <shares, shortfall> of each group, and pi <= z.
    """
    from scipy.optimize import linprog
    from scipy.sparse import block_array, csr_array, eye_array, kron

    rows, n = payoffs.shape
    of_group = csr_array(kron(eye_array(groups), np.ones((len(shares), 1))))
    weighed = csr_array(kron(eye_array(groups), shares[None]))
    column = csr_array(np.ones((groups, 1)))
    largest = csr_array(np.full((n, 1), -1.0))
    system = block_array(
        [
            [csr_array(-payoffs), of_group, -eye_array(rows), None, None],
            [None, -eye_array(groups), weighed, column, None],
            [eye_array(n), None, None, None, largest],
        ],
        format="csr",
    )
    count = system.shape[1]
    total = csr_array((np.ones(n), (np.zeros(n, int), np.arange(n))), shape=(1, count))
    bounds = [(0, None)] * n + [(None, None)] * groups + [(0, None)] * rows + [(None, None), (0, None)]
    goals = {"value": (-2, -1.0), "largest": (-1, 1.0)}

    def solve(goal, at_least=None):
        cost = np.zeros(count)
        if isinstance(goal, str):
            place, cost_of = goals[goal]
            cost[place] = cost_of
        else:
            cost[:n] = goal
        box = bounds if at_least is None else [*bounds[:-2], (at_least, None), bounds[-1]]
        found = linprog(
            cost, system, np.zeros(system.shape[0]), total, [1.0], box, method="highs", options=_TIGHT
        )
        if found.status != 0:
            raise ConvergenceError(f"cvar: the linear programme failed ({found.message}); use another alpha")
        return found

    return solve


def _normalised(raw: np.ndarray) -> np.ndarray:
    raw = np.maximum(raw, 0.0)
    return raw / raw.sum()
