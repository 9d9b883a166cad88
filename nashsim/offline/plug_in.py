"""The plug-in: preferences fitted to a fixed log by least squares, and their regularised Nash."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..equilibrium import solve_newton
from ..errors import NashsimError
from ..game import PreferenceGame
from ..online.duels import DuelLog, Environment
from ..policies import by_label
from .logs import read_log, wins_of
from .models import fit_preference, misspecification
from .pessimism import lower_bound, saddle_point


@dataclass(frozen=True, eq=False)
class PlugIn:
    """What a log makes of a game.

    Attributes
    ----------
    game : PreferenceGame
        Game of the fitted preferences.
    log_policy : ndarray, shape (contexts, actions)
        Log-probabilities of its Nash, or of the pessimist.
    duels : ndarray, shape (contexts, actions, actions)
        Duels of each pair that the log has.
    status : str
        A sentence on what was never compared.
    """

    game: PreferenceGame
    log_policy: np.ndarray
    duels: np.ndarray
    status: str

    @property
    def policy(self):
        """The policy with its labels."""
        return self.game.label_policy(self.log_policy)


def plug_in(
    log: DuelLog | Environment,
    reference,
    tau: float,
    *,
    regulariser="kl",
    model: str = "tabular",
    pessimism: float = 0.0,
    labels=None,
) -> PlugIn:
    """Return the regularised Nash of preferences fitted to a fixed log.

    P_hat = argmin over the class of sum_s (won_s - P(y_s, z_s))^2, pi_hat its Nash at tau. With pessimism pi_hat
    maximises the worst case of the lower bound of P_hat, see :func:`~nashsim.offline.pessimism.lower_bound`.

    Parameters
    ----------
    log : DuelLog or Environment
        An environment, such as ``Duels`` or ``RecordedVotes``, gives the duels fought so far.
    reference : array_like, Series, DataFrame or result
        The reference policy, as for :func:`~nashsim.offline.offline_dpo`.
    tau : float
        Regularisation, > 0.
    regulariser : str or Regulariser
        Word of a regulariser, as for a :class:`~nashsim.PreferenceGame`.
    model : str
        Class of preferences: ``"tabular"``, every pair on its own, 1/2 where there was no duel; ``"bradley-terry"``, by
        its likelihood; ``"low-rank"``, ``"low-rank:4"``, P - 1/2 of a rank.
    pessimism : float
        Standard deviations of a fair coin that are taken off P_hat; needs the tabular model.
    labels : sequence of str or None
        Names of the actions; ``None`` takes the environment's, or numbers them.

    Returns
    -------
    PlugIn

    Raises
    ------
    NashsimError
        For no duels, duels or labels outside the reference's, an unknown model, or pessimism with another model.

    Notes
    -----
    Without pessimism the exploitability in the true game is exactly tau D_{R*}(P pi_hat/tau, P_hat pi_hat/tau), the
    divergence of the conjugate of the regulariser [derived]: for KL at most span((P_hat - P) pi_hat)^2/(8 tau), so of
    order 1/n where every pair that matters is compared; see :func:`~nashsim.offline.error_constant`. That a plug-in has
    a gap of order 1/n under unilateral concentrability is due to arXiv 2604.06738 [second hand].

    Examples
    --------
    >>> from nashsim import games
    >>> from nashsim.online import Duels
    >>> game = games.get("rps").replace(tau=0.1)
    >>> duels = Duels(game, seed=1)
    >>> log = duels.round(game.reference, size=3000)
    >>> plug_in(duels, game.reference, tau=0.1).policy.round(1).to_dict()
    {'rock': 0.3, 'paper': 0.3, 'scissors': 0.3}
    """
    if labels is None:
        source = getattr(log, "game", None) or getattr(log, "data", None)
        labels = getattr(source, "labels", None)
    fought, log_reference = read_log(log, reference)
    wins = wins_of(fought, log_reference.shape)
    probabilities = fit_preference(wins, model)
    game = PreferenceGame(
        probabilities,
        log_reference=log_reference,
        tau=tau,
        labels=labels,
        regulariser=regulariser,
        name="plug-in",
    )
    duels = wins + np.swapaxes(wins, 1, 2)
    if not pessimism:
        log_policy = solve_newton(game).log_policy
    else:
        if model != "tabular":
            raise NashsimError(f"pessimism: widths are known of the tabular model alone, found {model!r}")
        lower = lower_bound(wins, probabilities, pessimism)
        known = game.require_tau(), game.regulariser
        log_policy = np.stack(
            [saddle_point(*one, *known)[0] for one in zip(lower, log_reference, strict=True)]
        )
    return PlugIn(game, log_policy, duels, _status(duels, game.support))


def _status(duels: np.ndarray, support: np.ndarray) -> str:
    n = duels.shape[1]
    upper = np.triu(np.ones((n, n), bool), 1) & support[:, :, None] & support[:, None]
    missing, pairs = int((upper & (duels == 0)).sum()), int(upper.sum())
    if not missing:
        return f"Every one of {pairs} pairs was compared, the rarest {int(duels[upper].min())} times."
    return f"{missing} of {pairs} pairs were never compared; the tabular model takes them for 1/2."


def true_gap(game: PreferenceGame, policy) -> float:
    """Return the duality gap of a policy in the game that a log was sampled from, averaged over contexts.

    Parameters
    ----------
    game : PreferenceGame
        True game.
    policy : array_like, Series, DataFrame or result
        Policy of its actions; of a result with numbered actions the order counts.
    """
    from ..equilibrium import duality_gap
    from ..equilibrium.certificate import average

    array = getattr(policy, "log_policy", None)
    log_policy = by_label(policy, game.labels, "policy") if array is None else array
    return average(game, duality_gap(game, log_policy))


def population_floor(game: PreferenceGame, shares: np.ndarray, model: str) -> tuple[float, float]:
    """Return what infinitely many duels leave of a class: sqrt(E (P_class - P)^2), and the gap of its Nash.

    Parameters
    ----------
    game : PreferenceGame
        True game with tau set.
    shares : ndarray, shape (contexts, actions, actions)
        nu, as ``pair_shares`` returns it.
    model : str
        Class of preferences, as for :func:`plug_in`.

    Examples
    --------
    >>> from nashsim import games
    >>> from nashsim.offline import pair_policies, pair_shares
    >>> game = games.get("biased-rps").replace(tau=0.1)
    >>> nu = pair_shares(game, *pair_policies(game, "uniform"))
    >>> [round(value, 3) for value in population_floor(game, nu, "bradley-terry")]
    [0.268, 0.111]
    """
    error, fitted = misspecification(game.probabilities, shares, model)
    return error, true_gap(game, solve_newton(game.replace(preference=fitted)))
