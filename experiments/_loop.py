"""What the loops that one writes in NumPy for online learners share: exact gaps every round, regrets kept."""

from __future__ import annotations

import numpy as np


class Loop:
    """What every loop does: play a policy, charge it, draw, duel.

    Parameters
    ----------
    game : PreferenceGame
        Of one context, every action in the reference's support.
    seed : int
    """

    #: Duels of an iteration.
    labels = 1

    def __init__(self, game, seed: int):
        self.skew, self.log_mu, self.tau = game.preference.dense()[0], game.log_reference[0], game.tau
        self.n, self.t, self.rng = game.actions, 0, np.random.default_rng(seed)
        wins = self.skew > 0
        self.loss = np.stack([wins.sum(axis=1).max() - wins.sum(axis=1), self.skew.sum(axis=1)]) / (
            self.n - 1
        )
        self.loss[1] = self.loss[1].max() - self.loss[1]
        self.total, self.tally = np.zeros(self.n), np.zeros(4)
        self.log_pi = self.log_mu
        self.pi = np.exp(self.log_pi)
        self.start()

    def start(self) -> None:
        """Set up what the learner keeps."""

    def play(self, theta) -> None:
        """Play pi ∝ mu exp(theta/tau) from now on."""
        logits = self.log_mu + theta / self.tau
        weight = np.exp(logits - logits.max())
        self.pi = weight / weight.sum()
        self.log_pi = logits - logits.max() - np.log(weight.sum())

    def charge(self, rounds: int = 1) -> None:
        """Charge both gaps of the policy played, as closed forms."""
        margin = self.skew @ self.pi
        logits = self.log_mu + margin / self.tau
        top = logits.max()
        best = self.tau * (top + np.log(np.exp(logits - top).sum()))
        kept = self.pi > 0
        own = self.pi[kept] @ (self.tau * (self.log_pi[kept] - self.log_mu[kept]) - margin[kept])
        self.tally[:2] += rounds * np.array([own + best, margin.max()])
        self.total += rounds * self.pi

    def draw(self, policy) -> int:
        """Draw an action by inversion."""
        return min(int(np.searchsorted(np.cumsum(policy), self.rng.random())), self.n - 1)

    def duel(self, y: int, z: int) -> float:
        """Charge a duel and return 1.0 where y wins it, else 0.0."""
        self.tally[2:] += 0.5 * (self.loss[:, y] + self.loss[:, z])
        return float(self.rng.random() < 0.5 + self.skew[y, z])

    def advance(self, rounds: int) -> None:
        """Buy ``rounds`` duels."""
        for _ in range(rounds // self.labels):
            self.t += 1
            self.iterate()
