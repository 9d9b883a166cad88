"""Runs rules on games: one game, or many games, rules and seeds at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..errors import NashsimError, unknown_name
from ..game import PreferenceGame
from ..rules import Rule, get_rule
from .checkpoint import INTERVAL, Checkpoint, fingerprint, identity
from .drive import PATHS, choose_drive
from .feedback import Feedback
from .metrics import Exact, get_metrics
from .record import Run, record_steps
from .record_file import RecordFile
from .stack import stack_games
from .tape import Tape
from .work import step_cost, stretch


def run(
    game: PreferenceGame,
    rule: str | Rule,
    *,
    seed: int = 0,
    queries: int = 10_000,
    start: Any = "reference",
    record: str | int | Iterable[int] = "log",
    metrics: Sequence[str] | None = None,
    keep_policies: bool = False,
    feedback: Feedback | None = None,
    path: str = "compiled",
    jobs: int = 1,
    checkpoint: str | Path | None = None,
    interval: float = INTERVAL,
    records: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Run a rule on a known game and record how far it is from the exact equilibrium.

    Parameters
    ----------
    game : PreferenceGame
        Game with tau set.
    rule : str or Rule
        A name (with its theorem's default step) or a rule with its own step.
    seed : int
        Seed of the random start and of the noise.
    queries, start, record, metrics, keep_policies, feedback, path, jobs, checkpoint, interval, records, progress
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
    [found] = run_many(
        [game],
        rule,
        queries=queries,
        start=start,
        seeds=[seed],
        record=record,
        metrics=metrics,
        keep_policies=keep_policies,
        feedback=feedback,
        path=path,
        jobs=jobs,
        checkpoint=checkpoint,
        interval=interval,
        records=records,
        progress=progress,
    )
    return found


def run_many(
    games: Sequence[PreferenceGame],
    rules: str | Rule | Sequence[str | Rule],
    *,
    queries: int = 10_000,
    start: Any = "reference",
    seeds: Sequence[int] = (0,),
    record: str | int | Iterable[int] = "log",
    metrics: Sequence[str] | None = None,
    keep_policies: bool = False,
    feedback: Feedback | None = None,
    path: str = "compiled",
    device: str | None = None,
    jobs: int = 1,
    checkpoint: str | Path | None = None,
    interval: float = INTERVAL,
    records: str | Path | None = None,
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
    start : "reference", "uniform", "random", array_like, Series or result
        pi_0; "random" draws N(0, 1) logits from each seed; an array holds
        probabilities or log-probabilities, shape (actions,) or (contexts, actions), aligned by label where it has
        labels.
    seeds : sequence of int
    record : "log", int or iterable of int
        The iterations to record; see ``record_steps``.
    metrics : sequence of str or None
        Names from ``METRICS``; ``None`` records all.
    keep_policies : bool
        Keep the iterate at every record.
    feedback : Feedback or None
        How queries are answered; ``None`` is exactly. Noise is drawn from each seed.
    path : "compiled", "portable" or "numpy"
        The kernels (the vector ones where they compile here and queries are exact), the portable kernel, NumPy.
    device : str or None
        Torch device for thousands of games at once, as ``"cuda"``: mirror steps with exact queries in float64, within
        1e-12 of the kernels. ``None`` is the ``path``.
    jobs : int
        Threads over games and seeds; the result is the same for any number.
    checkpoint : str, Path or None
        Folder in which state and records are kept on disk; a run that was killed and is started again with the
        same arguments goes on from there, to the same bits.
    interval : float
        Seconds between two writes of the checkpoint, also between two records.
    records : str, Path or None
        CSV file that gets every record as soon as it is made: the rows of ``Run.frame()`` in the order of time.
        A resumed run ends with the same bytes.
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
    chosen_rules = [get_rule(r) for r in ([rules] if isinstance(rules, str | Rule) else rules)]
    if path not in PATHS:
        raise unknown_name("path", path, PATHS)
    if jobs < 1:
        raise NashsimError(f"jobs: at least one thread is needed, found {jobs}")
    if checkpoint is not None and path == "numpy":
        raise NashsimError("checkpoint: the NumPy path keeps no state on disk")
    feedback = feedback or Feedback()
    for rule in chosen_rules:
        feedback.require_usable(rule)
    stacks = [(stack, Exact(stack.game)) for stack in stack_games(games)]
    lengths = [iterations(rule, queries) for rule in chosen_rules]
    total = sum(lengths) * len(stacks)
    done, found = 0, {}
    lines = None if records is None else RecordFile(records)
    for r, (rule, length) in enumerate(zip(chosen_rules, lengths, strict=True)):
        grid = record_steps(length, record)
        for stack, exact in stacks:
            if rule.regularised:
                rule.warn_outside(stack.game.require_tau())
            chosen = get_metrics(metrics, rule, stack.game)
            starts = stack.starts(start, seeds)
            driven_by = choose_drive(stack.game, rule, feedback, path, device)
            drive = driven_by(stack.game, rule, starts, feedback, stack.streams(seeds, feedback), jobs)
            sink = lines.sink(rule, grid, seeds) if lines else None
            tape = Tape(stack, chosen, exact, keep_policies, sink)
            store = None
            if checkpoint is not None:
                settings: tuple = (
                    rule,
                    stack.game.tau,
                    feedback,
                    path,
                    tuple(seeds),
                    tape.columns,
                    keep_policies,
                )
                settings += () if stack.game.kl_regularised else (stack.game.regulariser,)
                settings += () if device is None else (str(device),)
                arrays = (*identity(stack.game.preference), stack.game.log_reference, starts, grid)
                file = Path(checkpoint) / f"{r}-{stack.members[0]}.npz"
                store = Checkpoint(file, fingerprint(*settings, *arrays), interval)

            def tell(step: int, before: int = done) -> None:
                if progress:
                    progress(before + step, total)

            most = stretch(step_cost(stack.game, rule, feedback) * len(seeds))
            _play(drive, tape, grid.tolist(), most, store, tell)
            done += length
            for game_index, seed_index, result in tape.runs(rule, grid, seeds, starts):
                found[r, game_index, seed_index] = result
    return [found[key] for key in sorted(found)]


def _play(
    drive, tape: Tape, grid: list[int], most: int, store: Checkpoint | None, tell: Callable[[int], None]
) -> None:
    """Drive from record to record in stretches of at most ``most`` iterations, going on from where the store is."""
    saved = store.load() if store else None
    if saved is None:
        tape.write(*drive.state())
    else:
        drive.restore(saved)
        tape.restore(saved, *drive.state())
    done = 0 if saved is None else int(saved["t"])
    for t0, t1 in pairwise(grid[len(tape) - 1 :]):
        for a in range(max(t0, done), t1, most):
            b = min(a + most, t1)
            drive.advance(a, b)
            if b == t1:
                tape.write(*drive.state())
            if store:
                store.save(lambda: {**drive.arrays(), **tape.arrays()}, force=b == grid[-1])
            tell(b)


def iterations(rule: Rule, queries: int) -> int:
    """Return how many whole iterations a rule does with a budget of queries.

    Raises
    ------
    NashsimError
        For a budget below one iteration.
    """
    if queries < rule.queries_per_step:
        raise NashsimError(
            f"queries: one iteration of {rule.name!r} asks {rule.queries_per_step}, found a budget of {queries}"
        )
    return int(queries) // rule.queries_per_step
