"""DPO on a fixed log of duels: the policy of its Bradley-Terry rewards."""

from __future__ import annotations

import math

import numpy as np

from ..errors import NashsimError
from ..logspace import log_normalise
from ..online.duels import DuelLog, Environment
from .logs import read_log, wins_of

_STEPS, _HALVINGS = 100, 40


def offline_dpo(
    log: DuelLog | Environment, reference, beta: float, ridge: float = 0.1, ties: float = 0.0
) -> np.ndarray:
    """Return DPO's policy of a fixed set of duels, pi ∝ mu exp(r/beta) with their Bradley-Terry rewards r.

    r = argmax sum_s log sigmoid(r_winner - r_loser - beta log(1 + ties)) - ridge |r|^2/2 in every context, which is the
    tabular minimiser of DPO's loss. A response in no duel keeps r = 0, the mean of all rewards.

    Parameters
    ----------
    log : DuelLog or Environment
        An environment, such as ``Duels`` or ``RecordedVotes``, gives the duels fought so far.
    reference : array_like, Series, DataFrame or result
        The reference policy as probabilities or their logarithms, shape (contexts, actions) or (actions,); labelled
        ones are aligned with the labels of the environment, or with the numbers of the arms of a log.
    beta : float
        Temperature of the policy, > 0.
    ridge : float
        Weight of |r|^2/2 in the fit, > 0.
    ties : float
        PEPO's alpha >= 0: a win must be one by a factor (1 + alpha)^beta, and what lies between is a tie, see
        :func:`tie_mass`; 0 is DPO.

    Returns
    -------
    ndarray, shape (contexts, actions)
        Log-probabilities.

    Raises
    ------
    NashsimError
        For no duels, duels or labels outside the reference's, beta or ridge that are not above 0, or ties below 0.

    References
    ----------
    Rafailov et al., Direct Preference Optimization, arXiv 2305.18290 (the loss and its closed form [recalled]); the
    ridge [derived].

    Examples
    --------
    >>> log = DuelLog(*np.array([[0] * 4, [0] * 4, [1] * 4]), np.array([True, True, True, False]))
    >>> policy = np.exp(offline_dpo(log, np.log([0.5, 0.5]), beta=1.0, ridge=1e-9))
    >>> policy.round(6).tolist()
    [[0.75, 0.25]]
    """
    check_settings(beta=beta, ridge=ridge, ties=ties)
    log, log_reference = read_log(log, reference)
    return log_normalise(
        log_reference + rewards_of(log, log_reference.shape, ridge, margin(beta, ties)) / beta
    )


def tie_mass(difference, alpha: float, beta: float):
    """Return the probability of a tie, 1 - sigmoid(d - c) - sigmoid(-d - c) with c = beta log(1 + alpha).

    The model of Rao and Kupper: P(y ≻ z) = p/(p + theta q), theta = (1 + alpha)^beta >= 1; what both leave is the tie.

    Parameters
    ----------
    difference : array_like
        d = r(y) - r(z) = beta (log pi(y)/mu(y) - log pi(z)/mu(z)).
    alpha : float
        Ties, >= 0; 0 leaves none.
    beta : float
        Temperature, > 0.

    References
    ----------
    PEPO, arXiv 2602.06239, whose loss is -log sigmoid(beta (D(pi) - D(mu) - log(1 + alpha))) [code]; that the rest is a
    tie [derived], as in the model of Rao and Kupper 1967 [recalled].

    Examples
    --------
    >>> round(float(tie_mass(0.0, alpha=1.0, beta=1.0)), 6)
    0.333333
    """
    difference, cut = np.asarray(difference, float), margin(beta, alpha)
    return 1.0 - _sigmoid(difference - cut) - _sigmoid(-difference - cut)


def margin(beta: float, ties: float) -> float:
    """Return c = beta log(1 + ties), by which rewards of a pair must differ for a win to be likelier than not."""
    return beta * math.log1p(ties)


def check_settings(**values: float) -> None:
    """Raise NashsimError unless numbers are finite and above 0; ``ties`` may be 0."""
    for name, value in values.items():
        least = 0 if name == "ties" else 1e-300
        if not (math.isfinite(value) and value >= least):
            raise NashsimError(
                f"{name}: a finite number {'>=' if name == 'ties' else '>'} 0 is needed, found {value!r}"
            )


def rewards_of(log: DuelLog, shape: tuple[int, int], ridge: float, cut: float = 0.0) -> np.ndarray:
    """Return the Bradley-Terry rewards of duels, shape (contexts, actions).

    Parameters
    ----------
    log : DuelLog
        Duels, checked.
    shape : tuple of int
        Contexts and actions.
    ridge : float
        Weight of |r|^2/2 in the fit.
    cut : float
        Margin that a winner's reward is to exceed the loser's by.
    """
    from ..online.logistic_kernel import fit_rewards

    wins = wins_of(log, shape)
    if cut:
        return np.stack([_rewards_beyond(counted, ridge, cut) for counted in wins])
    n = shape[1]
    rewards, none = np.zeros(shape), np.zeros(n)
    inverse, scratch = np.zeros((n, n)), np.zeros((n + 4, n))
    for counted, reward in zip(wins, rewards, strict=True):
        fit_rewards(counted, reward, float(ridge), none, 1e-10, inverse, scratch)
    return rewards


def _rewards_beyond(wins: np.ndarray, ridge: float, cut: float) -> np.ndarray:
    """Damped Newton on the concave sum of wins log sigmoid(r_y - r_z - cut) - ridge |r|^2/2."""
    rewards = np.zeros(len(wins))

    def slope(at):
        lacking = wins * _sigmoid(cut - (at[:, None] - at))
        return lacking.sum(1) - lacking.sum(0) - ridge * at

    gradient = slope(rewards)
    for _ in range(_STEPS):
        chance = _sigmoid(rewards[:, None] - rewards - cut)
        curvature = wins * chance * (1 - chance)
        curvature = curvature + curvature.T
        hessian = np.diag(curvature.sum(1) + ridge) - curvature
        step = np.linalg.solve(hessian, gradient)
        share = 1.0
        for _ in range(_HALVINGS):
            after = slope(rewards + share * step)
            if after @ after < gradient @ gradient:
                break
            share /= 2
        else:
            return rewards  # nothing is left but the rounding of the gradient
        rewards, gradient = rewards + share * step, after
        if np.abs(step).max() <= 1e-12 * max(1.0, np.abs(rewards).max()):
            return rewards
    return rewards


def _sigmoid(x):
    return 0.5 + 0.5 * np.tanh(x / 2)
