"""Instances on which exploration is hard: what decides the game is seen exponentially rarely in 1/tau."""

from __future__ import annotations

import numpy as np

from ..game import PreferenceGame, check_tau
from ..logspace import log_normalise
from .checks import number
from .papers import from_wins


def hard_a(c_beats_b: float = 1.0) -> PreferenceGame:
    """Hard for greedy play on the estimated game: b ≻ a, a ≻ c surely, P(c ≻ b) in {0, 1} unknown.

    The reference is uniform. Sampling both responses from the Nash policy of the wrong guess meets {b, c}
    with probability 2 exp(-1/(2 tau)) [derived].

    Parameters
    ----------
    c_beats_b : float
        P(c ≻ b): 1 closes a cycle with a uniform lottery, 0 makes b the Condorcet winner.

    Raises
    ------
    NashsimError
        For any other value of ``c_beats_b``.

    Examples
    --------
    >>> hard_a().probabilities[0, 2, 1]
    np.float64(1.0)
    """
    c_beats_b = number("c_beats_b", c_beats_b, "equal to 0 or 1", lambda x: x in (0, 1))
    return from_wins({(1, 0): 1.0, (0, 2): 1.0, (2, 1): c_beats_b}, ("a", "b", "c"), "hard-a")


def hard_b(tau: float = 0.1, a: float = 0.25) -> PreferenceGame:
    """Hard for any on-policy method, though transitive: P(c ≻ b) = 1 and mu(c) = exp(-a/tau).

    Until c is drawn the regularised regret of a round is about 1/2 - a, and it is drawn after about
    exp(a/tau) samples. pi*(c)/pi*(b) = mu(c)/mu(b) exp(1/(2 tau)) [derived].

    Parameters
    ----------
    tau : float
        > 0; the game carries it, and its reference keeps this tau when ``replace`` changes the game's.
    a : float
        In (0, 1/2).

    Raises
    ------
    NashsimError
        For tau or a outside its range.

    Examples
    --------
    >>> hard_b(tau=0.1).log_reference.round(4)
    array([[-0.0857, -2.5   ]])
    """
    tau = check_tau(tau)
    a = number("a", a, "in (0, 1/2)", lambda x: 0 < x < 0.5)
    log_c = -a / tau
    log_reference = np.array([np.log(-np.expm1(log_c)), log_c])
    game = from_wins({(1, 0): 1.0}, ("b", "c"), "hard-b")
    return game.replace(tau=tau, log_reference=log_reference)


def hard_c(tau: float = 0.1) -> PreferenceGame:
    """Three arms: P(a ≻ b) = .6, c beats both surely, mu ∝ (.5, .5, exp(-1/(2 tau))).

    Implicit exploration takes exp(1/(2 tau)) samples to meet c [derived].

    Parameters
    ----------
    tau : float
        > 0; the game carries it, and its reference keeps this tau when ``replace`` changes the game's.

    Raises
    ------
    NashsimError
        For tau outside its range.

    Examples
    --------
    >>> hard_c(tau=0.1).reference.round(4)
    array([[0.4967, 0.4967, 0.0067]])
    """
    tau = check_tau(tau)
    log_reference = log_normalise(np.array([np.log(0.5), np.log(0.5), -0.5 / tau]))
    game = from_wins({(0, 1): 0.6, (2, 0): 1.0, (2, 1): 1.0}, ("a", "b", "c"), "hard-c")
    return game.replace(tau=tau, log_reference=log_reference)
