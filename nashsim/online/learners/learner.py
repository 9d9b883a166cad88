"""What a learner is: a policy that is moved by the outcomes of duels."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from ...errors import NashsimError
from ...game import PreferenceGame
from ..arena import Arena, Book

#: The state that belongs to a learner, by name; every array begins with the axis of seeds.
State = dict[str, np.ndarray]


@dataclass(frozen=True)
class Learner(abc.ABC):
    """An online algorithm; subclasses are small frozen dataclasses of parameters.

    A learner plays the policies of a ``Book`` and moves them from observed duels. One iteration buys
    ``labels`` duels and is charged as many rounds of the policy that was played in it.
    """

    #: Name in lower case with hyphens.
    name: ClassVar[str]
    #: One iteration in mathematics.
    update: ClassVar[str]
    source: ClassVar[str]
    #: ``paper``, ``code``, ``derived`` or ``recalled``, as far as the equations were verified.
    tag: ClassVar[str]
    #: Duels of one iteration.
    labels: ClassVar[int] = 1
    #: Whether it plays games of any regulariser, by ``advance_links``; the others take the steps of KL.
    any_regulariser: ClassVar[bool] = False
    #: Whether it sees response times, by ``advance_timed``; the others see choices alone.
    timed: ClassVar[bool] = False
    #: Parameters that must be > 0 where they are given, and those with a choice of values.
    positive: ClassVar[tuple[str, ...]] = ()
    choices: ClassVar[dict[str, tuple]] = {}

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if "float" in str(field.type) and value is not None and not _is_number(value):
                raise NashsimError(
                    f"{field.name}: the learner {self.name!r} needs a finite number >= 0, found {value!r}"
                )
            if field.name in self.positive and value is not None and not value > 0:
                raise NashsimError(f"{field.name}: a number > 0 is needed, found {value!r}")
            if value not in self.choices.get(field.name, (value,)):
                listed = ", ".join(map(str, self.choices[field.name]))
                raise NashsimError(f"{field.name}: one of {listed} is needed, found {value!r}")

    def check(self, game: PreferenceGame) -> None:
        """Raise NashsimError, naming the reason, where the learner cannot play a game."""
        if not self.any_regulariser:
            game.require_kl(
                f"the learner {self.name!r} is written for KL; inpo-online, nash-md-online, minimax-reference,"
                " minimax-self and minimax-adversary take any regulariser"
            )

    @abc.abstractmethod
    def state(self, arena: Arena, seeds: int) -> State:
        """Return the learner's own arrays before the first iteration."""

    @abc.abstractmethod
    def advance(
        self, arena: Arena, book: Book, state: State, t0: int, t1: int, first: int, last: int
    ) -> None:
        """Do the iterations ``t0 <= t < t1`` of the seeds ``first <= s < last``, in place."""

    def advance_links(self, arguments: tuple, state: State, t0: int, t1: int, first: int, last: int) -> None:
        """Do the same under another regulariser than KL, from ``links.link_arguments``; for those that can."""
        raise NotImplementedError(f"{self.name} has any_regulariser False")

    def people(self, game: PreferenceGame) -> tuple[np.ndarray, np.ndarray]:
        """Return drifts and shares of a game's people, as ``response_times.drifts`` does; for those that are timed."""
        raise NotImplementedError(f"{self.name} has timed False")

    def advance_timed(
        self, people: tuple, arena: Arena, book: Book, state: State, t0: int, t1: int, first: int, last: int
    ) -> None:
        """Do the same on choices with their times; ``people`` are drifts, shares and the probability of a flip."""
        raise NotImplementedError(f"{self.name} has timed False")


def _is_number(value) -> bool:
    number = isinstance(value, int | float | np.integer | np.floating)
    return number and math.isfinite(value) and bool(value >= 0)
