"""What an estimate of preferences is: duels go in; probabilities and their widths come out."""

from __future__ import annotations

import abc

import numpy as np

from ...errors import NashsimError
from ..duels import align_duels


class PreferenceEstimate(abc.ABC):
    """Probabilities P(y ≻ z) as the duels show them so far.

    Parameters
    ----------
    actions : int
        Number of actions, at least two.

    Raises
    ------
    NashsimError
        For fewer than two actions.
    """

    def __init__(self, actions: int):
        if actions != int(actions) or actions < 2:
            raise NashsimError(f"actions: a whole number >= 2 is needed, found {actions!r}")
        self.actions = int(actions)

    def add(self, first, second, won) -> None:
        """Take in duels, in their order.

        Parameters
        ----------
        first, second : int or array_like of int, shape (duels,)
            An arm against itself teaches nothing.
        won : bool or array_like of bool, shape (duels,)
            Whether the first won.

        Raises
        ------
        NashsimError
            For an arm that is not there, or outcomes that are neither True nor False.
        """
        won = np.atleast_1d(np.asarray(won))
        if won.dtype != bool and not np.isin(won, (0, 1)).all():
            raise NashsimError("won: True or False is needed, found others")
        _, first, second = align_duels(0, first, second, (1, self.actions, self.actions))
        if won.shape != first.shape:
            raise NashsimError(f"won: shape {first.shape} is needed, found {won.shape}")
        apart = first != second
        self._learn(first[apart], second[apart], won[apart].astype(bool))

    @abc.abstractmethod
    def _learn(self, first: np.ndarray, second: np.ndarray, won: np.ndarray) -> None:
        """Take in duels between distinct arms."""

    @abc.abstractmethod
    def matrix(self) -> np.ndarray:
        """Return P, shape (actions, actions), with P + P^T = 1."""

    @abc.abstractmethod
    def width(self, confidence: float = 0.95) -> np.ndarray:
        """Return half-widths about P, shape (actions, actions), symmetric with 0 on the diagonal.

        Parameters
        ----------
        confidence : float
            Level of confidence, in (0, 1).

        Returns
        -------
        ndarray, shape (actions, actions)

        Raises
        ------
        NashsimError
            For a confidence outside (0, 1).
        """


def tail(confidence: float) -> float:
    """Return 1 - confidence, or raise NashsimError unless that lies between 0 and 1."""
    if not 0 < confidence < 1:
        raise NashsimError(f"confidence: a number between 0 and 1 is needed, found {confidence!r}")
    return 1 - confidence
