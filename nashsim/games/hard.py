"""Instances on which exploration is hard: what decides the game is seen exponentially rarely in 1/tau."""

from __future__ import annotations

import numpy as np

from ..errors import NashsimError
from ..game import PreferenceGame, check_tau
from .papers import from_wins


def hard_a(c_beats_b: float = 1.0) -> PreferenceGame:
    """Hard for greedy play on the estimated game: b ≻ a, a ≻ c surely, P(c ≻ b) in {0, 1} unknown.

    The reference is uniform. Sampling both responses from the Nash policy of the wrong guess meets {b, c}
    with probability
    2 exp(-1/(2 tau)) [derived].

    Parameters
    ----------
    c_beats_b : float
        P(c ≻ b): 1 closes a cycle with a uniform lottery, 0 makes b the Condorcet winner.

    Examples
    --------
    >>> hard_a().probabilities[0, 2, 1]
    np.float64(1.0)
    """
    if c_beats_b not in (0, 1):
        raise NashsimError(f"c_beats_b: 0 or 1 is needed, found {c_beats_b}")
    return from_wins({(1, 0): 1.0, (0, 2): 1.0, (2, 1): float(c_beats_b)}, ("a", "b", "c"), "hard-a")


def hard_b(tau: float = 0.1, a: float = 0.25) -> PreferenceGame:
    """Hard for any on-policy method, though transitive: P(c ≻ b) = 1 and mu(c) = exp(-a/tau).

    Until c is drawn the regularised regret of a round is about 1/2 - a, and it is drawn after about
    exp(a/tau) samples [derived].

    Parameters
    ----------
    tau : float
        > 0; the game carries it.
    a : float
        In (0, 1/2).

    Examples
    --------
    >>> hard_b(tau=0.1).log_reference.round(4)
    array([[-0.0857, -2.5   ]])
    """
    tau = check_tau(tau)
    if not 0 < a < 0.5:
        raise NashsimError(f"a: a number in (0, 1/2) is needed, found {a}")
    log_c = -a / tau
    log_reference = np.array([np.log(-np.expm1(log_c)), log_c])
    game = from_wins({(1, 0): 1.0}, ("b", "c"), "hard-b")
    return game.replace(tau=tau, log_reference=log_reference)


def hard_c(tau: float = 0.1) -> PreferenceGame:
    """Three arms: P(a ≻ b) = .6, c beats both surely, mu ∝ (.5, .5, exp(-1/(2 tau))).

    Parameters
    ----------
    tau : float
        > 0; the game carries it.

    Examples
    --------
    >>> hard_c(tau=0.1).reference.round(4)
    array([[0.4967, 0.4967, 0.0067]])
    """
    tau = check_tau(tau)
    log_weights = np.array([np.log(0.5), np.log(0.5), -0.5 / tau])
    log_reference = log_weights - np.log1p(np.exp(-0.5 / tau))
    game = from_wins({(0, 1): 0.6, (2, 0): 1.0, (2, 1): 1.0}, ("a", "b", "c"), "hard-c")
    return game.replace(tau=tau, log_reference=log_reference)
