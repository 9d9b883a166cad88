"""The records of a run in the making."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..game import PreferenceGame
from ..rules import Rule
from .metrics import Exact, Metric, Snapshot
from .record import Run, describe
from .stack import GameStack


def is_finite(game: PreferenceGame, log_policy: np.ndarray) -> bool:
    """Whether a run's policy did not overflow; a regulariser that drops responses makes some of them 0."""
    inside = log_policy[game.support]
    if game.regulariser.floor > -np.inf:
        return bool(np.isfinite(inside[inside > -np.inf]).all())
    return bool(np.isfinite(inside).all())


class Tape:
    """The records of a stack of games as they are made, cut into runs at the end.

    Parameters
    ----------
    stack : GameStack
    metrics : tuple of Metric
    exact : Exact
        The answers that policies are measured against.
    keep : bool
        Keep the policies of every record.
    sink : callable or None
        Called as ``sink(number, rows)`` with every record, also with restored ones; rows are
        (game's name, index of the seed, metric's name, value).
    """

    def __init__(
        self,
        stack: GameStack,
        metrics: tuple[Metric, ...],
        exact: Exact,
        keep: bool,
        sink: Callable | None = None,
    ):
        self._stack, self._metrics, self._exact, self._keep = stack, metrics, exact, keep
        self._sink = sink
        self._rows: list[np.ndarray] = []  # each (seeds, metrics, contexts)
        self._policies: list[np.ndarray] = []

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the recorded metrics."""
        return tuple(metric.name for metric in self._metrics)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the records so far, for a checkpoint."""
        return {"rows": np.array(self._rows), "kept": np.array(self._policies)}

    def restore(self, saved: dict[str, np.ndarray], log_policies: np.ndarray, averages: np.ndarray) -> None:
        """Go back to the records of a checkpoint and the state that belongs to the last of them."""
        self._rows, self._policies = list(saved["rows"]), list(saved["kept"])
        self._last = log_policies, averages
        for number in range(len(self)):
            self._pass_on(number)

    def write(self, log_policies: np.ndarray, averages: np.ndarray) -> None:
        """Record a state: log-policies and average iterates, each of shape (seeds, contexts, actions)."""
        with np.errstate(divide="ignore"):
            log_averages = np.log(averages)
        snapshots = [
            Snapshot(self._stack.game, log_policy, log_average, self._exact)
            for log_policy, log_average in zip(log_policies, log_averages, strict=True)
        ]
        self._rows.append(np.array([[metric.compute(at) for metric in self._metrics] for at in snapshots]))
        if self._keep:
            self._policies.append(log_policies)
        self._last = log_policies, averages
        self._pass_on(len(self) - 1)

    def _pass_on(self, number: int) -> None:
        if self._sink:
            self._sink(number, self._combined(self._rows[number]))

    def _combined(self, row: np.ndarray):
        values = [self._stack.combine(metric, row[:, m]) for m, metric in enumerate(self._metrics)]
        for i, game in enumerate(self._stack.games):
            for s in range(len(row)):
                for m, metric in enumerate(self._metrics):
                    yield game.name, s, metric.name, values[m][s, i]

    def runs(self, rule: Rule, grid: np.ndarray, seeds: Sequence[int], starts: np.ndarray):
        """Yield (index of the game, index of the seed, Run); starts of shape (seeds, contexts, actions)."""
        rows = np.array(self._rows)
        values = [  # each (games, seeds, records)
            np.ascontiguousarray(self._stack.combine(metric, rows[:, :, m]).T)
            for m, metric in enumerate(self._metrics)
        ]
        queries = grid * rule.queries_per_step
        log_policies, averages = self._last
        solved = any(metric.needs == "equilibrium" for metric in self._metrics)
        for i, (member, game, part) in enumerate(self._stack.parts()):
            for s, seed in enumerate(seeds):
                metrics = {metric.name: values[m][i, s] for m, metric in enumerate(self._metrics)}
                finite = is_finite(game, log_policies[s, part])
                yield (
                    member,
                    s,
                    Run(
                        game=game,
                        rule=rule,
                        seed=int(seed),
                        step=grid,
                        queries=queries,
                        metrics=metrics,
                        log_policy=log_policies[s, part],
                        average_policy=averages[s, part],
                        log_equilibrium=self._exact.log_equilibrium[part] if solved else None,
                        status=describe(rule, game.tau, int(queries[-1]), metrics.get(rule.target), finite),
                        log_policies=np.array([p[s, part] for p in self._policies]) if self._keep else None,
                        log_start=starts[s, part],
                    ),
                )
