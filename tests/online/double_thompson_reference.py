"""Double Thompson Sampling in plain NumPy, with nothing of the package: what the compiled learner is held against.

Wu and Liu, Double Thompson Sampling for Dueling Bandits, NeurIPS 2016, arXiv 1604.07101 [recalled], Algorithm 1,
several seeds side by side.
"""

import numpy as np


def copeland_loss(p):
    """What every arm lacks to the highest share of others beaten, shape (arms,)."""
    share = (p > 0.5).sum(axis=1) / (len(p) - 1)
    return share.max() - share


def borda_loss(p):
    """What every arm lacks to the highest mean P(arm, .) over the others, shape (arms,)."""
    mean = (p.sum(axis=1) - 0.5) / (len(p) - 1)
    return mean.max() - mean


def condorcet_loss(p):
    """P(winner, arm) - 1/2 for every arm, or None where no arm beats all others."""
    winners = np.flatnonzero((p > 0.5).sum(axis=1) == len(p) - 1)
    return p[winners[0]] - 0.5 if len(winners) else None


def bounds(wins, t, alpha):
    """Upper and lower bounds of every P(i, j), with x/0 = 1 and exactly 1/2 on the diagonal."""
    duels = wins + wins.swapaxes(1, 2)
    met = duels > 0
    share = np.where(met, wins / np.where(met, duels, 1), 1.0)
    reach = np.where(met, np.sqrt(alpha * np.log(t) / np.where(met, duels, 1)), 1.0)
    upper, lower = share + reach, share - reach
    own = np.arange(wins.shape[1])
    upper[:, own, own] = lower[:, own, own] = 0.5
    return upper, lower


def duelled_arms(p, rounds, seeds, rng, alpha=0.51, mistake=None):
    """Return the arms of every duel, shape (rounds, 2, seeds).

    Parameters
    ----------
    p : ndarray, shape (arms, arms)
        P(row beats column).
    rounds, seeds : int
    rng : numpy.random.Generator
    alpha : float
    mistake : None, "losses", "argmin", "upper" or "rival"
        What to get wrong, to see what a comparison with this text would notice.
    """
    n, each = len(p), np.arange(seeds)
    wins = np.zeros((seeds, n, n))
    above = np.triu(np.ones((n, n), bool), 1)
    arms = np.empty((rounds, 2, seeds), int)
    for t in range(1, rounds + 1):
        upper, lower = bounds(wins, t, alpha)
        believed = wins.swapaxes(1, 2) if mistake == "losses" else wins
        theta = rng.beta(believed + 1, believed.swapaxes(1, 2) + 1)
        theta = np.where(above, theta, 1 - theta.swapaxes(1, 2))
        theta[:, np.arange(n), np.arange(n)] = 0.5
        optimistic = (upper > 0.5).sum(axis=2)
        candidate = optimistic == optimistic.max(axis=1, keepdims=True)
        score = (theta > 0.5).sum(axis=2) + 0.5 * rng.random((seeds, n))  # any of equals
        score = -score if mistake == "argmin" else score
        first = np.argmax(np.where(candidate, score, -np.inf), axis=1)
        fresh = rng.beta(wins[each, :, first] + 1, wins[each, first] + 1)
        fresh = 1 - fresh if mistake == "rival" else fresh
        fresh[each, first] = 0.5
        doubtful = (upper if mistake == "upper" else lower)[each, :, first] <= 0.5
        second = np.argmax(np.where(doubtful, fresh, -np.inf), axis=1)
        won = rng.random(seeds) < p[first, second]
        wins[each[won], first[won], second[won]] += 1
        wins[each[~won], second[~won], first[~won]] += 1
        arms[t - 1] = first, second
    return arms


def cumulative_regret(loss, arms, rounds):
    """Return the regret after each of ``rounds``, shape (seeds, records): the mean loss of both arms, summed."""
    return loss[arms].mean(axis=1).cumsum(axis=0)[np.asarray(rounds) - 1].T
