"""Pessimism: lower bounds of estimated preferences, and the regularised saddle point of a game played by them."""

from __future__ import annotations

import math

import numpy as np

from ..errors import ConvergenceError, NashsimError
from ..logspace import log_normalise
from ..regularisers import Regulariser, get_regulariser, normalise

_STEPS, _HALVINGS, _TOLERANCE = 200, 40, 1e-13


def lower_bound(wins: np.ndarray, probabilities: np.ndarray, pessimism: float) -> np.ndarray:
    """Return max(P - c/(2 sqrt N), 0) off the diagonal, N the duels of a pair; 0 where there was none.

    c/(2 sqrt N) is c standard deviations of a share of N fair coins; c = sqrt(2 log(2/delta)) is Hoeffding's width at
    confidence 1 - delta for one pair.

    Parameters
    ----------
    wins : ndarray, shape (contexts, actions, actions)
        Wins of the row against the column.
    probabilities : ndarray, shape (contexts, actions, actions)
        Estimate of P.
    pessimism : float
        c >= 0; 0 leaves the estimate.
    """
    check_pessimism(pessimism)
    if not pessimism:
        return probabilities
    duels = wins + np.swapaxes(wins, -1, -2)
    with np.errstate(divide="ignore"):
        lower = np.maximum(probabilities - pessimism / (2 * np.sqrt(duels)), 0.0)
    return np.where(np.eye(probabilities.shape[-1], dtype=bool), 0.5, lower)


def check_pessimism(pessimism) -> None:
    """Raise NashsimError unless this is a finite number >= 0."""
    if not (math.isfinite(pessimism) and pessimism >= 0):
        raise NashsimError(
            f"pessimism: a finite number >= 0 of standard deviations is needed, found {pessimism!r}"
        )


def saddle_point(
    payoff: np.ndarray, log_reference: np.ndarray, tau: float, regulariser: str | Regulariser = "kl"
) -> tuple[np.ndarray, np.ndarray]:
    """Return log pi, log pi' of max_pi min_pi' pi^T M pi' - tau R(pi) + tau R(pi'), one context.

    pi is the best response to u = M pi'/tau, and pi' to v = -M^T pi/tau: Newton's method on both, along a path in tau.
    The Jacobian [[I, -M C'/tau], [M^T C/tau, I]], C = diag d - d d^T/sum d with d = mu h' at the policy (d = pi for
    KL), is never singular: it is I less a skew matrix times a positive semi-definite one [derived].

    Parameters
    ----------
    payoff : ndarray, shape (actions, actions)
        M, of any kind; where M + M^T is constant both policies are the equilibrium.
    log_reference : ndarray, shape (actions,)
        log mu.
    tau : float
        Regularisation, > 0.
    regulariser : str or Regulariser
        R, by its word or itself.

    Raises
    ------
    ConvergenceError
        If no residual of 1e-13 is reached.
    """
    played = np.flatnonzero(log_reference > -np.inf)
    log_mu, matrix = log_reference[played], payoff[np.ix_(played, played)]
    kind = get_regulariser(regulariser)

    def respond(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """Return the policy mu h(values - lambda), d = mu h' there and sum d."""
        if kind.word == "kl":
            policy = np.exp(log_normalise(log_mu + values))
            return policy, policy, 1.0
        mass = np.exp(log_mu)
        ratio = kind.anchored_inverse(normalise(kind, mass, values))
        slopes = mass * kind.slope(ratio)
        return mass * ratio, slopes, slopes.sum()

    n = len(played)
    u, v = np.zeros(n), np.zeros(n)
    # Each tau starts from the values of the one before; halving keeps Newton's method within its reach.
    path = [tau]
    while path[-1] < 1:
        path.append(2 * path[-1])
    for now in reversed(path):
        u, v = _newton(matrix, respond, now, u, v)
    both = np.full((2, len(log_reference)), -np.inf)
    if kind.word == "kl":
        both[:, played] = log_normalise(log_mu + u), log_normalise(log_mu + v)
    else:
        with np.errstate(divide="ignore"):
            both[:, played] = [log_normalise(np.log(respond(values)[0])) for values in (u, v)]
    return both[0], both[1]


def _newton(matrix, respond, tau, u, v) -> tuple[np.ndarray, np.ndarray]:
    n = len(u)

    def residual(u, v):
        both = respond(u), respond(v)
        parts = u - matrix @ both[1][0] / tau, v + matrix.T @ both[0][0] / tau
        return np.concatenate(parts), [one[1:] for one in both]

    found, slopes = residual(u, v)
    for _ in range(_STEPS):
        if np.abs(found).max() <= _TOLERANCE * max(1.0, 1 / tau):
            return u, v
        spread = [np.diag(d) - np.outer(d, d) / total for d, total in slopes]
        jacobian = np.block([[np.eye(n), -matrix @ spread[1] / tau], [matrix.T @ spread[0] / tau, np.eye(n)]])
        step = np.linalg.solve(jacobian, found)
        share = 1.0
        for _ in range(_HALVINGS):
            trial = residual(u - share * step[:n], v - share * step[n:])
            if np.abs(trial[0]).max() < np.abs(found).max():
                break
            share /= 2
        else:
            break
        u, v, (found, slopes) = u - share * step[:n], v - share * step[n:], trial
    if np.abs(found).max() <= 100 * _TOLERANCE * max(1.0, 1 / tau):
        return u, v  # what is left is rounding
    raise ConvergenceError(
        f"pessimism: the saddle point at tau = {tau:g} is not reached (residual {np.abs(found).max():.1e});"
        " use a larger tau"
    )
