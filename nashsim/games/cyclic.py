"""Rock-paper-scissors and its relatives."""

from __future__ import annotations

import numpy as np

from ..errors import NashsimError
from ..game import PreferenceGame
from ..preferences import DensePreference
from .checks import number, whole_number

#: In an order in which each beats the (n-1)/2 before it.
_LABELS = {
    3: ("rock", "paper", "scissors"),
    5: ("rock", "spock", "paper", "lizard", "scissors"),
}


def rps(n: int = 3, strength: float = 1.0) -> PreferenceGame:
    """Rock-paper-scissors of any odd size and strength, P = 1/2 ± strength/2.

    Each action beats the (n-1)/2 before it. The lottery, and the regularised equilibrium for a uniform
    reference, are uniform by symmetry [derived].

    Parameters
    ----------
    n : int
        Odd, at least 3.
    strength : float
        Twice the margin of every comparison, in (0, 1]; 1 makes every comparison sure.

    Raises
    ------
    NashsimError
        For an even n or a strength outside its range.

    Examples
    --------
    >>> rps(strength=0.6).probabilities[0]
    array([[0.5, 0.2, 0.8],
           [0.8, 0.5, 0.2],
           [0.2, 0.8, 0.5]])
    """
    n = whole_number("n", n, least=3)
    if n % 2 == 0:
        raise NashsimError(
            f"n: an odd number is needed, so that each action beats as many as beat it; found {n}"
        )
    strength = number("strength", strength, "in (0, 1]", lambda x: 0 < x <= 1)
    ahead = (np.arange(n)[:, None] - np.arange(n)) % n
    skew = 0.5 * strength * (np.where(ahead <= n // 2, 1.0, -1.0) - np.eye(n))
    return PreferenceGame(DensePreference(skew), labels=_LABELS.get(n), name="rps" if n == 3 else f"rps-{n}")


def biased_rps() -> PreferenceGame:
    """Rock-paper-scissors with margins ((0, -25, 50), (25, 0, -5), (-50, 5, 0))/100.

    The payoffs of OpenSpiel's biased rock-paper-scissors [recalled], as P - 1/2 in hundredths: the largest
    is a sure win. Lottery (1/16, 5/8, 5/16) [derived].

    Examples
    --------
    >>> biased_rps().probabilities[0]
    array([[0.5 , 0.25, 1.  ],
           [0.75, 0.5 , 0.45],
           [0.  , 0.55, 0.5 ]])
    """
    skew = np.array([[0, -25, 50], [25, 0, -5], [-50, 5, 0]]) / 100
    return PreferenceGame(DensePreference(skew), labels=_LABELS[3], name="biased-rps")
