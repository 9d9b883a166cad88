"""Rock-paper-scissors and its relatives."""

from __future__ import annotations

import numpy as np

from ..errors import NashsimError
from ..game import PreferenceGame
from ..preferences import DensePreference


def rps(n: int = 3, strength: float = 1.0) -> PreferenceGame:
    """Rock-paper-scissors of any odd size and strength, P = 1/2 ± strength/2.

    Each action beats the (n-1)/2 before it. The lottery, and the regularised equilibrium for a uniform
    reference, are uniform by symmetry [derived].

    Parameters
    ----------
    n : int
        Odd, at least 3.
    strength : float
        In (0, 1]; 1 makes every comparison sure.

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
    if n != int(n) or n < 3 or n % 2 == 0:
        raise NashsimError(f"n: rock-paper-scissors needs an odd number of actions, at least 3, found {n}")
    if not 0 < strength <= 1:
        raise NashsimError(f"strength: a number in (0, 1] is needed, found {strength}")
    ahead = (np.arange(n)[:, None] - np.arange(n)) % n
    skew = 0.5 * strength * (np.where(ahead <= n // 2, 1.0, -1.0) - np.eye(n))
    labels = ("rock", "paper", "scissors") if n == 3 else None
    return PreferenceGame(DensePreference(skew), labels=labels, name="rps" if n == 3 else f"rps-{n}")


def biased_rps() -> PreferenceGame:
    """Rock-paper-scissors with margins ((0, -25, 50), (25, 0, -5), (-50, 5, 0))/100.

    Lottery (1/16, 5/8, 5/16) [derived].

    Examples
    --------
    >>> biased_rps().probabilities[0]
    array([[0.5 , 0.25, 1.  ],
           [0.75, 0.5 , 0.45],
           [0.  , 0.55, 0.5 ]])
    """
    skew = np.array([[0, -25, 50], [25, 0, -5], [-50, 5, 0]]) / 100
    return PreferenceGame(DensePreference(skew), labels=("rock", "paper", "scissors"), name="biased-rps")
