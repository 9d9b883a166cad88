"""Random families: the same seed gives the same bits."""

from __future__ import annotations

import numpy as np

from ..errors import NashsimError
from ..game import PreferenceGame
from ..preferences import DensePreference, LowRankPreference


def uniform(n: int = 10, seed: int = 0, normal_reference: bool = False) -> PreferenceGame:
    """Upper triangle of P uniform on [0, 1], as in EGPO's simulations.

    Parameters
    ----------
    n, seed : int
    normal_reference : bool
        Reference logits N(0, 1), as EGPO takes them (arXiv 2503.08942 [code]); else uniform.

    Examples
    --------
    >>> uniform(n=4).actions
    4
    """
    rng = _generator(n, seed)
    skew = _skew(rng.uniform(-0.5, 0.5, (n, n)))
    reference = _softmax(rng.normal(size=n)) if normal_reference else None
    return PreferenceGame(DensePreference(skew), reference, name=f"uniform-{n}-{seed}")


def sign(n: int = 9, seed: int = 0) -> PreferenceGame:
    """A random tournament: every comparison is sure, P in {0, 1} off the diagonal.

    For odd margins the lottery is unique [recalled: Laffond, Laslier and Le Breton 1993].

    Parameters
    ----------
    n, seed : int

    Examples
    --------
    >>> sorted(set(sign(n=5).probabilities.ravel().tolist()))
    [0.0, 0.5, 1.0]
    """
    rng = _generator(n, seed)
    return PreferenceGame(DensePreference(_skew(rng.choice([-0.5, 0.5], (n, n)))), name=f"sign-{n}-{seed}")


def sparse(n: int = 20, density: float = 0.2, seed: int = 0) -> PreferenceGame:
    """Most pairs indifferent: a share of them uniform on [0, 1], the rest exactly 1/2.

    Parameters
    ----------
    n : int
    density : float
        The share, in [0, 1].
    seed : int

    Examples
    --------
    >>> float(abs(sparse(n=5, density=0.0).preference.dense()).max())
    0.0
    """
    if not 0 <= density <= 1:
        raise NashsimError(f"density: a number in [0, 1] is needed, found {density}")
    rng = _generator(n, seed)
    values, kept = rng.uniform(-0.5, 0.5, (n, n)), rng.uniform(size=(n, n)) < density
    return PreferenceGame(DensePreference(_skew(np.where(kept, values, 0.0))), name=f"sparse-{n}-{seed}")


def dial(n: int = 9, dial: float = 0.5, seed: int = 0) -> PreferenceGame:
    """From Bradley-Terry (dial 0) to fully cyclic (dial 1).

    A = (1 - dial) B + dial C, with B = 1/(1 + exp(r' - r)) - 1/2 with rewards N(0, 1), so dial 0 is an exact
    Bradley-Terry game. C has row
    sums 0, so dial 1 has Hodge cyclic mass 1. C is orthogonal to the (small) cyclic part of B, which makes
    the cyclic mass increase with the dial [derived].

    Parameters
    ----------
    n : int
        At least 3.
    dial : float
        In [0, 1].
    seed : int

    Examples
    --------
    >>> dial(n=4, dial=1.0).preference.dense()[0].sum(axis=1).round(12) + 0.0
    array([0., 0., 0., 0.])
    """
    if not 0 <= dial <= 1:
        raise NashsimError(f"dial: a number in [0, 1] is needed, found {dial}")
    rng = _generator(n, seed, least=3)
    rewards = rng.normal(size=n)
    transitive = 0.5 * np.tanh(0.5 * (rewards[:, None] - rewards))
    own_cycles = _without_gradient(transitive)
    cyclic = _without_gradient(_skew(rng.uniform(-0.5, 0.5, (n, n))))
    overlap = (cyclic * own_cycles).sum()
    # Cycles of three actions have one dimension only: there C agrees with B's in sign.
    share = overlap / (own_cycles**2).sum()
    cyclic = cyclic * (np.sign(overlap) or 1.0) if n == 3 else cyclic - share * own_cycles
    cyclic = _skew(0.5 * cyclic / np.abs(cyclic).max())
    skew = (1 - dial) * transitive + dial * cyclic
    return PreferenceGame(DensePreference(_skew(skew)), name=f"dial-{n}-{dial:g}-{seed}")


def low_rank(n: int = 100, rank: int = 2, seed: int = 0) -> PreferenceGame:
    """Bilinear preferences of random embeddings, A = U V^T - V U^T.

    (u, v) is uniform on a sphere of radius 1/sqrt 2; the distribution of an entry does not depend on n.

    Parameters
    ----------
    n, rank, seed : int

    Examples
    --------
    >>> low_rank(n=5).preference
    LowRankPreference(actions=5, rank=2)
    """
    if rank < 1:
        raise NashsimError(f"rank: at least 1 is needed, found {rank}")
    points = _generator(n, seed).normal(size=(n, 2 * rank))
    points *= np.sqrt(0.5) / np.linalg.norm(points, axis=1, keepdims=True)
    return PreferenceGame(LowRankPreference(points[:, :rank], points[:, rank:]), name=f"low-rank-{n}-{seed}")


def _generator(n: int, seed: int, least: int = 1) -> np.random.Generator:
    if n != int(n) or n < least:
        raise NashsimError(f"n: a whole number of actions, at least {least}, is needed, found {n}")
    if seed != int(seed) or seed < 0:
        raise NashsimError(f"seed: a whole number >= 0 is needed, found {seed}")
    return np.random.default_rng(np.random.SeedSequence(int(seed)))


def _skew(values: np.ndarray) -> np.ndarray:
    """Return the skew matrix that has the upper triangle of ``values``."""
    upper = np.triu(values, 1)
    return upper - upper.T


def _without_gradient(skew: np.ndarray) -> np.ndarray:
    """Return what the best s_i - s_j leaves of a complete skew matrix: s is the mean of its row."""
    strengths = skew.mean(axis=1)
    return skew - (strengths[:, None] - strengths)


def _softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()
