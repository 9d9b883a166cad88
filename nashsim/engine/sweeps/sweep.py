"""Many games, rules, taus, steps and seeds as one call, on as many workers as there are, to the same bits."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from ...errors import WorkersLost
from ...game import PreferenceGame
from ...rules import Rule
from ..checkpoint import INTERVAL
from ..feedback import Feedback
from ..metrics import get_metrics
from ..record import record_steps
from ..run import iterations
from ..stack import first_policy
from .backends import check_backend, parallel
from .folder import SweepFolder
from .units import Unit, cut_units, run_unit


def sweep(
    games: PreferenceGame | Sequence[PreferenceGame],
    rules: str | Rule | Sequence[str | Rule],
    *,
    taus: Sequence[float] | None = None,
    etas: Sequence[float] | None = None,
    seeds: Sequence[int] = (0,),
    queries: int = 10_000,
    start: str | np.ndarray = "reference",
    record: str | int | Iterable[int] = "log",
    metrics: Sequence[str] | None = None,
    feedback: Feedback | None = None,
    records: bool = False,
    jobs: int | None = None,
    backend: str = "loky",
    scheduler: str | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    interval: float = INTERVAL,
    progress: Callable[[int, int], None] | None = None,
):
    """Run games x rules x taus x etas x seeds and return their metrics as one tidy DataFrame.

    The work is cut into units by its amount alone and every unit runs with BLAS on one thread, so that the
    result has the same bits for any number of workers, threads or processes, on processors of one kind.

    Parameters
    ----------
    games : PreferenceGame or sequence of PreferenceGame
        Each with a name of its own, at least among those of its tau.
    rules : str, Rule or a sequence of them
    taus : sequence of float or None
        Each game is run at each; ``None`` takes every game at its own.
    etas : sequence of float or None
        Constant forward steps for rules given by name; ``None`` is each rule's own step.
    seeds : sequence of int
    queries, start, record, metrics, feedback
        As for ``run_many``.
    records : bool
        Return all records, not only the last of each run.
    jobs : int or None
        Workers, -1 for as many as processors; ``None`` is one here and all of a cluster.
        A dask cluster always gives all of its own.
    backend : "loky", "threads", "dask" or "ray"
        Processes or threads of this machine, or the workers of a cluster that is already there; they need
        nashsim, and ``out`` on a disk they share if half-done units are to be resumed.
    scheduler : str or None
        Address of the cluster; ``None`` takes the client of this process, or else DASK_SCHEDULER_ADDRESS or
        RAY_ADDRESS, or else ray's own cluster of this machine.
    out : str, Path or None
        Folder that gets the configuration and versions (``sweep.json``) and the records of every unit as it
        finishes (``units/``), and at the end ``records.csv`` and ``final.csv``.
    resume : bool
        Go on with the killed sweep in ``out``, which ends with the same bytes; else it starts anew.
    interval : float
        Seconds between two writes of a unit's state.
    progress : callable or None
        Called as ``progress(done, total)`` in runs.

    Returns
    -------
    pandas.DataFrame
        game, tau, rule, eta, seed, step, queries, metric, value; ordered by tau, rule, eta, game, seed. eta is
        NaN where a schedule moves it. Rules that share a name are told apart by their full text.

    Raises
    ------
    NashsimError
        As for ``run``; for two games of one name, a backend that is not installed, a cluster that does not
        answer, or a folder of another sweep; ``WorkersLost`` where all workers are gone.

    Examples
    --------
    >>> from nashsim import games
    >>> frame = sweep(games.get("rps"), ["omd", "egpo"], taus=[0.2, 0.5], queries=100, metrics=["duality_gap"])
    >>> frame[["tau", "rule", "queries", "metric"]]
       tau  rule  queries       metric
    0  0.2   omd      100  duality_gap
    1  0.2  egpo      100  duality_gap
    2  0.5   omd      100  duality_gap
    3  0.5  egpo      100  duality_gap
    """
    import pandas as pd

    games = [games] if isinstance(games, PreferenceGame) else list(games)
    rules = [rules] if isinstance(rules, str | Rule) else list(rules)
    record = record if isinstance(record, str | int) else np.fromiter(record, dtype=np.int64)
    check_backend(backend, jobs, scheduler)
    units = cut_units(games, rules, taus, etas, seeds, queries, feedback)
    options = {
        **{"queries": queries, "start": start, "record": record, "metrics": metrics},
        **{"feedback": feedback, "interval": interval},
    }
    _check_units(units, queries, start, record, metrics)
    folder = None if out is None else SweepFolder(out, units, options, resume)
    total, parts = sum(unit.runs for unit in units), {}

    def keep(unit: Unit, frame) -> None:
        parts[unit.number] = frame if records else last_records(frame)
        if progress:
            progress(sum(units[number].runs for number in parts), total)

    if folder is not None:
        for unit in units:
            found = folder.read(unit)
            if found is not None:
                keep(unit, found)
    if len(parts) < len(units):
        try:
            for number, frame in _finished(units, parts, options, folder, (backend, jobs, scheduler)):
                if folder is not None:
                    folder.write(units[number], frame)
                keep(units[number], frame)
        except WorkersLost as error:
            kept = (
                f"what is done is in {str(out)!r}: go on by resume=True"
                if out
                else "an out=DIR would keep it"
            )
            raise WorkersLost(f"{error}; {kept}") from None
    frame = pd.concat([parts[number] for number in range(len(units))], ignore_index=True)
    if folder is not None:
        folder.join(units, last_records(frame))
    return frame


def last_records(frame):
    """Return the rows of the last step of every run.

    Parameters
    ----------
    frame : pandas.DataFrame
        What ``sweep`` returned.
    """
    run = ["game", "tau", "rule", "eta", "seed"]
    last = frame.groupby(run, dropna=False, sort=False)["step"].transform("max")
    return frame[frame["step"] == last].reset_index(drop=True)


def _finished(units: list[Unit], done, options: dict, folder: SweepFolder | None, where: tuple):
    """Yield (number of the unit, records) in the order in which they finish."""
    from joblib import delayed

    parent = os.getpid() if where[0] == "loky" else None
    work = [
        delayed(run_unit)(unit, options, None if folder is None else folder.state(unit).resolve(), parent)
        for unit in units
        if unit.number not in done
    ]
    with parallel(*where) as run_all:
        yield from run_all(work)


def _check_units(units: list[Unit], queries: int, start, record, metrics) -> None:
    """Find bad arguments before any worker does, and warn of a step outside its condition once."""
    seen = set()
    for unit in units:
        record_steps(iterations(unit.rule, queries), record)
        get_metrics(metrics, unit.rule, unit.games[0])
        for game in unit.games:
            first_policy(game, start, unit.seeds[0])
        if unit.rule.regularised:
            if (unit.rule, unit.tau) not in seen:
                unit.rule.warn_outside(unit.tau)
            seen.add((unit.rule, unit.tau))
