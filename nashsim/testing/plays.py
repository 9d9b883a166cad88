"""Learners under watch: whatever plays ``Duels``, or a Learner of the package, and the regret that it is charged."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from ..errors import NashsimError
from ..game import PreferenceGame
from ..online.arena import TALLY, make_arena
from ..online.duels import DuelLog, Duels
from ..online.learners import LEARNERS, Learner, get_learner
from ..online.play import iteration_grid, play_learner, regularised_gaps


def condorcet_game(tau: float) -> PreferenceGame:
    """Return four actions, the second of which beats every other, at an uneven reference."""
    probabilities = [[0.5, 0.3, 0.7, 0.6], [0.7, 0.5, 0.8, 0.65], [0.3, 0.2, 0.5, 0.4], [0.4, 0.35, 0.6, 0.5]]
    return PreferenceGame(probabilities, [0.4, 0.15, 0.25, 0.2], tau=tau, name="condorcet")


def cycle_game(tau: float) -> PreferenceGame:
    """Return three actions that beat each other in a cycle, at an uneven reference."""
    probabilities = [[0.5, 0.85, 0.25], [0.15, 0.5, 0.9], [0.75, 0.1, 0.5]]
    return PreferenceGame(probabilities, [0.2, 0.3, 0.5], tau=tau, name="cycle")


def weighted_game(tau: float) -> PreferenceGame:
    """Return both cycles of three actions as two contexts, of weights 0.8 and 0.2."""
    one = cycle_game(tau).probabilities[0]
    mu = [[0.2, 0.3, 0.5], [0.5, 0.3, 0.2]]
    return PreferenceGame(np.stack([one, one.T]), mu, tau=tau, weights=[0.8, 0.2], name="weighted contexts")


@dataclass
class Trace:
    """What one play left.

    Attributes
    ----------
    game : PreferenceGame
    rounds : ndarray of int, shape (records,)
    regret : dict of str to ndarray, shape (records,)
        Cumulative regrets by the names of ``TALLY``.
    policies : ndarray, shape (policies, contexts, actions)
        Policies that were played or returned, as probabilities.
    log : DuelLog or None
        The duels, where they can be watched.
    error : str
        What ended the play early, or nothing.
    """

    game: PreferenceGame
    rounds: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    regret: dict[str, np.ndarray] = field(default_factory=dict)
    policies: np.ndarray = field(default_factory=lambda: np.zeros((0, 1, 1)))
    log: DuelLog | None = None
    error: str = ""


class WatchedDuels(Duels):
    """Duels that note which policy every duel was fought for, and show a game whose preferences are all 1/2.

    Parameters
    ----------
    game : PreferenceGame
    seed, budget : int
    """

    def __init__(self, game: PreferenceGame, seed: int, budget: int):
        super().__init__(game, seed, budget=budget)
        self.hidden = game
        self.game = game.replace(preference=np.full_like(game.probabilities, 0.5))
        #: Policies as probabilities, and the duels that each was played for.
        self.played: list[tuple[np.ndarray, int]] = []
        self._arms = np.exp(game.log_reference)

    def round(self, policy, opponent=None, size: int = 1):
        """Fight duels as ``Duels.round`` does, and note the policy."""
        batch = super().round(policy, opponent, size)
        self.played.append((np.exp(self.read_policy(policy)), len(batch.won)))
        return batch

    def duel(self, first, second, contexts=0):
        """Let chosen arms duel as ``Duels.duel`` does, and note either arm with probability 1/2 as the policy."""
        before = len(self._parts)
        won = super().duel(first, second, contexts)
        for batch in self._parts[before:]:
            for c, i, j in zip(batch.contexts, batch.first, batch.second, strict=True):
                self._arms = self._arms.copy()
                self._arms[c] = 0.0
                self._arms[c, i] += 0.5
                self._arms[c, j] += 0.5
                self.played.append((self._arms, 1))
        return won

    def charge(self, policy, since: int) -> None:
        """Note one policy for all duels of the entries from ``since`` on, in place of what they were fought with."""
        size = sum(count for _, count in self.played[since:])
        self.played[since:] = [(np.exp(self.read_policy(policy)), size)] if size else []


class PlayingSubject:
    """A callable that plays ``Duels``.

    Parameters
    ----------
    learner : callable
        ``learner(duels)`` or ``learner(duels, seed)``.
    """

    watched, most_labels = True, 1

    def __init__(self, learner: Callable):
        self.learner, self.name = learner, getattr(learner, "__name__", type(learner).__name__)
        try:
            parameters = list(inspect.signature(learner).parameters.values())
        except (TypeError, ValueError):
            parameters = []
        self._seeded = sum(p.default is p.empty and p.kind < p.VAR_POSITIONAL for p in parameters) > 1 or any(
            p.name == "seed" for p in parameters
        )

    @staticmethod
    def takes(game: PreferenceGame) -> bool:
        """Whether it plays a game: it is asked to play any."""
        return True

    def play(self, game: PreferenceGame, budget: int, seed: int) -> Trace:
        """Return the trace of one play; an error of the learner ends it."""
        duels, trace = WatchedDuels(game, seed, budget), Trace(game)
        last = None
        try:
            found = self.learner(duels, seed) if self._seeded else self.learner(duels)
            if isinstance(found, Iterator):
                since = 0
                for last in found:
                    duels.charge(last, since)
                    since = len(duels.played)
            else:
                last = found
            if last is not None:
                duels.played.append((np.exp(duels.read_policy(last)), 0))
        except Exception as error:
            trace.error = f"{type(error).__name__}: {error}"
        trace.log = duels.log
        if duels.played:
            trace.policies = np.stack([policy for policy, _ in duels.played])
            sizes = np.array([size for _, size in duels.played])
            if sizes.sum():
                self._charge(trace, sizes)
        return trace

    @staticmethod
    def _charge(trace: Trace, sizes: np.ndarray) -> None:
        arena, log = make_arena(trace.game), trace.log
        assert log is not None
        gaps = np.repeat(regularised_gaps(trace.game, arena, trace.policies), sizes)
        gains = np.einsum("cij,pcj->pci", arena.skew, trace.policies).max(axis=-1) @ arena.weights
        arms = [arena.loss[kind, log.contexts] for kind in range(3)]
        each = np.arange(len(log.won))
        costs = [0.5 * (cost[each, log.first] + cost[each, log.second]) for cost in arms]
        trace.rounds = iteration_grid(len(log.won))
        for name, values in zip(TALLY, (gaps, np.repeat(gains, sizes), *costs), strict=True):
            trace.regret[name] = np.cumsum(values)[trace.rounds - 1]


class LearnerSubject:
    """A Learner in the package's own contract.

    Parameters
    ----------
    learner : Learner
    """

    watched = False

    def __init__(self, learner: Learner):
        self.learner, self.name, self.most_labels = learner, learner.name, learner.labels

    def takes(self, game: PreferenceGame) -> bool:
        """Whether the learner plays a game, by its own ``check``."""
        try:
            self.learner.check(game)
        except NashsimError:
            return False
        return True

    def play(self, game: PreferenceGame, budget: int, seed: int) -> Trace:
        """Return the trace of one play; an error of the learner ends it."""
        try:
            play = play_learner(game, self.learner, rounds=budget, seeds=[seed])
        except Exception as error:
            return Trace(game, error=f"{type(error).__name__}: {error}")
        regret = {name: values[0] for name, values in play.values.items()}
        return Trace(game, play.rounds, regret, np.exp(play.log_policy))


def make_player(learner) -> PlayingSubject | LearnerSubject:
    """Return what is watched: a Learner, its class or name, or a callable that plays ``Duels``.

    Parameters
    ----------
    learner : Learner, type, str or callable

    Raises
    ------
    NashsimError
        For anything else.
    """
    if isinstance(learner, str | Learner):
        return LearnerSubject(get_learner(learner))
    if inspect.isclass(learner) and issubclass(learner, Learner):
        return LearnerSubject(learner())
    if not callable(learner):
        known = ", ".join(cls.name for cls in LEARNERS)
        raise NashsimError(
            f"learner: a callable that plays duels, learner(duels) or learner(duels, seed), a Learner or one of {known}"
            f" is needed, found {learner!r}"
        )
    return PlayingSubject(learner)
