"""The small games that papers argue with."""

from __future__ import annotations

import numpy as np

from ..game import PreferenceGame
from .checks import number

_Y = ("y1", "y2", "y3")
#: NLHF's three dice by their faces, and its three responses by the scores of the same three humans.
_SCORES = np.array([[2, 4, 9], [1, 6, 8], [3, 5, 7]])


def from_wins(wins: dict[tuple[int, int], float], labels, name: str) -> PreferenceGame:
    """Return the game in which ``wins[i, j]`` = P(i ≻ j), every unordered pair given once.

    Parameters
    ----------
    wins : dict of (int, int) to float
    labels : sequence of str
    name : str
    """
    skew = np.zeros((len(labels), len(labels)))
    for (i, j), probability in wins.items():
        skew[i, j] = probability - 0.5
    return PreferenceGame(skew - skew.T + 0.5, labels=labels, name=name)


def dice() -> PreferenceGame:
    """Three dice, each of which beats the next with probability 5/9.

    They are uniform on {2,4,9}, {1,6,8}, {3,5,7}. P(d ≻ d') is the chance that d shows the larger number.
    NLHF, arXiv 2312.00886 [paper].

    Examples
    --------
    >>> bool(abs(dice().probabilities[0, 0, 1] - 5 / 9) < 1e-15)
    True
    """
    wins = {(i, j): (_SCORES[i][:, None] > _SCORES[j]).mean() for i in range(3) for j in range(i)}
    return from_wins(wins, ("2-4-9", "1-6-8", "3-5-7"), "dice")


def three_humans() -> PreferenceGame:
    """Three responses scored by the same three humans: a 2/3 cycle y1 ≻ y2 ≻ y3 ≻ y1.

    y1 scores (2, 4, 9), y2 (1, 6, 8), y3 (3, 5, 7); P is the share of humans who score one above the other.
    NLHF, arXiv 2312.00886 [paper].

    Examples
    --------
    >>> three_humans().probabilities[0, 0].round(3)
    array([0.5  , 0.667, 0.333])
    """
    wins = {(i, j): (_SCORES[i] > _SCORES[j]).mean() for i in range(3) for j in range(i)}
    return from_wins(wins, _Y, "three-humans")


def p_eps(eps: float = 0.1) -> PreferenceGame:
    """NLHF's P_eps, on which reward maximisation jumps at eps = 0 and Nash does not.

    The lottery is (1/3 + eps/2, 1/3 + eps/2, 1/3 - eps). P(y2 ≻ y1) = 2/3 - eps/2, P(y3 ≻ y1) = 1/3 - eps/4,
    P(y3 ≻ y2) = 2/3 + eps/4. NLHF, arXiv 2312.00886 [paper].

    Parameters
    ----------
    eps : float
        In [-1/3, 1/3].

    Raises
    ------
    NashsimError
        For eps outside its range.

    Examples
    --------
    >>> p_eps(0.0).labels
    ('y1', 'y2', 'y3')
    """
    eps = number("eps", eps, "in [-1/3, 1/3]", lambda x: abs(x) <= 1 / 3)
    wins = {(1, 0): 2 / 3 - eps / 2, (2, 0): 1 / 3 - eps / 4, (2, 1): 2 / 3 + eps / 4}
    return from_wins(wins, _Y, "p-eps")


def reward_preference() -> PreferenceGame:
    """NLHF's game in which the best policy by reward loses to another.

    P(y2 ≻ y1) = 9/10, P(y3 ≻ y1) = 2/3, P(y3 ≻ y2) = 2/11. Among policies with pi(y1) = 2 pi(y2) the reward
    optimum is (2/3, 1/3, 0), yet y3 is preferred to it with probability 50/99. P is exactly Bradley-Terry,
    with rewards log (1, 9, 2); without the constraint y2 is the Condorcet winner. NLHF, arXiv 2312.00886 [paper].

    Examples
    --------
    >>> bool(abs(reward_preference().probabilities[0, 2] @ [2 / 3, 1 / 3, 0] - 50 / 99) < 1e-15)
    True
    """
    return from_wins({(1, 0): 9 / 10, (2, 0): 2 / 3, (2, 1): 2 / 11}, _Y, "reward-preference")


def comal() -> PreferenceGame:
    """COMAL's cycle P(b ≻ a) = P(c ≻ b) = .9, P(a ≻ c) = .8.

    Lottery (4/11, 3/11, 4/11). COMAL, arXiv 2410.23223 [paper].

    Examples
    --------
    >>> comal().probabilities[0, 0]
    array([0.5, 0.1, 0.8])
    """
    return from_wins({(1, 0): 0.9, (2, 1): 0.9, (0, 2): 0.8}, ("a", "b", "c"), "comal")
