"""Runs rules on games: one game, or many games, rules and seeds at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np

from ..errors import NashsimError, unknown_name
from ..game import PreferenceGame
from ..rules import Rule, get_rule
from .drive import DRIVES
from .feedback import Feedback
from .metrics import Exact, Metric, Snapshot, get_metrics
from .record import Run, describe, record_steps
from .stack import Stack, stack_games


def run(game: PreferenceGame, rule: str | Rule, *, seed: int = 0, **options) -> Run:
    """Run a rule on a known game and record how far it is from the exact equilibrium.

    Parameters
    ----------
    game : PreferenceGame
        With tau set.
    rule : str or Rule
        A name (with its theorem's default step) or a rule with its own step.
    seed : int
        Of the random start.
    **options
        As for ``run_many``.

    Returns
    -------
    Run

    Raises
    ------
    NashsimError
        For an unknown rule, metric, start or path, a game without tau, or a budget below one iteration.

    Examples
    --------
    >>> from nashsim import PreferenceGame
    >>> game = PreferenceGame([[0.5, 0.9], [0.1, 0.5]], tau=0.5)
    >>> bool(run(game, "nash-mp", queries=200).metrics["duality_gap"][-1] < 1e-25)
    True
    """
    return run_many([game], rule, seeds=[seed], **options)[0]


def run_many(
    games: Sequence[PreferenceGame],
    rules: str | Rule | Sequence[str | Rule],
    *,
    queries: int = 10_000,
    start: str | np.ndarray = "reference",
    seeds: Sequence[int] = (0,),
    record: str | int | Iterable[int] = "log",
    metrics: Sequence[str] | None = None,
    keep_policies: bool = False,
    feedback: Feedback | None = None,
    path: str = "compiled",
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Run]:
    """Run every rule on every game from every seed's start; games of one size and tau run side by side.

    Parameters
    ----------
    games : sequence of PreferenceGame
        Each with tau set.
    rules : str, Rule or a sequence of them
    queries : int
        Budget of payoff vectors P(. ≻ opponent); a two-call rule spends two an iteration.
    start : "reference", "uniform", "random" or array_like
        pi_0; "random" draws N(0, 1) logits from each seed; an array holds
        probabilities, shape (actions,) or (contexts, actions).
    seeds : sequence of int
    record : "log", int or iterable of int
        The iterations to record; see ``record_steps``.
    metrics : sequence of str or None
        Names from ``METRICS``; ``None`` records all.
    keep_policies : bool
        Keep the iterate at every record.
    feedback : Feedback or None
        How queries are answered; ``None`` is exactly. Noise is drawn from each seed.
    path : "compiled" or "numpy"
    jobs : int
        Threads over games and seeds; the result is the same for any number.
    progress : callable or None
        Called as ``progress(done, total)`` in iterations.

    Returns
    -------
    list of Run
        Ordered by rule, then game, then seed.

    Raises
    ------
    NashsimError
        As for ``run``.
    """
    rules = [get_rule(r) for r in ([rules] if isinstance(rules, str | Rule) else rules)]
    if path not in DRIVES:
        raise unknown_name("path", path, DRIVES)
    if jobs < 1:
        raise NashsimError(f"jobs: at least one thread is needed, found {jobs}")
    stacks = [(stack, Exact(stack.game)) for stack in stack_games(games)]
    lengths = [_iterations(rule, queries) for rule in rules]
    total = sum(lengths) * len(stacks)
    done, found = 0, {}
    for r, (rule, length) in enumerate(zip(rules, lengths, strict=True)):
        grid = record_steps(length, record)
        for stack, exact in stacks:
            if rule.regularised:
                rule.warn_outside(stack.game.require_tau())
            chosen = get_metrics(metrics, rule, stack.game)
            drive = DRIVES[path](
                stack.game,
                rule,
                stack.starts(start, seeds),
                feedback or Feedback(),
                stack.streams(seeds),
                jobs,
            )
            tape = _Tape(stack, chosen, exact, keep_policies)
            tape.write(*drive.state())
            for t0, t1 in pairwise(grid.tolist()):
                drive.advance(t0, t1)
                tape.write(*drive.state())
                if progress:
                    progress(done + t1, total)
            done += length
            for game_index, seed_index, result in tape.runs(rule, grid, seeds):
                found[r, game_index, seed_index] = result
    return [found[key] for key in sorted(found)]


class _Tape:
    """The records of a stack of games as they are made, cut into runs at the end."""

    def __init__(self, stack: Stack, metrics: tuple[Metric, ...], exact: Exact, keep: bool):
        self._stack, self._metrics, self._exact, self._keep = stack, metrics, exact, keep
        self._rows: list[np.ndarray] = []  # each (seeds, metrics, contexts)
        self._policies: list[np.ndarray] = []

    def write(self, log_policies: np.ndarray, averages: np.ndarray) -> None:
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

    def runs(self, rule: Rule, grid: np.ndarray, seeds: Sequence[int]):
        """Yield (index of the game, index of the seed, Run)."""
        rows = np.array(self._rows)
        queries = grid * rule.queries_per_step
        log_policies, averages = self._last
        solved = any(metric.needs == "equilibrium" for metric in self._metrics)
        for member, game, part in self._stack.parts():
            for s, seed in enumerate(seeds):
                metrics = {
                    metric.name: metric.combine(rows[:, s, m, part], game.weights)
                    for m, metric in enumerate(self._metrics)
                }
                finite = bool(np.isfinite(log_policies[s, part][game.support]).all())
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
                    ),
                )


def _iterations(rule: Rule, queries: int) -> int:
    if queries < rule.queries_per_step:
        raise NashsimError(
            f"queries: one iteration of {rule.name!r} asks {rule.queries_per_step}, found a budget of {queries}"
        )
    return int(queries) // rule.queries_per_step
