"""Populations of Bradley-Terry annotators: each is transitive, together they may cycle."""

from __future__ import annotations

import numpy as np

from ..game import PreferenceGame
from ..preferences import AnnotatorPreference, DensePreference, as_preference
from ..preferences.annotators import check_annotators
from .checks import number, whole_number


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
    rewards, shares = check_annotators(rewards, weights)
    margins = np.tensordot(shares, 0.5 * np.tanh(0.5 * (rewards[:, :, None] - rewards[:, None, :])), axes=1)
    upper = np.triu(margins, 1)
    preference = as_preference(upper - upper.T + 0.5)
    if isinstance(preference, DensePreference):
        preference = DensePreference(preference.dense(), users=(rewards, shares))
    return PreferenceGame(preference, labels=labels, name=name)


def condorcet_annotators(spread: float = 2.0) -> PreferenceGame:
    """Condorcet's paradox: three annotators who rank a, b, c in turn; their mixture cycles.

    Rewards (2, 1, 0), (0, 2, 1), (1, 0, 2) times ``spread``/2. The lottery, and the regularised equilibrium
    for a uniform reference, are uniform by symmetry; P(a ≻ b) > 1/2 for every spread, and tends to 2/3 [derived].

    Parameters
    ----------
    spread : float
        Reward between the best and the worst response, > 0 and finite.

    Raises
    ------
    NashsimError
        For a spread outside its range.

    Examples
    --------
    >>> bool(condorcet_annotators().probabilities[0, 0, 1] > 0.5)
    True
    """
    rewards = 0.5 * _spread(spread) * np.array([[2, 1, 0], [0, 2, 1], [1, 0, 2]])
    return mixture(rewards, labels=("a", "b", "c"), name="condorcet-annotators")


def two_opinions(share: float = 0.2) -> PreferenceGame:
    """A crowd of two opinions: choices rank a, c, b, and mean utilities b, c, a, as few hate what most like a little.

    Rewards (1, 0, .5) of most people and (-5, 1, -2) of a share; stored as annotators, so that each has a drift of
    their own in duels with response times.

    Parameters
    ----------
    share : float
        Share in (0, 1) of the second opinion.

    Raises
    ------
    NashsimError
        For a share outside its range.

    Examples
    --------
    >>> two_opinions().probabilities[0, 0].round(3)
    array([0.5  , 0.585, 0.507])
    """
    share = number("share", share, "between 0 and 1", lambda x: 0 < x < 1)
    preference = AnnotatorPreference(np.array([[1.0, 0.0, 0.5], [-5.0, 1.0, -2.0]]), [1 - share, share])
    return PreferenceGame(preference, labels=("a", "b", "c"), name="two-opinions")


def random_annotators(n: int = 6, annotators: int = 3, spread: float = 4.0, seed: int = 0) -> PreferenceGame:
    """A mixture of Bradley-Terry annotators with rewards N(0, spread^2/4).

    Parameters
    ----------
    n, annotators : int
        At least 1.
    spread : float
        Twice the standard deviation of a reward, > 0 and finite.
    seed : int
        At least 0; the same seed gives the same bits.

    Raises
    ------
    NashsimError
        For a parameter outside its range.

    Examples
    --------
    >>> random_annotators(n=4).actions
    4
    """
    shape = whole_number("annotators", annotators), whole_number("n", n)
    rng = np.random.default_rng(np.random.SeedSequence(whole_number("seed", seed, least=0)))
    return mixture(0.5 * _spread(spread) * rng.normal(size=shape), name=f"annotators-{n}-{seed}")


def _spread(spread) -> float:
    return number("spread", spread, "> 0 and finite", lambda x: 0 < x < np.inf)
