"""Kinds of games that some claims speak of, as maps from an instance to the nearest one of the kind."""

from __future__ import annotations

import numpy as np

from ...logspace import log_normalise
from .instance import Instance


def cycle(instance: Instance) -> Instance:
    """Return a cycle of three, 0 ≻ 1 ≻ 2 ≻ 0, with margins of at least 0.02: its lottery has full support.

    Parameters
    ----------
    instance : Instance
        An instance of three actions.
    """
    a, b, c = np.maximum(np.abs(instance.skew[[0, 1, 2], [1, 2, 0]]), 0.02)
    skew = np.array([[0, a, -c], [-a, 0, b], [c, -b, 0]])
    return instance.replace(skew=skew)


def strong_cycle(instance: Instance) -> Instance:
    """Return a cycle of three with margins of at least 0.1.

    Parameters
    ----------
    instance : Instance
        An instance of three actions.
    """
    made = cycle(instance)
    sizes = np.maximum(np.abs(made.skew), 0.1)
    np.fill_diagonal(sizes, 0.0)
    return made.replace(skew=np.sign(made.skew) * sizes)


def rock_paper_scissors(instance: Instance) -> Instance:
    """Return rock-paper-scissors with sure wins and a uniform reference, of the same start.

    Parameters
    ----------
    instance : Instance
        An instance of three actions.
    """
    skew = 0.5 * np.array([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    return instance.replace(skew=skew, log_reference=np.full(3, -np.log(3)))


def dominated(instance: Instance) -> Instance:
    """Return a game whose first action beats all others surely."""
    skew = instance.skew.copy()
    skew[0, 1:], skew[1:, 0] = 0.5, -0.5
    return instance.replace(skew=skew)


def near_winner(instance: Instance) -> Instance:
    """Return an instance whose start has at least four fifths of its mass on the first action."""
    start = 0.2 * np.exp(instance.log_start)
    start[0] += 0.8
    return instance.replace(log_start=np.log(start))


def bradley_terry(instance: Instance) -> Instance:
    """Return a Bradley-Terry game of rewards in [-1.4, 1.4], read off the mean log-odds."""
    odds = 2 * np.arctanh(np.clip(2 * instance.skew, -0.95, 0.95))
    rewards = np.clip(odds.mean(axis=1), -1.4, 1.4)
    return instance.replace(skew=0.5 * np.tanh(0.5 * (rewards[:, None] - rewards)))


def classes(actions: int) -> np.ndarray:
    """Return the class of each action in the class games here: 0, 1, 2, 0, 1, 2, ..."""
    return np.arange(actions) % min(3, actions)


def class_game(instance: Instance) -> Instance:
    """Return a game whose preference depends on classes only: the first action of each speaks for it."""
    member = classes(instance.actions)
    return instance.replace(skew=instance.skew[np.ix_(member, member)])


def moderate(instance: Instance) -> Instance:
    """Return an instance with preferences in [0.05, 0.95] and policies of logits within 4 of each other."""
    return instance.replace(
        skew=np.clip(instance.skew, -0.45, 0.45),
        log_reference=log_normalise(np.maximum(instance.log_reference, instance.log_reference.max() - 4)),
        log_start=log_normalise(np.maximum(instance.log_start, instance.log_start.max() - 4)),
    )
