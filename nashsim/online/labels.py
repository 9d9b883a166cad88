"""Where labels come from: attention, flips and the side a response is shown on, and what golden questions tell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import NashsimError
from ..game import PreferenceGame
from ..preferences import DensePreference, check_dense

_MOST_ACTIONS = 5000


class Attention(NamedTuple):
    """What golden questions say of an annotator.

    Attributes
    ----------
    estimate : float
        Unbiased estimate of theta, the share of labels that are no coin flips.
    standard_error : float
        Its standard error at the estimate.
    """

    estimate: float
    standard_error: float


def observed(game: PreferenceGame, attention: float = 1.0, noise: float = 0.0) -> PreferenceGame:
    """Return the game of the labels: P - 1/2 scaled by theta (1 - 2 noise).

    A label is drawn from P with probability theta, else a coin, and then flipped with probability ``noise``. Its
    regularised Nash policy at tau is that of P at tau/(theta (1 - 2 noise)) [derived]: to have that of P at tau, solve
    the game of the labels at tau theta (1 - 2 noise).

    Parameters
    ----------
    game : PreferenceGame
    attention : float
        theta in (0, 1].
    noise : float
        Probability in [0, 1/2) of a flip.

    Raises
    ------
    NashsimError
        For a number outside its range, or more than 5000 actions and another storage than a matrix.

    Examples
    --------
    >>> game = PreferenceGame([[0.5, 0.9], [0.1, 0.5]], tau=0.2)
    >>> observed(game, attention=0.5).probabilities[0, 0].round(9)
    array([0.5, 0.7])
    """
    factor = label_factor(attention, noise)
    if not isinstance(game.preference, DensePreference):
        check_dense(game.actions, "observed", _MOST_ACTIONS)
    return game.replace(preference=DensePreference(factor * game.preference.dense()))


def label_factor(attention: float, noise: float = 0.0) -> float:
    """Return theta (1 - 2 noise), or raise NashsimError for a number outside its range.

    Parameters
    ----------
    attention, noise : float
        As for :func:`observed`.
    """
    if not 0 < attention <= 1:
        raise NashsimError(f"attention: a share in (0, 1] is needed, found {attention!r}")
    if not 0 <= noise < 0.5:
        raise NashsimError(f"noise: a probability in [0, 1/2) is needed, found {noise!r}")
    return float(attention) * (1 - 2 * float(noise))


def golden_questions(won, probabilities) -> Attention:
    """Return an annotator's attention from labels of questions whose preference is known.

    theta = sum (I - 1/2)(p - 1/2)/sum (p - 1/2)^2, unbiased as E I - 1/2 = theta (p - 1/2) [derived]; sure questions,
    p in {0, 1}, tell most, and p = 1/2 nothing.

    Parameters
    ----------
    won : array_like of bool, shape (questions,)
        Whether the first response was chosen.
    probabilities : array_like, shape (questions,)
        p, the probability with which an attentive annotator chooses it.

    Returns
    -------
    Attention

    Raises
    ------
    NashsimError
        For shapes that differ, numbers that are no probabilities, or no question that tells anything.

    Examples
    --------
    >>> golden_questions([True, True, False, True], [1.0, 1.0, 1.0, 1.0]).estimate
    0.5
    """
    labels, known = np.asarray(won), np.asarray(probabilities, dtype=float)
    if labels.shape != known.shape or labels.ndim != 1:
        raise NashsimError(f"won: one label a question is needed, shape {known.shape}, found {labels.shape}")
    if labels.dtype != bool and not np.isin(labels, (0, 1)).all():
        raise NashsimError("won: True or False is needed, found others")
    if not ((known >= 0) & (known <= 1)).all():
        raise NashsimError("probabilities: numbers in [0, 1] are needed, found others")
    edge = known - 0.5
    told = float(edge @ edge)
    if told == 0:
        raise NashsimError(
            "probabilities: a question with p other than 1/2 is needed, found none that tells anything"
        )
    estimate = float(edge @ (labels - 0.5)) / told
    chance = np.clip(0.5 + estimate * edge, 0, 1)
    return Attention(estimate, float(np.sqrt(edge**2 @ (chance * (1 - chance)))) / told)
