"""``train``, ``compare`` and ``evaluate`` on the command line: parse, call, print."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from nashsim.errors import NashsimError
from nashsim.progress import progress_bar

from .threads import Threads, check_threads, using_threads


def _complete_recipe(incomplete: str) -> list[str]:
    from ..recipes import recipes

    return [name for name in recipes() if name.startswith(incomplete)]


def train_command(
    context: typer.Context,
    config: Annotated[
        str,
        typer.Argument(
            help="A YAML file, or a recipe of `llm-bridge recipes`.", autocompletion=_complete_recipe
        ),
    ],
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint, to the same bits.")] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            help="Try it all on a small model of the same architecture, and say what that leaves out."
        ),
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the last record as JSON.")] = False,
    quiet: Annotated[bool, typer.Option(help="Show no progress bar.")] = False,
    threads: Threads = None,
) -> None:
    """Fine-tune a language model by a configuration; any key can be set by --section.key value.

    Examples: llm-bridge train enumerable-inpo --output.folder runs/inpo;
    llm-bridge train mine.yaml --algorithm.tau 0.05 --training.lr 1e-6;
    llm-bridge train mine.yaml --resume;  llm-bridge train llama3-8b-inpo --dry-run
    """
    from ..runs.configuration.config import load_config, located

    settings = located(load_config(config, context.args))
    check_threads(threads)
    if dry_run:
        _dry(settings, resume, quiet)
        return
    from ..parallel.processes import Processes
    from ..runs.train_run import train_run

    main, run = Processes.current().main, Path(settings.output.folder) if resume else None
    with (
        using_threads(threads, run) as told,
        _training_bar(settings.training.iterations, main and not quiet) as tell,
    ):
        folder, trainer, _ = train_run(settings, resume=resume, progress=tell, say=_after(told))
    if not main:
        return
    last = trainer.records[-1]
    if json_:
        typer.echo(json.dumps(last))
        return
    for name, value in last.items():
        typer.echo(f"{name:28s}{value:.6g}")
    if trainer.algorithm.departure:
        typer.echo(f"{'departure from the rule':28s}{trainer.algorithm.departure}")
    typer.echo(f"{'records':28s}{folder.path / 'metrics.csv'}")
    typer.echo(f"{'model':28s}{folder.path / 'final'}")


def _after(first: str) -> Callable[[str], None]:
    """Return what says lines to a terminal, the given one before them: of a run that fails at once neither is said."""
    lines = [first]

    def say(line: str) -> None:
        lines.append(line)
        while lines:
            typer.echo(lines.pop(0), err=True)

    return say


def _dry(settings, resume: bool, quiet: bool) -> None:
    """Try a configuration on what is small, and print what holds."""
    from ..runs.dry_run import dry_run

    def say(line: str) -> None:
        typer.echo(f"dry run: {line}")

    with _training_bar(min(settings.training.iterations, 2), not quiet) as tell:
        held = dry_run(settings, resume=resume, progress=tell, say=say)
    say(held)


def recipes(json_: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False) -> None:
    """List the recipes that `llm-bridge train` takes by name, and where a fit departs from its rule."""
    from ..recipes import recipes as named
    from ..runs.configuration.config import load_config

    listed = {name: load_config(name).algorithm.build().departure for name in named()}
    if json_:
        rows = [{"name": name, "departure": departure or None} for name, departure in listed.items()]
        typer.echo(json.dumps(rows))
        return
    for name, departure in listed.items():
        typer.echo(f"{name}  (departure: {departure})" if departure else name)


def evaluate(
    runs: Annotated[
        list[str] | None,
        typer.Argument(help="Folders of runs, of PEPO's ensembles, or of models that from_pretrained loads."),
    ] = None,
    prompts: Annotated[int, typer.Option(help="Largest number of prompts to compare on.")] = 64,
    samples: Annotated[int, typer.Option(help="Answers to each prompt.")] = 4,
    checkpoints: Annotated[bool, typer.Option(help="Every checkpoint of each run is a player too.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the answers.")] = 0,
    out: Annotated[str | None, typer.Option(help="Folder for table, figure and JSON.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Evaluate two tiny runs made for it.")] = False,
    threads: Threads = None,
) -> None:
    """Let runs and their reference answer the same prompts and be judged: win rates, lottery, exploitability.

    Prompts, judge and reference are those of the first run's configuration. An ensemble that says nothing answers by
    the reference; its agreement and how often it is silent are told.

    Examples: llm-bridge evaluate runs/inpo runs/dpo --samples 8 --out comparison;
    llm-bridge evaluate runs/dno --checkpoints
    """
    from ..runs.tournament import run_tournament

    check_threads(threads)
    with _runs(runs, dry_run) as chosen, using_threads(threads) as told:
        found = run_tournament([Path(run) for run in chosen], prompts, samples, seed, checkpoints)
    typer.echo(told, err=True)
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
        list[str] | None, typer.Option(help="Metrics to show; all that the runs share by default.")
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


def demo_real(rule, queries, tau, seed, out, model, threads, quiet: bool, dry_run: bool) -> None:
    """Fine-tune a real model by a recipe, and print what became of it."""
    from nashsim.files import to_json

    from ..runs.configuration.config import load_config
    from ..runs.real_demo import run_demo

    check_threads(threads)
    given = {
        "model.name": model,
        "algorithm.name": rule or "online-ipo",
        "algorithm.tau": tau,
        "training.iterations": 2 if dry_run else queries,
        "training.seed": seed,
        "output.folder": out,
    }
    words = [w for key, value in given.items() if value is not None for w in (f"--{key}", to_json(value))]
    began = time.monotonic()
    config = load_config("smollm2-online-ipo", words)
    sizes = {"prompts": 4, "samples": 1} if dry_run else {}
    folder = Path(out) if Path(out).exists() else None
    with using_threads(threads, folder) as told, _training_bar(config.training.iterations, not quiet) as tell:
        typer.echo(
            f"{model} on {told}: {config.training.iterations} iterations of {config.training.prompts} prompts by"
            f" {config.algorithm.name}, judged by {config.judge.title}"
        )
        found = run_demo(words, progress=tell, say=partial(typer.echo, err=True), **sizes)
    typer.echo(found.text())
    typer.echo(f"{(time.monotonic() - began) / 60:.1f} minutes; written to {found.folder}:")
    for name in ("comparison/before-after.png", "comparison/responses.jsonl", "metrics.csv", "final"):
        typer.echo(f"  {name}")
    typer.echo(
        "your own judge and prompts: extends: smollm2-online-ipo in a YAML file, then llm-bridge train"
    )


@contextmanager
def _runs(given: list[str] | None, dry_run: bool):
    """Yield the folders of a command; for a dry run two tiny ones, removed afterwards."""
    if not dry_run:
        if not given:
            raise NashsimError("runs: the folder of at least one run is needed (or --dry-run)")
        yield given
        return
    import tempfile

    from ..runs.configuration.config import load_config
    from ..runs.dry_run import shortened
    from ..runs.train_run import train_run

    with tempfile.TemporaryDirectory() as out:
        folders = []
        for name in ("inpo", "dpo"):
            small = shortened(load_config(f"enumerable-{name}"))
            folders.append(f"{out}/{name}")
            train_run(replace(small, output=replace(small.output, folder=folders[-1])))
        yield folders


@contextmanager
def _training_bar(iterations: int, visible: bool):
    """Yield what a training tells after every step: the bar shows tokens a second and the newest headline."""
    began, tokens = time.monotonic(), 0

    def update(trainer, made) -> None:
        nonlocal tokens
        if trainer.batch is not None:
            tokens += int(trainer.batch.responses.response_mask.sum())
        stages = len(trainer.algorithm.rule.steps(trainer.tau, trainer.iteration))
        fit = 1 if trainer.algorithm.every_step else trainer.settings.fit_steps
        last = trainer.records[-1] if trainer.records else {}
        headline = next((f"  {k} {last[k]:.4g}" for k in ("duality_gap", "win_rate") if k in last), "")
        done = trainer.iteration + (trainer.stage + min(trainer.done / fit, 1)) / stages
        tell(done, iterations, f"{tokens / max(time.monotonic() - began, 1e-9):,.0f} tokens/s{headline}")

    with progress_bar("training", visible) as tell:
        yield update
