"""Dueling bandits as the loops that one writes in NumPy; see ``_online_loops``."""

from __future__ import annotations

import numpy as np
from _loop import Loop


class DoubleThompson(Loop):
    """``double-thompson``: two matrices of Beta samples a round."""

    def start(self):
        self.wins, self.own = np.zeros((self.n, self.n)), np.arange(self.n)
        self.pairs = np.triu_indices(self.n, 1)

    def bounds(self):
        """Upper bounds sqrt(.51 log t/duels) above the share of duels won, 2 before the first."""
        duels = self.wins + self.wins.T
        met = np.maximum(duels, 1)
        upper = np.where(duels > 0, self.wins / met + np.sqrt(0.51 * np.log(self.t) / met), 2.0)
        upper[self.own, self.own] = 0.5
        return upper

    def play_pair(self, y, z):
        """Play either arm of the pair."""
        self.pi = np.bincount([y, z], minlength=self.n) / 2
        with np.errstate(divide="ignore"):
            self.log_pi = np.log(self.pi)

    def choose(self, upper):
        """Return the pair."""
        score = (upper > 0.5).sum(axis=1)
        theta = self.rng.beta(self.wins[self.pairs] + 1, self.wins.T[self.pairs] + 1)
        above = np.zeros((self.n, self.n), bool)
        above[self.pairs] = theta > 0.5
        above.T[self.pairs] = theta < 0.5
        sampled = np.where(score == score.max(), above.sum(axis=1) + 0.5 * self.rng.random(self.n), -1)
        y = int(np.argmax(sampled))
        fresh = self.rng.beta(self.wins[:, y] + 1, self.wins[y] + 1)
        fresh[y] = 0.5
        return y, int(np.argmax(np.where(1 - upper[y] <= 0.5, fresh, -1)))

    def iterate(self):
        """Choose, play, charge, duel, count."""
        y, z = self.choose(self.bounds())
        self.play_pair(y, z)
        self.charge()
        won = self.duel(y, z)
        if y != z:
            self.wins[y, z] += won
            self.wins[z, y] += 1 - won


class RelativeUCB(DoubleThompson):
    """``rucb``."""

    champion = None

    def choose(self, upper):
        """Return the pair."""
        candidates = np.flatnonzero((upper >= 0.5).all(axis=1))
        if self.champion not in candidates:
            self.champion = None
        if len(candidates) == 1:
            self.champion = y = int(candidates[0])
        elif len(candidates) == 0:
            y = int(self.rng.integers(self.n))
        elif self.champion is not None and self.rng.random() < 0.5:
            y = self.champion
        else:
            y = int(self.rng.choice(candidates[candidates != self.champion]))
        highest = np.flatnonzero(upper[:, y] == upper[:, y].max())
        return y, int(self.rng.choice(highest[highest != y] if len(highest) > 1 else highest))


class SparringEXP3(Loop):
    """``sparring-exp3``."""

    def start(self):
        self.losses = np.zeros((2, self.n))
        self.spread()

    def spread(self):
        """Both policies of the next round, and their mean."""
        logits = -np.sqrt(np.log(self.n) / (self.n * (self.t + 1))) * self.losses
        weight = np.exp(logits - logits.max(axis=1, keepdims=True))
        self.both = weight / weight.sum(axis=1, keepdims=True)
        self.pi = self.both.mean(axis=0)
        self.log_pi = np.log(np.maximum(self.pi, 1e-300))

    def iterate(self):
        """y ~ p, y' ~ q."""
        self.charge()
        y, z = self.draw(self.both[0]), self.draw(self.both[1])
        won = self.duel(y, z)
        self.losses[0, y] += (1 - won) / self.both[0, y]
        self.losses[1, z] += won / self.both[1, z]
        self.spread()
