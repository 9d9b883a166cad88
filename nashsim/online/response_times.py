"""Choices that take their time: the drift-diffusion model of a person, or of a crowd, behind every duel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import NashsimError
from ..game import PreferenceGame
from ..preferences import AnnotatorPreference, DensePreference


class TimedChoices(NamedTuple):
    """What duels with times say.

    Attributes
    ----------
    choices : ndarray of bool, shape (duels,)
        Whether the first was chosen.
    times : ndarray, shape (duels,)
        Response times, in units in which the diffusion has variance 1 a unit.
    """

    choices: np.ndarray
    times: np.ndarray


class TimedLog(NamedTuple):
    """Duels with their times, in the order in which they were fought.

    Attributes
    ----------
    contexts, first, second : ndarray of int, shape (duels,)
    won : ndarray of bool, shape (duels,)
        Outcomes, true where the first won.
    times : ndarray, shape (duels,)
        Response times.
    """

    contexts: np.ndarray
    first: np.ndarray
    second: np.ndarray
    won: np.ndarray
    times: np.ndarray


def drifts(game: PreferenceGame, boundary: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the drift of every user for every pair, and the users' shares.

    Unit diffusion from 0 to ±a chooses the first with probability sigma(2 a v): one person, whose choices are P, has
    v = logit(P)/(2a); of an ``AnnotatorPreference`` user u has v_u = (r_u(y) - r_u(y'))/(2a), r = beta U [derived].

    Parameters
    ----------
    game : PreferenceGame
    boundary : float
        a > 0.

    Returns
    -------
    drifts : ndarray, shape (users, contexts, actions, actions)
    shares : ndarray, shape (users,)

    Raises
    ------
    NashsimError
        For a boundary that is no number > 0, or a P of 0 or 1, whose drift would be infinite.

    Examples
    --------
    >>> found, shares = drifts(PreferenceGame([[0.5, 0.75], [0.25, 0.5]]), 1.0)
    >>> found[0, 0].round(4), shares
    (array([[ 0.    ,  0.5493],
           [-0.5493,  0.    ]]), array([1.]))
    """
    boundary = check_boundary(boundary)
    if isinstance(game.preference, AnnotatorPreference):
        rewards = game.preference.rewards
        found = (rewards[:, :, None] - rewards[:, None, :])[:, None] / (2 * boundary)
        return np.ascontiguousarray(found), game.preference.weights / game.preference.weights.sum()
    skew = game.preference.dense()
    sure = np.argwhere(np.abs(skew) >= 0.5)
    if len(sure):
        _, i, j = sure[0]
        raise NashsimError(
            f"times: P({game.labels[i]!r} ≻ {game.labels[j]!r}) = {skew[tuple(sure[0])] + 0.5:g} has no finite drift;"
            " preferences in (0, 1) are needed, as of rps:strength=0.9 or (1 - e) P + e/2, or times=False"
        )
    # logit(1/2 + A) = 2 artanh(2 A), odd to the last bit
    return np.ascontiguousarray(np.arctanh(2 * skew)[None] / boundary), np.ones(1)


def mean_utility_game(game: PreferenceGame) -> PreferenceGame:
    """Return the game of a crowd's mean utilities, P(y ≻ y') = sigma(E_u r_u(y) - E_u r_u(y')).

    That is sigma(2 a E_u v_u), what choices with their times tell; reference, tau and labels stay.

    Parameters
    ----------
    game : PreferenceGame
        Game of an ``AnnotatorPreference``.

    Raises
    ------
    NashsimError
        For a preference of another kind, which has no people.

    Examples
    --------
    >>> from nashsim import games
    >>> mean_utility_game(games.get("two-opinions")).probabilities[0, 0].round(3)  # means -0.2, 0.2 and 0
    array([0.5  , 0.401, 0.45 ])
    """
    if not isinstance(game.preference, AnnotatorPreference):
        raise NashsimError(
            f"game: {game.name!r} has no people with utilities; use two-opinions, or a PreferenceGame of an"
            " AnnotatorPreference"
        )
    found, shares = drifts(game, 0.5)
    mean = np.tensordot(shares, found, axes=1)
    return game.replace(
        preference=DensePreference(0.5 * np.tanh(0.5 * mean)), name=f"{game.name}-mean-utility"
    )


def check_boundary(boundary) -> float:
    """Return the boundary as a float, or raise NashsimError unless it is a finite number > 0."""
    try:
        number = float(boundary)
    except (TypeError, ValueError):
        number = float("nan")
    if not (np.isfinite(number) and number > 0):
        raise NashsimError(f"boundary: a finite number > 0 is needed, found {boundary!r}")
    return number
