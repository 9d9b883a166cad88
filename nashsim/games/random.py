"""Random families: the same seed gives the same bits.

Every builder raises NashsimError for a number of actions, a seed or a share outside its range.
"""

from __future__ import annotations

import numpy as np

from ..errors import NashsimError
from ..game import PreferenceGame
from ..logspace import log_normalise
from ..preferences import DensePreference, LowRankPreference
from .checks import number, whole_number


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
    n, rng = _generator(n, seed)
    if normal_reference not in (False, True):
        raise NashsimError(f"normal_reference: true or false is needed, found {normal_reference!r}")
    skew = _skew(rng.uniform(-0.5, 0.5, (n, n)))
    log_reference = log_normalise(rng.normal(size=n)) if normal_reference else None
    return PreferenceGame(DensePreference(skew), log_reference=log_reference, name=f"uniform-{n}-{seed}")


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
    n, rng = _generator(n, seed)
    return PreferenceGame(DensePreference(_skew(rng.choice([-0.5, 0.5], (n, n)))), name=f"sign-{n}-{seed}")


def sparse(n: int = 20, density: float = 0.2, seed: int = 0) -> PreferenceGame:
    """Most pairs indifferent: a share of them uniform on [0, 1], the rest exactly 1/2.

    Parameters
    ----------
    n, seed : int
    density : float
        The chance that a pair is not indifferent, in [0, 1].

    Examples
    --------
    >>> float(abs(sparse(n=5, density=0.0).preference.dense()).max())
    0.0
    """
    n, rng = _generator(n, seed)
    density = _share("density", density)
    values, kept = rng.uniform(-0.5, 0.5, (n, n)), rng.uniform(size=(n, n)) < density
    return PreferenceGame(DensePreference(_skew(np.where(kept, values, 0.0))), name=f"sparse-{n}-{seed}")


def dial(n: int = 9, dial: float = 0.5, seed: int = 0) -> PreferenceGame:
    """From Bradley-Terry (dial 0) to fully cyclic (dial 1).

    P - 1/2 = (1 - dial) B + dial C, a convex combination that stays in its range. B is Bradley-Terry of
    rewards N(0, 1), 1/(1 + exp(r' - r)) - 1/2, which is not quite a gradient: its Hodge cyclic mass is small
    and not 0. C has row sums 0, hence no gradient, and is scaled so that one pair is sure: cyclic mass 1. C is
    orthogonal to the cyclic part of B (n = 3: of its sign), which makes the cyclic mass increase strictly with
    the dial [derived]. At dial 1 the regularised equilibrium for a uniform reference is uniform [derived].

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
    n, rng = _generator(n, seed, least=3)
    dial = _share("dial", dial)
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
        The rank is that of U and V; A has twice that, or less where n is smaller.

    Examples
    --------
    >>> low_rank(n=5).preference
    LowRankPreference(actions=5, rank=2)
    """
    rank = whole_number("rank", rank)
    n, rng = _generator(n, seed)
    points = rng.normal(size=(n, 2 * rank))
    points *= np.sqrt(0.5) / np.linalg.norm(points, axis=1, keepdims=True)
    return PreferenceGame(LowRankPreference(points[:, :rank], points[:, rank:]), name=f"low-rank-{n}-{seed}")


def _generator(n: int, seed: int, least: int = 1) -> tuple[int, np.random.Generator]:
    seed = whole_number("seed", seed, least=0)
    return whole_number("n", n, least), np.random.default_rng(np.random.SeedSequence(seed))


def _share(name: str, value: float) -> float:
    return number(name, value, "in [0, 1]", lambda x: 0 <= x <= 1)


def _skew(values: np.ndarray) -> np.ndarray:
    """Return the skew matrix that has the upper triangle of ``values``."""
    upper = np.triu(values, 1)
    return upper - upper.T


def _without_gradient(skew: np.ndarray) -> np.ndarray:
    """Return what the best s_i - s_j leaves of a complete skew matrix: s is the mean of its row."""
    strengths = skew.mean(axis=1)
    return skew - (strengths[:, None] - strengths)
