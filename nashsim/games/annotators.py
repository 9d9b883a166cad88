"""Populations of Bradley-Terry annotators: each is transitive, together they may cycle."""

from __future__ import annotations

import numpy as np

from ..errors import NashsimError
from ..game import PreferenceGame


def mixture(rewards, weights=None, labels=None, name: str = "annotators") -> PreferenceGame:
    """P(y ≻ y') = sum_k w_k/(1 + exp(r_k(y') - r_k(y))).

    Parameters
    ----------
    rewards : array_like, shape (annotators, actions)
    weights : array_like or None, shape (annotators,)
        Shares that sum to 1; ``None`` is uniform.
    labels : sequence of str or None
    name : str

    Raises
    ------
    NashsimError
        If rewards are not a finite matrix or weights not one share an annotator.

    Examples
    --------
    >>> mixture([[1.0, 0.0]]).probabilities[0, 0].round(3)
    array([0.5  , 0.731])
    """
    rewards = np.array(rewards, dtype=float)
    if rewards.ndim != 2 or rewards.size == 0 or not np.isfinite(rewards).all():
        raise NashsimError(
            f"rewards: a finite matrix (annotators, actions) is needed, found shape {rewards.shape}"
        )
    shares = np.full(len(rewards), 1 / len(rewards)) if weights is None else np.array(weights, dtype=float)
    if shares.shape != rewards.shape[:1] or not (shares >= 0).all() or abs(shares.sum() - 1) > 1e-9:
        raise NashsimError(
            f"weights: {len(rewards)} shares >= 0 with sum 1 are needed, found {shares.tolist()}"
        )
    margins = np.tensordot(shares, 0.5 * np.tanh(0.5 * (rewards[:, :, None] - rewards[:, None, :])), axes=1)
    upper = np.triu(margins, 1)
    return PreferenceGame(upper - upper.T + 0.5, labels=labels, name=name)


def condorcet_annotators(spread: float = 2.0) -> PreferenceGame:
    """Condorcet's paradox: three annotators who rank a, b, c in turn; their mixture cycles.

    Rewards (2, 1, 0), (0, 2, 1), (1, 0, 2) times ``spread``/2; the lottery is uniform by symmetry [derived].

    Parameters
    ----------
    spread : float
        Reward between the best and the worst response, > 0.

    Examples
    --------
    >>> bool(condorcet_annotators().probabilities[0, 0, 1] > 0.5)
    True
    """
    if not spread > 0:
        raise NashsimError(f"spread: a number > 0 is needed, found {spread}")
    rewards = 0.5 * spread * np.array([[2, 1, 0], [0, 2, 1], [1, 0, 2]])
    return mixture(rewards, labels=("a", "b", "c"), name="condorcet-annotators")


def random_annotators(n: int = 6, annotators: int = 3, spread: float = 4.0, seed: int = 0) -> PreferenceGame:
    """A mixture of Bradley-Terry annotators with rewards N(0, spread^2/4).

    Parameters
    ----------
    n, annotators : int
    spread : float
    seed : int

    Examples
    --------
    >>> random_annotators(n=4).actions
    4
    """
    if n < 1 or annotators < 1:
        raise NashsimError(f"n, annotators: at least 1 of each is needed, found {n} and {annotators}")
    rng = np.random.default_rng(np.random.SeedSequence(int(seed)))
    return mixture(0.5 * spread * rng.normal(size=(annotators, n)), name=f"annotators-{n}-{seed}")
