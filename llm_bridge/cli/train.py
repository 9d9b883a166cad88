"""``train``, ``compare`` and ``evaluate`` on the command line: parse, call, print."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from nashsim.errors import NashsimError


def train(
    context: typer.Context,
    config: Annotated[str, typer.Argument(help="A YAML file, or a recipe of `llm-bridge recipes`.")],
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint, to the same bits.")] = False,
    dry_run: Annotated[
        bool, typer.Option(help="Check everything on a tiny random model in under a minute, without network.")
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the last record as JSON.")] = False,
    quiet: Annotated[bool, typer.Option(help="No progress.")] = False,
) -> None:
    """Fine-tune a language model by a configuration; any key can be set by --section.key value.

    Examples: llm-bridge train enumerable-inpo --output.folder runs/inpo;
    llm-bridge train mine.yaml --algorithm.tau 0.05 --training.lr 1e-6;
    llm-bridge train mine.yaml --resume;  llm-bridge train llama3-8b-inpo --dry-run
    """
    from ..runs.config import load_config

    settings = load_config(config, context.args)
    if dry_run:
        _dry(settings, quiet)
        return
    from ..parallel.processes import Processes
    from ..runs.train_run import train_run

    main = Processes.current().main
    with _bar(settings.training.iterations, quiet or not main) as shown:
        folder, trainer, _ = train_run(settings, resume=resume, progress=shown)
    if not main:
        return
    last = trainer.records[-1]
    if json_:
        typer.echo(json.dumps(last))
        return
    for name, value in last.items():
        typer.echo(f"{name:28s}{value:.6g}")
    typer.echo(f"{'records':28s}{folder.path / 'metrics.csv'}")
    typer.echo(f"{'model':28s}{folder.path / 'final'}")


def _dry(settings, quiet: bool) -> None:
    """Run the whole configuration on a tiny model in a folder that is thrown away."""
    import tempfile

    from ..runs.dry_run import shrunk
    from ..runs.train_run import train_run

    with tempfile.TemporaryDirectory() as out:
        small, stood_in = shrunk(settings, out)
        small = replace(small, output=replace(small.output, folder=f"{out}/run", trackers=()))
        with _bar(small.training.iterations, quiet) as shown:
            folder, trainer, _ = train_run(small, progress=shown)
            kept = folder.checkpoints.steps()
    for line in stood_in:
        typer.echo(f"dry run: {line}")
    typer.echo(
        f"dry run: {trainer.algorithm.name} sampled, judged, fitted, recorded {len(trainer.records)} times and"
        f" saved {len(kept)} checkpoints; the configuration holds"
    )


def recipes() -> None:
    """List the recipes that `llm-bridge train` takes by name."""
    from ..runs.config import recipes as named

    for name in named():
        typer.echo(name)


def evaluate(
    runs: Annotated[
        list[str] | None, typer.Argument(help="Folders of runs, or of models that from_pretrained loads.")
    ] = None,
    prompts: Annotated[int, typer.Option(help="Prompts to compare on, at most.")] = 64,
    samples: Annotated[int, typer.Option(help="Answers to each prompt.")] = 4,
    checkpoints: Annotated[bool, typer.Option(help="Every checkpoint of each run is a player too.")] = False,
    seed: Annotated[int, typer.Option(help="Of the answers.")] = 0,
    out: Annotated[str | None, typer.Option(help="Folder for table, figure and JSON.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Evaluate two tiny runs made for it.")] = False,
) -> None:
    """Let runs and their reference answer the same prompts and be judged: win rates, lottery, exploitability.

    The first run's configuration says which prompts, which judge and which reference.

    Examples: llm-bridge evaluate runs/inpo runs/dpo --samples 8 --out comparison;
    llm-bridge evaluate runs/dno --checkpoints
    """
    from ..runs.tournament import play

    with _runs(runs, dry_run) as chosen:
        found = play([Path(run) for run in chosen], prompts, samples, seed, checkpoints)
    if out is not None:
        found.save(out)
    if json_:
        typer.echo(json.dumps(found.to_dict()))
        return
    typer.echo(found.text())
    if out is not None:
        typer.echo(f"written to {out}")


def compare(
    runs: Annotated[list[str] | None, typer.Argument(help="Folders of runs.")] = None,
    metric: Annotated[
        list[str] | None, typer.Option(help="Which metrics; all that the runs share by default.")
    ] = None,
    out: Annotated[str | None, typer.Option(help="CSV for the records of all runs.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the last records as JSON.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare two tiny runs made for it.")] = False,
) -> None:
    """Put the records of runs side by side.

    Examples: llm-bridge compare runs/*;  llm-bridge compare runs/inpo runs/dpo --metric duality_gap --out all.csv
    """
    from nashsim.errors import unknown_name
    from nashsim.files import write_frame

    from ..storage.run_folder import RunFolder, config_of

    last, frames = {}, []
    with _runs(runs, dry_run) as chosen:
        for run in chosen:
            config_of(run)
            folder = RunFolder(run, resume=True)
            records = folder.records()
            if not records:
                raise NashsimError(f"run: {run!r} has no records yet")
            last[run] = records[-1]
            frames.append(folder.frame().assign(run=run))
    shared = [name for name in next(iter(last.values())) if all(name in record for record in last.values())]
    for name in metric or ():
        if name not in shared:
            raise unknown_name("metric", name, shared)
    names = list(metric or [name for name in shared if name not in ("step", "queries")])
    if out is not None:
        import pandas as pd

        write_frame(out, pd.concat(frames, ignore_index=True))
    if json_:
        kept = ("step", "queries", *names)
        typer.echo(json.dumps({run: {k: record[k] for k in kept} for run, record in last.items()}))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("last record", *(Path(run).name or run for run in last))
    for name in ("step", "queries", *names):
        table.add_row(name, *(f"{record[name]:.5g}" for record in last.values()))
    Console(width=None if sys.stdout.isatty() else max(80, 30 + 16 * len(last))).print(table)


@contextmanager
def _runs(given: list[str] | None, dry_run: bool):
    """The folders that a command is about; for a dry run two tiny ones, thrown away afterwards."""
    if not dry_run:
        if not given:
            raise NashsimError("runs: the folder of at least one run is needed (or --dry-run)")
        yield given
        return
    import tempfile

    from ..runs.config import load_config
    from ..runs.dry_run import shrunk
    from ..runs.train_run import train_run

    with tempfile.TemporaryDirectory() as out:
        folders = []
        for name in ("inpo", "dpo"):
            small, _ = shrunk(load_config(f"enumerable-{name}"), out)
            folders.append(f"{out}/{name}")
            train_run(replace(small, output=replace(small.output, folder=folders[-1])))
        yield folders


def _bar(iterations: int, quiet: bool):
    """A progress bar on stderr: iterations, tokens a second, ETA and the newest headline."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    @contextmanager
    def shown():
        if quiet:
            yield None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        bar, rate = Progress(*columns, console=Console(stderr=True)), Rate()
        task = bar.add_task("training", total=iterations)

        def update(trainer, made) -> None:
            bar.start()  # only now: what is wrong with a configuration is said without a bar
            stages = len(trainer.algorithm.rule.steps(trainer.tau, trainer.iteration))
            fit = 1 if trainer.algorithm.every_step else trainer.settings.fit_steps
            part = (trainer.stage + min(trainer.done / fit, 1)) / stages
            headline = ""
            if trainer.records:
                key = next((k for k in ("duality_gap", "win_rate") if k in trainer.records[-1]), None)
                headline = f"  {key} {trainer.records[-1][key]:.4g}" if key else ""
            speed = rate(trainer)
            bar.update(task, completed=trainer.iteration + part, description=f"{speed}{headline}")

        try:
            yield update
        finally:
            if bar.live.is_started:
                bar.stop()

    return shown()


class Rate:
    """Response tokens a second that were scored or trained on, since the start of this process."""

    def __init__(self):
        import time

        self._clock, self._began, self._tokens = time.monotonic, time.monotonic(), 0

    def __call__(self, trainer) -> str:
        """Return the rate as text."""
        if trainer.batch is not None:
            self._tokens += int(trainer.batch.responses.response_mask.sum())
        taken = max(self._clock() - self._began, 1e-9)
        return f"{self._tokens / taken:,.0f} tokens/s"
