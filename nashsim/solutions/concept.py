"""What a solution concept is: a policy read off one table of preferences, with its definition in a line."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from ..game import PreferenceGame


@dataclass(frozen=True, eq=False)
class Table:
    """One context of a game, and the numbers that concepts take.

    Attributes
    ----------
    game : PreferenceGame
        Game of one context with tau set.
    beta : float
        Sharpness of the proportional solution.
    tau_follower, tau_leader : float
        Regularisations of the two Stackelberg players.
    """

    game: PreferenceGame
    beta: float
    tau_follower: float
    tau_leader: float

    @cached_property
    def wins(self) -> np.ndarray:
        """P(y ≻ y') with y the row, shape (actions, actions)."""
        return self.game.probabilities[0]

    @property
    def reference(self) -> np.ndarray:
        """mu as probabilities, shape (actions,)."""
        return self.game.reference[0]

    @property
    def log_reference(self) -> np.ndarray:
        """log mu, shape (actions,)."""
        return self.game.log_reference[0]

    @property
    def tau(self) -> float:
        """Regularisation of the Nash policy and of RLHF."""
        return self.game.require_tau()

    @cached_property
    def against_others(self) -> np.ndarray:
        """P(y ≻ y') with NaN for a response against itself, shape (actions, actions)."""
        return np.where(np.eye(len(self.wins), dtype=bool), np.nan, self.wins)


class Concept(abc.ABC):
    """A solution concept; standing in a file of this folder it is found by its name."""

    #: Name in lower case.
    name: ClassVar[str]
    #: The policy in one line of mathematics.
    definition: ClassVar[str]
    #: Paper or book, and how far it was checked: [paper], [derived], [inferred], [second hand].
    source: ClassVar[str]

    @abc.abstractmethod
    def policy(self, table: Table) -> tuple[np.ndarray, str]:
        """Return the policy, probabilities of shape (actions,), and a sentence about it, empty where all is plain."""


def winners(scores: np.ndarray, what: str) -> tuple[np.ndarray, str]:
    """Return the uniform policy on the responses of the largest score, to rounding, and a sentence on ties.

    Parameters
    ----------
    scores : ndarray, shape (actions,)
    what : str
        Name of the score.
    """
    first = scores >= scores.max() - 1e-12
    tied = int(first.sum())
    return first / tied, f"{tied} responses share the best {what} score and the mass." if tied > 1 else ""
