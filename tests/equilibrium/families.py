"""Families of skew games and references that every solver is crossed with."""

import numpy as np

from nashsim import PreferenceGame
from nashsim.preferences import DensePreference


def skew_from_upper(matrix):
    upper = np.triu(matrix, 1)
    return upper - upper.T


def _cyclic(n, rng):
    signs = (-1.0) ** np.subtract.outer(np.arange(n), np.arange(n))
    return skew_from_upper(0.5 * signs)


def _near_transitive(n, rng):
    strength = rng.normal(size=n)
    fitted = 1 / (1 + np.exp(strength[None, :] - strength[:, None])) - 0.5
    return skew_from_upper(np.clip(fitted + rng.uniform(-0.01, 0.01, (n, n)), -0.5, 0.5))


def _duplicates(n, rng):
    kinds = rng.integers(0, max(n // 2, 1), n)
    return _signs(n, rng)[np.ix_(kinds, kinds)]


def _signs(n, rng):
    return skew_from_upper(rng.choice([-0.5, 0.5], (n, n)))


FAMILIES = {
    "uniform": lambda n, rng: skew_from_upper(rng.uniform(-0.5, 0.5, (n, n))),
    "signs": _signs,
    "sparse": lambda n, rng: skew_from_upper(rng.uniform(-0.5, 0.5, (n, n)) * (rng.random((n, n)) < 3 / n)),
    "near-transitive": _near_transitive,
    "weak": lambda n, rng: 1e-3 * _near_transitive(n, rng),
    "transitive": lambda n, rng: skew_from_upper(np.full((n, n), 0.5)),
    "cyclic": _cyclic,
    "duplicates": _duplicates,
    "ties": lambda n, rng: skew_from_upper(rng.integers(-1, 2, (n, n)) / 2),
    "all-half": lambda n, rng: np.zeros((n, n)),
}

REFERENCES = {
    "uniform": lambda n, rng: np.zeros(n),
    "normal": lambda n, rng: rng.normal(size=n),
    "tiny": lambda n, rng: np.where(np.arange(n) % 2 == 1, -20.0, 0.0),
    "abyss": lambda n, rng: np.where(rng.random(n) < 0.5, -250.0, 0.0) - np.arange(n),
    "zeros": lambda n, rng: np.where((np.arange(n) % 3 == 1), -np.inf, rng.normal(size=n)),
}


def make_game(family, n, tau=None, reference="uniform", seed=0):
    """A game of one context from the tables above."""
    rng = np.random.default_rng([seed, n])
    skew = FAMILIES[family](n, rng)
    log_mu = REFERENCES[reference](n, rng)
    log_mu = log_mu - np.log(np.exp(log_mu).sum())
    return PreferenceGame(
        DensePreference(skew), log_reference=log_mu, tau=tau, name=f"{family}-{n}-{reference}"
    )


COMAL = [[0.5, 0.1, 0.8], [0.9, 0.5, 0.1], [0.2, 0.9, 0.5]]
RPS = [[0.5, 0.0, 1.0], [1.0, 0.5, 0.0], [0.0, 1.0, 0.5]]
