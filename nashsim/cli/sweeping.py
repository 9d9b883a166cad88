"""The command ``nashsim sweep``: many games, rules, taus, steps and seeds in one go."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from ..errors import NashsimError
from ..progress import progress_bar
from .names import complete_rule, complete_source, require_rule
from .options import Json, LoaderOptions, Reference, whole_number, with_loader_options
from .output import as_text, print_json, print_table, say
from .source import open_game


@with_loader_options
def sweep(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...", help="Games of `nashsim games`, or files.", autocompletion=complete_source
        ),
    ],
    options: LoaderOptions,
    out: Annotated[str, typer.Option(help="Folder for the records and the configuration.", metavar="DIR")],
    rule: Annotated[
        list[str] | None,
        typer.Option(
            help="A rule of `nashsim rules`; repeat for more.", metavar="NAME", autocompletion=complete_rule
        ),
    ] = None,
    tau: Annotated[
        list[float] | None,
        typer.Option(help="Regularisation > 0; repeat for more; default: 0.1.", metavar="T"),
    ] = None,
    eta: Annotated[
        list[float] | None,
        typer.Option(help="Constant forward step; repeat for more; default: each rule's own.", metavar="E"),
    ] = None,
    reference: Reference = None,
    queries: Annotated[
        int, typer.Option(help="Payoff vectors each run may ask for.", metavar="N", parser=whole_number)
    ] = "10000",
    seeds: Annotated[int, typer.Option(help="Random starts: the seeds 0 to K - 1.", metavar="K", min=1)] = 1,
    start: Annotated[
        Literal["reference", "uniform", "random"] | None,
        typer.Option(help="The first policy; default: random where there are several seeds."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Workers; -1: all; default: 1 here, all of a cluster.", metavar="N")
    ] = None,
    backend: Annotated[
        Literal["loky", "threads", "dask", "ray"],
        typer.Option(help="Processes or threads here, or an existing cluster."),
    ] = "loky",
    scheduler: Annotated[
        str | None,
        typer.Option(help="The cluster; default: DASK_SCHEDULER_ADDRESS, RAY_ADDRESS.", metavar="ADDRESS"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the killed sweep in DIR.")] = False,
    json: Json = False,
) -> None:
    """Run every rule on every game at every tau and step from every seed.

    The files are the same for any number of jobs and any backend.

    Examples: nashsim sweep rps tldr --rule omd --rule egpo --tau 0.1 --tau 0.05 --jobs 2 --out sweep;
    nashsim sweep tldr --seeds 100 --backend dask --scheduler tcp://10.0.0.1:8786 --out sweep --resume
    """
    from ..engine import sweep as sweep_engine

    for name in rule or []:
        require_rule(name)
    games = [game for t in tau or [0.1] for game in _open_games(sources, options, t, reference)]
    with progress_bar("runs", not json) as tell:
        final = sweep_engine(
            games,
            rule or ["nash-mp"],
            etas=eta or None,
            seeds=range(seeds),
            queries=queries,
            start=start or ("random" if seeds > 1 else "reference"),
            jobs=jobs,
            backend=backend,
            scheduler=scheduler,
            out=out,
            resume=resume,
            progress=tell,
        )
    if json:
        return print_json({"out": out, "runs": final.to_dict("records")})
    _print_gaps(final)
    say(f"all records in {out}/records.csv, the last of every run in {out}/final.csv")


def _open_games(sources: list[str], options: LoaderOptions, tau: float, reference: str | None) -> list:
    """Return the games at one tau (some have a reference that goes with it), each under a name of its own."""
    if len(set(sources)) < len(sources):
        twice = next(source for source in sources if sources.count(source) > 1)
        raise NashsimError(f"SOURCE: {twice!r} is there more than once; give each game once")
    found = [open_game(source, options, tau=tau, reference=reference, seed=0) for source in sources]
    names = [game.name for game in found]
    return [
        game if names.count(game.name) == 1 else game.replace(name=source)
        for game, source in zip(found, sources, strict=True)
    ]


def _print_gaps(final) -> None:
    """Print the last duality gaps, over the seeds where there are several."""
    gaps = final[final["metric"] == "duality_gap"]
    group = gaps.groupby(["game", "tau", "rule", "eta"], dropna=False, sort=False)["value"]
    table = group.agg(["count", "median", "max"]).reset_index()
    table["eta"] = ["schedule" if eta != eta else as_text(eta) for eta in table["eta"]]
    columns = ("game", "tau", "rule", "eta", "runs", "median gap", "largest gap")
    rows = [[as_text(cell) for cell in row] for row in table.itertuples(index=False)]
    print_table("Duality gap at the end", columns, rows, numbers=columns[3:])
