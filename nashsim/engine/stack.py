"""Games of one size and tau side by side, and the policies they start from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from ..equilibrium.certificate import average
from ..errors import NashsimError
from ..game import PreferenceGame, read_start
from ..logspace import kl, log_normalise
from ..preferences import DensePreference
from ..rules import Start
from .feedback import Feedback, streams
from .metrics import Metric


class GameStack:
    """Games of the same size and tau as one game whose contexts are all of theirs.

    Parameters
    ----------
    games : sequence of PreferenceGame
    members : list of int
        Indices of those of ``games`` that belong to this stack.

    Attributes
    ----------
    game : PreferenceGame
        The whole stack.
    games : list of PreferenceGame
    members : list of int
    """

    def __init__(self, games: Sequence[PreferenceGame], members: list[int]):
        self.members = members
        self.games = [games[i] for i in members]
        self._edges = np.cumsum([0] + [g.contexts for g in self.games])
        self.game = self.games[0]
        if len(self.games) > 1:
            skew = np.concatenate([g.preference.dense() for g in self.games])
            log_reference = np.concatenate([g.log_reference for g in self.games])
            shared = {"tau": self.game.tau, "regulariser": self.game.regulariser}
            self.game = PreferenceGame(DensePreference(skew), log_reference=log_reference, **shared)

    def parts(self):
        """Yield (index in the caller's list, game, slice of its contexts)."""
        for i, (member, game) in enumerate(zip(self.members, self.games, strict=True)):
            yield member, game, slice(self._edges[i], self._edges[i + 1])

    def combine(self, metric: Metric, values: np.ndarray) -> np.ndarray:
        """Return one number a game, shape (..., games), from one a context, shape (..., contexts)."""
        if len(self.games) == 1:
            return metric.combine(values, self.game.weights)[..., None]
        found = np.empty((*values.shape[:-1], len(self.games)))
        for alike, contexts, weights in self._alike:
            found[..., alike] = metric.combine(values[..., contexts], weights)
        return found

    @cached_property
    def _alike(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Games of as many contexts: their places, those of their contexts and the weights of these."""
        sizes = np.diff(self._edges)
        found = []
        for size in np.unique(sizes):
            alike = np.flatnonzero(sizes == size)
            contexts = self._edges[alike, None] + np.arange(size)
            found.append((alike, contexts, np.stack([self.games[i].weights for i in alike])))
        return found

    def streams(self, seeds: Sequence[int], feedback: Feedback) -> np.ndarray:
        """Return the random streams of noisy feedback, shape (seeds, contexts); exact feedback draws nothing."""
        if feedback.kind == "exact":
            return np.zeros((len(seeds), self.game.contexts), dtype=np.uint64)
        return streams(seeds, [context for game in self.games for context in range(game.contexts)])

    def starts(self, start, seeds: Sequence[int]) -> np.ndarray:
        """Return log pi_0, shape (seeds, contexts, actions); see ``first_policy``."""
        return np.stack(
            [np.concatenate([first_policy(g, start, seed) for g in self.games]) for seed in seeds]
        )


def stack_games(games: Sequence[PreferenceGame]) -> list[GameStack]:
    """Return the games grouped by number of actions, tau and regulariser; games of many actions stay alone."""
    groups: dict[tuple, list[int]] = {}
    for i, game in enumerate(games):
        alone = i if game.actions > 256 else None  # a stack would copy the matrices
        groups.setdefault((game.actions, game.tau, game.regulariser, alone), []).append(i)
    return [GameStack(games, members) for members in groups.values()]


def first_policy(game: PreferenceGame, start, seed: int) -> np.ndarray:
    """Return log pi_0 on the reference's support.

    Parameters
    ----------
    game : PreferenceGame
    start : "reference", "uniform", "random" or array_like
        "random" draws N(0, 1) logits; an array holds probabilities or
        log-probabilities, shape (actions,) or (contexts, actions).
    seed : int
        Seed of the random start, whatever other games run beside this one.

    Returns
    -------
    ndarray, shape (contexts, actions)
    """
    shape = game.log_reference.shape
    if not isinstance(start, str):
        log_start = read_start(start, game)
        if not np.array_equal(log_start > -np.inf, game.support):
            raise NashsimError("start: the first policy must have mass exactly where the reference has")
        return log_start
    if start == "reference":
        return game.log_reference
    if start == "uniform":
        logits = np.zeros(shape)
    elif start == "random":
        logits = np.random.default_rng(np.random.SeedSequence(seed)).normal(size=shape)
    else:
        raise NashsimError(
            f"start: 'reference', 'uniform', 'random' or probabilities are needed, found {start!r}"
        )
    return log_normalise(np.where(game.support, logits, -np.inf))


def start_facts(game: PreferenceGame, log_start: np.ndarray, log_equilibrium: np.ndarray) -> Start:
    """Return what a bound may know of a first policy: KL(pi* || pi_0), max|log pi_0/mu|, max_y -log pi_0(y).

    KL and the last are averaged by the weights of the contexts; one of weight 0 takes no part.

    Parameters
    ----------
    game : PreferenceGame
    log_start, log_equilibrium : ndarray, shape (contexts, actions)
    """
    there = game.support & (game.weights > 0)[:, None]
    ratio = np.abs(log_start[there] - game.log_reference[there]).max()
    return Start(
        kl=average(game, kl(log_equilibrium, log_start)),
        log_ratio=float(ratio),
        diameter=average(game, -log_start.min(axis=1)),
    )
