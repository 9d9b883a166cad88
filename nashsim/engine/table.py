"""A rule as numbers: the table that the compiled engine interprets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..rules import GradientStep, RankingStep, Rule
from .codes import ARITHMETIC, GEOMETRIC, GRADIENT, MIRROR, MIX, PAIR_GRADIENT, RANKING

#: Longest stretch of a schedule held as a table.
SEGMENT = 1 << 15


@dataclass(frozen=True)
class StepTable:
    """The steps of iterations t0..t1 as arrays over (iterations, stages, slots).

    Attributes
    ----------
    base, opponent : ndarray, shape (iterations, stages, slots)
        Weights of the two geometric mixtures.
    eta : ndarray, shape (iterations, stages)
        Forward steps.
    into : ndarray of int, shape (stages,)
        The slot that each stage writes.
    query : ndarray of int, shape (stages,)
        What each stage asks: ``MIX`` for nothing, the ``GEOMETRIC`` or the ``ARITHMETIC`` mixture.
    played : int
        The slot whose mean over iterations, taken before the last query, is the average iterate.
    kind : ndarray of int, shape (stages,)
        What each stage is: ``MIRROR``, ``GRADIENT``, ``PAIR_GRADIENT`` or ``RANKING``.
    at : ndarray of int, shape (stages,)
        The slot whose logits a gradient step moves; 0 elsewhere.
    score : ndarray, shape (iterations, stages, slots)
        Weights of the log-policies in what a gradient step climbs; 0 elsewhere.
    ranking : ndarray, shape (stages, 3)
        Margin, ridge and responses of a ranking step; 0 elsewhere.
    """

    base: np.ndarray
    opponent: np.ndarray
    eta: np.ndarray
    into: np.ndarray
    query: np.ndarray
    played: int
    kind: np.ndarray
    at: np.ndarray
    score: np.ndarray
    ranking: np.ndarray

    @property
    def others(self) -> tuple[np.ndarray, ...] | None:
        """Kind, ``at``, score and ranking as the kernel takes them; ``None`` where there are mirror steps only."""
        return (self.kind, self.at, self.score, self.ranking) if self.kind.any() else None


def tabulate(rule: Rule, tau: float, t0: int, t1: int) -> StepTable:
    """Return the table of iterations ``t0 <= t < t1``.

    A stationary rule is evaluated once and broadcast without copying.
    """
    names = list(rule.init)
    iterations = t1 - t0
    steps = rule.steps(tau, t0 if rule.stationary else np.arange(t0, t1))
    rows = 1 if rule.stationary else iterations

    def weights(mixtures) -> np.ndarray:
        array = np.zeros((rows, len(steps), len(names)))
        for stage, mixture in enumerate(mixtures):
            for name, weight in mixture.items():
                array[:, stage, names.index(name)] = weight
        return at_every_iteration(array)

    def at_every_iteration(array: np.ndarray) -> np.ndarray:
        return array if rows == iterations else np.broadcast_to(array, (iterations, *array.shape[1:]))

    eta = np.empty((rows, len(steps)))
    for stage, step in enumerate(steps):
        eta[:, stage] = step.eta
    return StepTable(
        base=weights([step.base for step in steps]),
        opponent=weights([step.opponent for step in steps]),
        eta=at_every_iteration(eta),
        into=np.array([names.index(step.into) for step in steps]),
        query=np.array([_query(step) for step in steps]),
        played=names.index(rule.played),
        kind=np.array([_kind(step) for step in steps]),
        at=np.array([names.index(s.at) if isinstance(s, GradientStep) else 0 for s in steps]),
        score=weights([getattr(step, "score", {}) for step in steps]),
        ranking=np.array([_ranking(step) for step in steps], dtype=float),
    )


def mirror_steps_only(rule: Rule) -> bool:
    """Whether every stage of a rule is a plain mirror step."""
    return not any(_kind(step) for step in rule.steps(1.0, 0))


def _query(step) -> int:
    if not step.opponent:
        return MIX
    return ARITHMETIC if step.arithmetic else GEOMETRIC


def _kind(step) -> int:
    if isinstance(step, GradientStep):
        return PAIR_GRADIENT if step.pairwise else GRADIENT
    return RANKING if isinstance(step, RankingStep) else MIRROR


def _ranking(step) -> tuple[float, float, int]:
    return (step.margin, step.ridge, step.responses) if isinstance(step, RankingStep) else (0, 0, 0)
