"""Online learners as the loops that one writes in NumPy: one seed, exact gaps every round, regrets kept."""

from __future__ import annotations

import numpy as np
from _bandit_loops import DoubleThompson, RelativeUCB, SparringEXP3
from _loop import Loop


class INPO(Loop):
    """``inpo-online``: the ridge fit of all pairs by Sherman and Morrison."""

    def start(self):
        self.theta, self.inverse = np.zeros(self.n), np.eye(self.n) / 10

    def fit(self, y, z, target):
        """Learn theta_y - theta_z = target once more."""
        if y != z:
            error = target - (self.theta[y] - self.theta[z])
            column = self.inverse[:, y] - self.inverse[:, z]
            column_share = column / (1 + column[y] - column[z])
            self.inverse -= np.outer(column_share, column)
            self.theta += error * column_share

    def iterate(self):
        """y, y' ~ pi."""
        self.charge()
        y, z = self.draw(self.pi), self.draw(self.pi)
        self.fit(y, z, self.duel(y, z) - 0.5)
        self.play(self.theta)


class ENPO(INPO):
    """``enpo`` with Step B: replayed pairs, label differences, the SFT anchor."""

    labels = 2

    def start(self):
        super().start()
        self.pairs, self.sampler = [], self.pi

    def opponent(self, y):
        """Draw y' of a collected pair."""
        return self.draw(self.sampler)

    def label(self, y, z):
        """Pay for a duel; a response that meets itself counts 1/2."""
        won = self.duel(y, z)
        return won if y != z else 0.5

    def iterate(self):
        """(y, y') ~ replay, z ~ pi."""
        self.charge(2)
        fresh = self.draw(self.pi)
        self.pairs.append((fresh, self.opponent(fresh)))
        y, other = self.pairs[self.rng.integers(len(self.pairs))]
        z = self.draw(self.pi)
        target = self.label(y, z) - self.label(other, z)
        self.theta += 1e-3 / (2 * self.tau) * (self.inverse[:, fresh] - self.inverse @ self.pi)
        self.fit(y, other, target)
        before = self.log_pi
        self.play(self.theta)
        logits = before + (self.log_pi - before) / 0.05
        weight = np.exp(logits - logits.max())
        self.sampler = weight / weight.sum()


class ENPOOracle(ENPO):
    """``enpo-oracle``: y' by the elliptical width."""

    def start(self):
        super().start()
        self.collected = np.eye(self.n) / 10

    def opponent(self, y):
        """argmax (pi - e_y)^T V^-1 (pi - e_y), and collect the pair."""
        towards = self.collected @ self.pi
        z = int(np.argmax(self.pi @ towards + np.diag(self.collected) - 2 * towards))
        if y != z:
            column = self.collected[:, y] - self.collected[:, z]
            self.collected -= np.outer(column, column) / (1 + column[y] - column[z])
        return z


class MinimaxAdversary(Loop):
    """``minimax-adversary``: Newton from the last round's theta on the counted game."""

    def start(self):
        self.wins, self.theta = np.zeros((self.n, self.n)), np.zeros(self.n)
        self.believed, self.width = np.zeros((self.n, self.n)), 1 - np.eye(self.n)
        self.play(self.theta)

    def iterate(self):
        """y ~ pi, y' of the largest uncertainty."""
        self.charge()
        y = self.draw(self.pi)
        z = int(np.argmax(self.pi @ self.width))
        won = self.duel(y, z)
        if y == z:
            return
        self.wins[y, z] += won
        self.wins[z, y] += 1 - won
        duels = self.wins[y, z] + self.wins[z, y]
        self.believed[y, z] = (self.wins[y, z] + 0.5) / (duels + 1) - 0.5
        self.believed[z, y] = -self.believed[y, z]
        self.width[y, z] = self.width[z, y] = 1 / np.sqrt(duels + 1)
        self.settle(0.1 * self.tau / np.sqrt(self.t + 1))

    def settle(self, tolerance):
        """Damped Newton on theta - A pi."""
        self.play(self.theta)
        margin = self.believed @ self.pi
        residual = self.theta - margin
        for _ in range(60):
            if np.abs(residual).max() <= tolerance:
                return
            jacobian = np.eye(self.n) - (self.believed - margin[:, None]) * self.pi / self.tau
            step, start, norm = np.linalg.solve(jacobian, -residual), self.theta, residual @ residual
            for k in range(40):
                self.theta = start + step / 2**k
                self.play(self.theta)
                margin = self.believed @ self.pi
                residual = self.theta - margin
                if residual @ residual <= (1 - 1e-4 / 2**k) ** 2 * norm:
                    break


#: Loops by the learner's name.
LOOPS = {
    "inpo-online": INPO,
    "enpo": ENPO,
    "enpo-oracle": ENPOOracle,
    "minimax-adversary": MinimaxAdversary,
    "double-thompson": DoubleThompson,
    "rucb": RelativeUCB,
    "sparring-exp3": SparringEXP3,
}
