"""The commands of ``python -m llm_bridge``."""

from __future__ import annotations

from typing import Annotated

import typer

from nashsim.errors import NashsimError

from .preference_command import preference_model

app = typer.Typer(
    name="llm_bridge",
    help="Language models trained to Nash, held against the exact equilibrium.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def _commands() -> None:
    pass  # keeps `demo` a command of its own while it is the only one


@app.command()
def demo(
    rule: Annotated[str, typer.Option(help="A rule of `nashsim rules`.")] = "nash-md",
    queries: Annotated[int, typer.Option(help="Payoff vectors P(. ≻ opponent) to spend.")] = 20,
    tau: Annotated[float, typer.Option(help="KL regularisation.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Of the model's weights.")] = 0,
) -> None:
    """Train a two-layer transformer to the Nash of a cycle of styles, every response enumerated."""
    import torch

    from .tasks import EnumerableTask
    from .trainer import train

    torch.set_num_threads(1)  # the model is too small to share
    task = EnumerableTask(tau=tau, seed=seed)
    typer.echo(
        f"{len(task.enumeration)} responses to each of {len(task.prompts)} prompts, all enumerated; rule {rule}"
    )
    done = train(task, rule, queries=queries)
    for row in done.records:
        typer.echo(f"queries {row['queries']:4d}   exact duality gap {row['duality_gap']:.6f}")
    masses = {name: done.records[-1][f"mass {name}"] for name in task.names}
    first = {name: done.records[0][f"mass {name}"] for name in task.names}
    exact = done.equilibrium_masses
    typer.echo(f"\n{'class':12s}{'reference':>12s}{'trained':>12s}{'equilibrium':>13s}")
    for name, star in zip(task.names, exact, strict=True):
        typer.echo(f"{name:12s}{first[name]:12.4f}{masses[name]:12.4f}{star:13.4f}")
    before, after = done.records[0]["duality_gap"], done.records[-1]["duality_gap"]
    typer.echo(f"{'exact gap':12s}{before:12.4f}{after:12.4f}{0:13.4f}")


app.command("preference-model")(preference_model)


def main() -> None:
    """Run the command line; exit status 2 with one line on stderr for bad input."""
    try:
        app(prog_name="llm_bridge")
    except NashsimError as error:
        typer.echo(f"llm_bridge: {error}", err=True)
        raise SystemExit(2) from None
