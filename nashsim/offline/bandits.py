"""Regularised bandits off line: rewards of a fixed log, with any regulariser, plain or pessimistic."""

from __future__ import annotations

import numpy as np

from ..equilibrium.certificate import link_divergence
from ..errors import NashsimError
from ..game import PreferenceGame
from ..regularisers.projection import ratios
from .coverage import variance
from .pessimism import check_pessimism


class Bandit:
    """max_pi sum pi r - tau R(pi) with r seen through a fixed log of Bernoulli rewards.

    A reward is a preference against somebody who stays as he is: P(y ≻ mu), or what a judge alone would say.

    Parameters
    ----------
    rewards : array_like, shape (arms,)
        Mean rewards in [0, 1].
    tau : float
        Regularisation, > 0.
    reference : array_like or None
        mu, shape (arms,); ``None`` is uniform.
    regulariser : str or Regulariser
        ``"kl"``, ``"chi2"``, ``"forward-kl"``, ..., as for a :class:`~nashsim.PreferenceGame`.

    Raises
    ------
    NashsimError
        For rewards outside [0, 1], or what the game refuses.

    Examples
    --------
    >>> bandit = Bandit([1.0, 0.0], tau=0.5)
    >>> np.exp(bandit.log_optimum).round(6).tolist()
    [0.880797, 0.119203]
    >>> round(bandit.suboptimality(np.log([0.5, 0.5])), 6)  # tau KL(pi || optimum)
    0.21689
    """

    def __init__(self, rewards, tau: float, reference=None, regulariser="kl"):
        self.rewards = np.array(rewards, float)
        if self.rewards.ndim != 1 or not ((self.rewards >= 0) & (self.rewards <= 1)).all():
            raise NashsimError("rewards: numbers in [0, 1] of shape (arms,) are needed, found others")
        ignorant = np.full((len(self.rewards),) * 2, 0.5)
        self._game = PreferenceGame(ignorant, reference, tau, regulariser=regulariser, name="bandit")

    @property
    def arms(self) -> int:
        """Number of arms."""
        return len(self.rewards)

    @property
    def tau(self) -> float:
        """Regularisation."""
        return self._game.require_tau()

    @property
    def reference(self) -> np.ndarray:
        """mu as probabilities, shape (arms,)."""
        return self._game.reference[0]

    @property
    def log_optimum(self) -> np.ndarray:
        """Log-probabilities of the optimal policy, mu h((r - lambda)/tau), shape (arms,)."""
        return self.best(self.rewards)

    def best(self, rewards: np.ndarray) -> np.ndarray:
        """Return the log-probabilities of the policy that is optimal for any rewards.

        Parameters
        ----------
        rewards : ndarray, shape (arms,)
            Rewards.
        """
        return self._game.log_response(np.asarray(rewards, float)[None])[0]

    def suboptimality(self, policy) -> float:
        """Return J(pi*) - J(pi), without cancellation.

        Parameters
        ----------
        policy : array_like, Series or result
            Policy of the arms.
        """
        log_policy = self._game.as_log_policy(policy)
        best = self.log_optimum[None]
        return self.tau * float(link_divergence(self._game, log_policy, self.rewards[None], best)[0])

    def _behaviour(self, behaviour) -> np.ndarray:
        chances = np.asarray(behaviour, float)
        if chances.shape != self.rewards.shape or not (
            (chances >= 0).all() and abs(chances.sum() - 1) < 1e-9
        ):
            raise NashsimError(
                f"behaviour: {self.arms} probabilities >= 0 with sum 1 are needed, found {chances.tolist()}"
            )
        return chances

    def sample(self, behaviour, draws: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return a log: how often each arm was drawn, and the rewards it summed up to.

        Parameters
        ----------
        behaviour : array_like, shape (arms,)
            Probabilities that arms are drawn with.
        draws : int
            Number of draws.
        seed : int
            Seed of arms and rewards.

        Returns
        -------
        counts, sums : ndarray of int, shape (arms,)
        """
        if draws != int(draws) or draws < 1:
            raise NashsimError(f"draws: a whole number >= 1 is needed, found {draws!r}")
        rng = np.random.default_rng(seed)
        counts = rng.multinomial(int(draws), self._behaviour(behaviour))
        return counts, rng.binomial(counts, self.rewards)

    def fit(self, counts, sums, pessimism: float = 0.0) -> np.ndarray:
        """Return the log-probabilities of the optimum of mean rewards, less c/(2 sqrt N) each with pessimism c.

        An arm without a draw counts as 1/2, the pessimist's as 0; no lower bound falls below 0.

        Parameters
        ----------
        counts, sums : array_like, shape (arms,)
            Log, as :meth:`sample` returns it.
        pessimism : float
            c >= 0, standard deviations of a fair coin.
        """
        check_pessimism(pessimism)
        counts, sums = np.asarray(counts, float), np.asarray(sums, float)
        if not (counts.shape == sums.shape == self.rewards.shape and ((sums >= 0) & (sums <= counts)).all()):
            raise NashsimError(
                f"counts, sums: 0 <= sums <= counts of shape ({self.arms},) are needed, found {counts.tolist()} and"
                f" {sums.tolist()}"
            )
        means = np.divide(sums, counts, out=np.full(self.arms, 0.5), where=counts > 0)
        if pessimism:
            with np.errstate(divide="ignore"):
                means = np.maximum(means - pessimism / (2 * np.sqrt(counts)), 0.0)
        return self.best(means)

    def error_constant(self, behaviour) -> float:
        """Return lim n E suboptimality of the fit of n draws, (1/(2 tau)) [sum w s - sum w^2 s/W], s = r (1 - r)/nu.

        w = mu h'(.) at the optimum, W = sum w; for KL w = pi*, which is coverage of the one policy pi*. The
        suboptimality is tau D_{R*}(r/tau, r_hat/tau) [derived].

        Parameters
        ----------
        behaviour : array_like, shape (arms,)
            nu, probabilities that arms are drawn with.
        """
        ratio = ratios(self.log_optimum[None], self._game.log_reference)[0]
        weight = np.where(ratio > 0, self.reference * self._game.regulariser.slope(ratio), 0.0)
        noise = variance(self.rewards, self._behaviour(behaviour))
        factor = weight * (1 - weight / weight.sum())
        return float(
            np.where(factor > 0, factor * np.where(factor > 0, noise, 0.0), 0.0).sum() / (2 * self.tau)
        )
