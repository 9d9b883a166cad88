"""Dueling bandits round by round in plain NumPy, on the package's random stream and from the papers' formulas."""

import numpy as np
from scipy.special import betainc

from nashsim.engine.feedback import Stream, streams
from nashsim.equilibrium import exploitability
from nashsim.online.play import iteration_grid


class Choice:
    """What every bandit has: its wins, the rounds it has seen, and picks by one uniform."""

    def __init__(self, arms, stream, flip):
        self.n, self.stream, self.flip = arms, stream, flip
        self.wins, self.t = np.zeros((arms, arms)), 0

    def pick(self, arms):
        """Any of some arms, without asking the stream where there is one."""
        return int(arms[0]) if len(arms) == 1 else int(arms[int(len(arms) * self.stream.uniform())])

    def bounds(self):
        duels = self.wins + self.wins.T
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(duels > 0, self.wins / duels, 1)
            reach = np.where(duels > 0, np.sqrt(0.51 * np.log(self.t) / duels), 1)
        upper, lower = share + reach, share - reach
        np.fill_diagonal(upper, 0.5)
        np.fill_diagonal(lower, 0.5)
        return upper, lower

    def learn(self, y, z, won):
        if y != z:
            won = 1 - won if self.flip == "losses" else won
            self.wins[y, z] += won
            self.wins[z, y] += 1 - won


class Uniform(Choice):
    def pair(self):
        y = int(self.n * self.stream.uniform())
        return y, self.pick(np.delete(np.arange(self.n), y))


class DoubleThompson(Choice):
    def pair(self):
        upper, lower = self.bounds()
        optimistic = (upper > 0.5).sum(axis=1)
        candidates = np.flatnonzero(optimistic == optimistic.max())
        score = np.zeros(self.n)
        if len(candidates) > 1:
            for i, j in zip(*np.triu_indices(self.n, 1), strict=True):
                if i in candidates or j in candidates:
                    # theta > 1/2 with the probability of Beta(wins + 1, losses + 1) above 1/2
                    above = self.stream.uniform() < 1 - betainc(self.wins[i, j] + 1, self.wins[j, i] + 1, 0.5)
                    score[i if above else j] += 1
        score = -score if self.flip == "argmin" else score
        best = score[candidates].max()
        y = self.pick([i for i in candidates if score[i] == best])
        doubtful = (upper if self.flip == "upper" else lower)[:, y] <= 0.5
        above = []
        for i in np.flatnonzero(doubtful):
            # theta' > 1/2 = theta'_yy with the probability of a fresh Beta(wins + 1, losses + 1) above 1/2
            if i != y and self.stream.uniform() < 1 - betainc(self.wins[i, y] + 1, self.wins[y, i] + 1, 0.5):
                above.append(i)
        if len(above) < 2:
            return y, int(above[0]) if above else y
        theta = [self.beta_above_half(self.wins[i, y] + 1, self.wins[y, i] + 1) for i in above]
        return y, int(above[np.argmin(theta) if self.flip == "rival" else np.argmax(theta)])

    def beta_above_half(self, a, b):
        """Samples of Beta(a, b) until one exceeds 1/2."""
        while (theta := self.beta(a, b)) <= 0.5:
            pass
        return theta

    def beta(self, a, b):
        """Cheng's algorithm BB in the words of its paper; powers of a uniform where a or b is 1."""
        if b == 1:
            return self.stream.uniform() ** (1 / a)
        if a == 1:
            return 1 - self.stream.uniform() ** (1 / b)
        a0, b0 = sorted((a, b))
        alpha = a + b
        slope = ((alpha - 2) / (2 * a0 * b0 - alpha)) ** 0.5
        gamma = a0 + 1 / slope
        while True:
            u1, u2 = 1 - self.stream.uniform(), self.stream.uniform()
            if u1 == 1 or u2 == 0:
                continue
            v = slope * np.log(u1 / (1 - u1))
            w = a0 * np.exp(v)
            if gamma * v - np.log(4) + alpha * np.log(alpha / (b0 + w)) >= np.log(u1 * u1 * u2):
                return w / (b0 + w) if a == a0 else b0 / (b0 + w)


class RelativeUCB(Choice):
    champion = None

    def pair(self):
        upper, lower = self.bounds()
        able = ((lower if self.flip == "lower" else upper) >= 0.5).all(axis=1)
        candidates = np.flatnonzero(able).tolist()
        if self.champion not in candidates or self.flip == "forgetful":
            self.champion = None
        if not candidates:
            y = int(self.n * self.stream.uniform())
        elif len(candidates) == 1:
            y = self.champion = candidates[0]
        elif self.champion is not None and self.stream.uniform() < 0.5:
            y = self.champion
        else:
            y = self.pick([i for i in candidates if i != self.champion])
        bound = -upper[:, y] if self.flip == "rival" else upper[:, y]
        highest = np.flatnonzero(bound == bound.max())
        return y, self.pick(highest[highest != y] if len(highest) > 1 else highest)


class SparringEXP3(Choice):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.loss = np.zeros((2, self.n))

    def players(self):
        eta = np.sqrt(np.log(self.n) / (self.n * max(self.t, 1)))  # of round t, losses of the rounds before
        weight = np.exp(-eta * (self.loss - self.loss.min(axis=1, keepdims=True)))
        return weight / weight.sum(axis=1, keepdims=True)

    def pair(self):
        self.asked = self.players()
        return tuple(self.stream.draw(policy) for policy in self.asked)

    def learn(self, y, z, won):
        won = 1 - won if self.flip == "losses" else won
        first, second = (0, 1) if self.flip != "swapped" else (1, 0)
        self.loss[first, y] += (1 - won) / self.asked[0, y]
        if self.flip != "one player":
            self.loss[second, z] += won / self.asked[1, z]


CHOICES = {
    "uniform": Uniform,
    "double-thompson": DoubleThompson,
    "rucb": RelativeUCB,
    "sparring-exp3": SparringEXP3,
}


def written_out(game, name, rounds, seed, flip=None):
    """Regret of the policy played and Copeland regret of the duels, after every recorded round."""
    truth, n = game.probabilities, game.actions
    stream = Stream(int(streams([seed], [0])[0, 0]))
    bandits = [CHOICES[name](n, stream, flip) for _ in range(game.contexts)]
    share = (truth > 0.5).sum(axis=2) / (n - 1)
    lack = share.max(axis=1, keepdims=True) - share
    policy = (
        game.reference.copy() if name in ("double-thompson", "rucb") else np.full((game.contexts, n), 1 / n)
    )
    grid, sums, found = set(iteration_grid(rounds).tolist()), np.zeros(2), []
    for t in range(1, rounds + 1):
        c = stream.draw(game.weights) if game.contexts > 1 else 0
        bandit = bandits[c]
        bandit.t += 1
        y, z = bandit.pair()
        if name in ("double-thompson", "rucb"):
            policy[c] = 0
            policy[c, y] += 0.5
            policy[c, z] += 0.5
        with np.errstate(divide="ignore"):
            sums[0] += game.weights @ exploitability(game, np.log(policy))
        sums[1] += (lack[c, y] + lack[c, z]) / 2
        if y != z or name == "sparring-exp3":
            bandit.learn(y, z, float(stream.uniform() < truth[c, y, z]))
        if name == "sparring-exp3":  # the policy of the next round, which another context may play
            bandit.t += 1
            policy[c] = bandit.players().mean(axis=0)
            bandit.t -= 1
        if t in grid:
            found.append(sums.copy())
    return dict(zip(("regret", "copeland_regret"), np.array(found).T, strict=True))
