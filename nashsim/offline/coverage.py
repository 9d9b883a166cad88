"""Coverage of a log: concentrability of whom it pairs, and the exact constant of the plug-in's error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..equilibrium import solve_newton
from ..equilibrium.certificate import average
from ..game import PreferenceGame
from ..regularisers.projection import ratios


class Coverage(NamedTuple):
    """How well a distribution of pairs covers a game; ``inf`` where something is never compared.

    Attributes
    ----------
    unilateral : float
        max_pi max_{y,z} pi*(y) pi(z)/nu(y, z), nu in either order: the equilibrium against anybody.
    single_policy : float
        max_{y,z} pi*(y) pi*(z)/nu(y, z): the equilibrium against itself.
    constant : float
        lim n E exploitability of the plug-in with n duels, in units of P.
    """

    unilateral: float
    single_policy: float
    constant: float


def concentrability(game: PreferenceGame, shares: np.ndarray) -> Coverage:
    """Return the concentrability coefficients of a distribution of pairs, the largest over contexts.

    Parameters
    ----------
    game : PreferenceGame
        Game with tau set.
    shares : ndarray, shape (contexts, actions, actions)
        nu, probability that a duel is one of two arms in either order, as ``pair_shares`` returns it.

    Examples
    --------
    >>> from nashsim import games
    >>> from nashsim.offline import pair_policies, pair_shares
    >>> game = games.get("rps").replace(tau=0.1)
    >>> found = concentrability(game, pair_shares(game, *pair_policies(game, "uniform")))
    >>> [round(float(value), 3) for value in found[:2]]
    [1.5, 0.5]
    """
    equilibrium = np.exp(solve_newton(game).log_policy)
    apart = ~np.eye(game.actions, dtype=bool) & game.support[:, :, None] & game.support[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(apart, 1 / shares, 0.0)
        one = equilibrium[:, :, None] * inverse
        both = one * equilibrium[:, None]
    largest = (float(np.nan_to_num(part, nan=0.0, posinf=np.inf).max()) for part in (one, both))
    return Coverage(*largest, error_constant(game, shares))


def error_constant(game: PreferenceGame, shares: np.ndarray) -> float:
    """Return lim n E exploitability of the tabular plug-in with n duels of pairs ~ nu, averaged over contexts.

    (1/(2 tau)) [sum_yz w_y pi*_z^2 s_yz - (1/W) sum_{y<z} (w_y pi*_z - w_z pi*_y)^2 s_yz] with s = P (1 - P)/nu and
    w = mu h'(.) at the equilibrium, W = sum w; for KL w = pi*, and it is (1/(2 tau)) sum_{y != z} pi*_y pi*_z^2 s_yz.

    Parameters
    ----------
    game : PreferenceGame
        Game with tau set.
    shares : ndarray, shape (contexts, actions, actions)
        nu, as for :func:`concentrability`; contexts included, so that n counts all duels.

    Notes
    -----
    The exploitability is tau D_{R*}(P pi_hat/tau, P_hat pi_hat/tau), to second order the variance of
    v = (P_hat - P) pi* under the weights w, over 2 tau; deviations of pairs are independent with variances s/n
    [derived]. At the border of a support, where w jumps, it is a limit of either side.

    Examples
    --------
    >>> from nashsim import PreferenceGame
    >>> game = PreferenceGame([[0.5, 0.9], [0.1, 0.5]], tau=0.5)
    >>> nu = np.array([[[0.25, 0.5], [0.5, 0.25]]])
    >>> p = np.exp(solve_newton(game).log_policy[0])
    >>> ratio = error_constant(game, nu) / (p[0] * p[1] * 0.09 / 0.5)  # pi_0 pi_1 (pi_0 + pi_1) P P'/(2 tau nu)
    >>> round(float(ratio), 12)
    1.0
    """
    tau, probabilities = game.require_tau(), game.probabilities
    log_policy = solve_newton(game).log_policy
    policy = np.exp(log_policy)
    ratio = ratios(log_policy, game.log_reference)
    weight = np.where(policy > 0, game.reference * game.regulariser.slope(ratio), 0.0)
    noise = variance(probabilities, shares)
    noise[:, np.arange(game.actions), np.arange(game.actions)] = 0.0

    def times(factor):
        # 0 times the infinite noise of a pair that is never compared is 0: nothing asks for it
        return np.where(factor == 0, 0.0, factor * np.where(factor == 0, 0.0, noise)).sum(axis=(1, 2))

    single = times(weight[:, :, None] * policy[:, None] ** 2)
    cross = weight[:, :, None] * policy[:, None]
    mutual = times((cross - np.swapaxes(cross, 1, 2)) ** 2) / (2 * weight.sum(axis=1))
    return average(
        game, np.where(np.isinf(single), np.inf, single - np.where(np.isinf(mutual), 0.0, mutual)) / (2 * tau)
    )


def variance(chances: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return lim n E (estimate - p)^2 = p (1 - p)/nu; what is never seen counts as 1/2, an error that stays.

    Parameters
    ----------
    chances : ndarray
        p.
    shares : ndarray
        nu, of the same shape.
    """
    never = np.where(chances == 0.5, 0.0, np.inf)
    return np.divide(chances * (1 - chances), shares, out=never, where=shares > 0)
