"""The one certificate: how far a policy is from the equilibrium, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..game import PreferenceGame
from ..logspace import kl
from .systems import accurate_log_best_response, accurate_payoff


@dataclass(frozen=True)
class Certificate:
    """What is proved about a policy: numbers that are all ideal at the equilibrium and only there.

    Attributes
    ----------
    residual : float
        max|pi - BR_tau(pi)|, the largest over contexts.
    duality_gap : float
        2 tau KL(pi || BR_tau(pi)), averaged over contexts by the game's weights.
    exploitability : float
        Half the duality gap.
    value : float
        min_pi' J_tau(pi, pi') = 1/2 - exploitability: what pi secures against any opponent.
    """

    residual: float
    duality_gap: float
    exploitability: float
    value: float


def exploitability(game: PreferenceGame, policy) -> np.ndarray:
    """Return max_pi' J_tau(pi', pi) - 1/2 = tau KL(pi || BR_tau(pi)), one number a context.

    In closed form, without an inner solver [derived]. For another regulariser D_R(pi, BR_tau(pi)) stands for KL, and
    tau f'(0) - (P pi - lambda) is paid for mass where BR_tau(pi) has none; lambda is the root of one equation.

    Parameters
    ----------
    game : PreferenceGame
    policy : array_like, Series, DataFrame or result
        Probabilities or log-probabilities, shape (contexts, actions), or (actions,) for one context; labelled ones
        are aligned by label. See :meth:`~nashsim.PreferenceGame.as_log_policy`.

    Returns
    -------
    ndarray, shape (contexts,)
        ``inf`` where the policy has mass outside the reference's support.

    Raises
    ------
    NashsimError
        If the game has no tau, or ``policy`` has other labels, another shape, NaN, or probabilities whose sum is
        not 1.

    Examples
    --------
    >>> game = PreferenceGame([[0.5, 0.9], [0.1, 0.5]], tau=0.5)
    >>> exploitability(game, game.log_reference).round(6), exploitability(game, [0.5, 0.5]).round(6)
    (array([0.038977]), array([0.038977]))
    """
    return unchecked_exploitability(game, game.as_log_policy(policy))


def unchecked_exploitability(
    game: PreferenceGame, log_policy: np.ndarray, payoff: np.ndarray | None = None
) -> np.ndarray:
    """Return :func:`exploitability` of log-probabilities as they are, of a run that overflowed too.

    Parameters
    ----------
    game : PreferenceGame
    log_policy : ndarray, shape (contexts, actions)
        Log-probabilities.
    payoff : ndarray or None, shape (contexts, actions)
        P(. ≻ pi) - 1/2 where it is known.
    """
    payoff = game.margin(log_policy) if payoff is None else payoff
    if game.kl_regularised:
        return game.require_tau() * _divergence(game, log_policy, game.log_response(payoff))
    return game.require_tau() * link_divergence(game, log_policy, payoff, game.log_response(payoff))


def duality_gap(game: PreferenceGame, policy) -> np.ndarray:
    """Return max_pi' J_tau(pi', pi) - min_pi' J_tau(pi, pi') = 2 tau KL(pi || BR_tau(pi)).

    In closed form, without an inner solver [derived]. Arguments, result and errors as for :func:`exploitability`.

    Parameters
    ----------
    game : PreferenceGame
    policy : array_like, Series, DataFrame or result
        As for :func:`exploitability`.

    Returns
    -------
    ndarray, shape (contexts,)
    """
    return 2.0 * exploitability(game, policy)


def unregularised_gap(game: PreferenceGame, policy) -> np.ndarray:
    """Return the duality gap at tau = 0, 2 max_y P(y ≻ pi) - 1, one number a context.

    In closed form, without an inner solver [derived]. The opponent may play every action: the reference and tau
    take no part.

    Parameters
    ----------
    game : PreferenceGame
    policy : array_like, Series, DataFrame or result
        As for :func:`exploitability`.

    Returns
    -------
    ndarray, shape (contexts,)

    Examples
    --------
    >>> game = PreferenceGame([[0.5, 0.75], [0.25, 0.5]])
    >>> unregularised_gap(game, [0.5, 0.5])
    array([0.25])
    """
    return 2.0 * game.margin(game.as_log_policy(policy)).max(axis=-1)


def best_response_distance(game: PreferenceGame, policy) -> tuple[np.ndarray, np.ndarray]:
    """Return max_y |pi - BR_tau(pi)|(y) and KL(pi || BR_tau(pi)), each one number a context.

    Both from the payoff to the last digit: at tau = 1e-3 the rounding of a plain product alone would
    make a residual of 1e-13. pi* is the unique fixed point of BR_tau [derived].

    Parameters
    ----------
    game : PreferenceGame
    policy : array_like, Series, DataFrame or result
        As for :func:`exploitability`.

    Returns
    -------
    residual, divergence : ndarray, shape (contexts,)
        The divergence is ``inf`` where the policy has mass outside the reference's support.

    Raises
    ------
    NashsimError
        As for :func:`exploitability`.
    """
    log_policy = game.as_log_policy(policy)
    masses = np.exp(log_policy)
    if game.kl_regularised:
        log_best = accurate_log_best_response(game.preference, game.log_reference, game.require_tau(), masses)
        divergence = _divergence(game, log_policy, log_best)
    else:
        payoff = accurate_payoff(game.preference, masses)
        log_best = game.log_response(payoff)
        divergence = link_divergence(game, log_policy, payoff, log_best)
    return np.abs(masses - np.exp(log_best)).max(axis=-1), divergence


def link_divergence(
    game: PreferenceGame, log_policy: np.ndarray, payoff: np.ndarray, log_best: np.ndarray
) -> np.ndarray:
    """Return (max_pi' J_tau(pi', pi) - 1/2)/tau for any regulariser, one number a context.

    It is D_R(pi, b) + sum over b = 0 of pi (f'(0) - (payoff - lambda)/tau), b = BR_tau(pi): the Fenchel-Young gap of
    R as a sum of terms >= 0 [derived]. For KL it is KL(pi || b).

    Parameters
    ----------
    game : PreferenceGame
    log_policy, payoff, log_best : ndarray, shape (contexts, actions)
        log pi, P(. ≻ pi) - 1/2 and log b.
    """
    total = game.divergence(log_policy, log_best)
    if game.regulariser.floor == -np.inf:
        return total
    values = payoff / game.require_tau()
    present = log_best > -np.inf
    with np.errstate(invalid="ignore"):
        inside = np.exp(np.where(present, log_best - game.log_reference, 0.0))
    # where b > 0 values - f'(b/mu) is the one constant lambda/tau; read where b/mu is largest
    at = np.where(present, inside, -1.0).argmax(axis=-1)[..., None]
    take = np.take_along_axis
    constant = take(values, at, -1) - game.regulariser.link(take(inside, at, -1))
    slack = np.maximum(game.regulariser.floor - (values - constant), 0.0)
    return total + np.where(present | ~game.support, 0.0, np.exp(log_policy) * slack).sum(axis=-1)


def _divergence(game: PreferenceGame, log_policy: np.ndarray, log_best: np.ndarray) -> np.ndarray:
    outside = (log_policy > -np.inf) & ~game.support
    if not outside.any():
        return kl(log_policy, log_best)
    return np.where(outside.any(axis=-1), np.inf, kl(np.where(outside, -np.inf, log_policy), log_best))


def certify(game: PreferenceGame, policy) -> Certificate:
    """Return the certificate of a policy.

    Parameters
    ----------
    game : PreferenceGame
    policy : array_like, Series, DataFrame or result
        As for :func:`exploitability`.

    Raises
    ------
    NashsimError
        As for :func:`exploitability`.

    Examples
    --------
    >>> game = PreferenceGame([[0.5, 0.9], [0.1, 0.5]], tau=0.5)
    >>> certificate = certify(game, game.log_reference)
    >>> round(certificate.value, 6), round(certificate.residual, 6)
    (0.461023, 0.189974)
    """
    return certificate_from(game, *best_response_distance(game, policy))


def certificate_from(game: PreferenceGame, residual: np.ndarray, divergence: np.ndarray) -> Certificate:
    """Return the certificate of what :func:`best_response_distance` measured.

    Parameters
    ----------
    game : PreferenceGame
    residual, divergence : ndarray, shape (contexts,)
    """
    gap = game.require_tau() * average(game, divergence)
    return Certificate(
        residual=float(residual.max()), duality_gap=2.0 * gap, exploitability=gap, value=0.5 - gap
    )


def average(game: PreferenceGame, values: np.ndarray) -> float:
    """Return the mean over contexts by the game's weights; a context of weight 0 takes no part.

    Parameters
    ----------
    game : PreferenceGame
    values : ndarray, shape (contexts,)
    """
    present = game.weights > 0
    return float(game.weights[present] @ values[present])
