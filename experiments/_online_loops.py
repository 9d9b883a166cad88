"""Online learners as the loops that one writes in NumPy: one seed, exact gaps every round, regrets kept."""

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
