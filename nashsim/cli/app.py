"""The commands of ``nashsim``: parse, call, print."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict
from textwrap import indent
from typing import Annotated, Literal

import typer

from ..errors import NashsimError
from ..progress import progress_bar, waiting
from .crowd import crowd
from .exploring import explore
from .names import complete_figure, complete_rule, require_rule
from .offline import offline
from .options import (
    Json,
    LoaderOptions,
    Reference,
    Regulariser,
    Source,
    Tau,
    as_options,
    whole_number,
    with_loader_options,
)
from .output import (
    as_text,
    print_facts,
    print_json,
    print_policy,
    print_rankings,
    print_table,
    say,
    with_interval,
)
from .papers import paper, papers
from .prove import as_proved, certified, prove
from .regret import learners, regret
from .solving import axioms, solutions
from .source import is_catalogue_name, open_data, open_game, open_with_data
from .sweeping import sweep
from .verify import verify

app = typer.Typer(
    name="nashsim",
    help="Exact preference games, and algorithms that are held against them.",
    epilog="SOURCE is a game of `nashsim games` (parameters as in rps:n=5,strength=0.6) or a file of comparisons.",
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        from .. import __version__

        print(f"nashsim {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Exact preference games, and algorithms that are held against them."""


@app.command()
def games(json: Json = False) -> None:
    """List the catalogue of games with their known answers.

    Example: nashsim games
    """
    from ..games import entries

    listed = [entry.describe() for entry in entries()]
    if json:
        return print_json(listed)
    for game in listed:
        parameters = ", ".join(f"{key}={value}" for key, value in game["parameters"].items())
        facts = {"  known": game["known"], "  parameters": parameters, "  source": game["source"]}
        print_facts({game["name"]: game["summary"], **{name: text for name, text in facts.items() if text}})
        print()


@app.command()
def rules(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="One rule; default: all.", autocompletion=complete_rule, show_default=False
        ),
    ] = None,
    json: Json = False,
) -> None:
    """List the rules: update, step size, theorem, source.

    Examples: nashsim rules;  nashsim rules nash-md
    """
    from ..rules import RULES

    chosen = name and require_rule(name)
    proofs = certified()
    listed = [
        {
            "name": rule.name,
            "update": rule.update,
            "condition": rule.condition,
            "queries_per_step": rule().queries_per_step,
            "theorems": [
                {"metric": th.metric, "statement": th.statement, "source": th.source, "tag": th.tag}
                for th in rule.theorems
            ],
            "proved": proofs.get(rule.name),
            "source": rule.source,
        }
        for rule in RULES
        if chosen in (None, rule.name)
    ]
    if json:
        return print_json(listed)
    for rule in listed:
        theorems = "\n".join(f"{th['statement']}  [{th['tag']}]" for th in rule["theorems"])
        print_facts(
            {
                rule["name"]: rule["update"],
                "  step": rule["condition"],
                "  theorem": theorems,
                "  certificate": as_proved(rule["proved"]) if rule["proved"] else "none",
                "  source": rule["source"],
            }
        )
        print()


@app.command()
def formats(json: Json = False) -> None:
    """List the formats of files, with an example of each and how it is read.

    Example: nashsim formats
    """
    from ..data import FORMATS

    if json:
        return print_json({name: asdict(form) for name, form in FORMATS.items()})
    for name, form in FORMATS.items():
        print(f"{name}: {form.words}; options: {', '.join(f'--{option}' for option in form.options)}\n")
        for example in form.examples:
            print(f"  {example.title}: nashsim inspect FILE{as_options(example.options)}")
            print(indent(example.text, "    "))


@app.command()
@with_loader_options
def inspect(
    source: Source,
    options: LoaderOptions,
    ranking: Annotated[
        bool,
        typer.Option("--ranking", help="Lottery, Nash, Borda, Copeland, Bradley-Terry, Elo side by side."),
    ] = False,
    bootstrap: Annotated[
        int | None, typer.Option(help="Resamples for the intervals, 0 for none; 200 up to 300 labels.")
    ] = None,
    tau: Annotated[float, typer.Option(help="Regularisation of the Nash policy of --ranking, > 0.")] = 0.1,
    json: Json = False,
) -> None:
    """Say what is inside a game: cycles, winners, lottery; or who is best by which rule.

    Examples: nashsim inspect tldr;  nashsim inspect battles.csv --ties half --missing bradley-terry;
    nashsim inspect battles.csv --ranking --bootstrap 500
    """
    from ..inspection import inspect as look
    from ..rankings import rankings

    data = open_game(source, options) if is_catalogue_name(source) else open_data(source, options)
    with progress_bar("inspecting", not json) as tell:
        arguments = {**options.game_arguments(), "bootstrap": bootstrap, "progress": tell}
        found = {"reading": data.reading} if hasattr(data, "reading") else {}
        if ranking:
            ranked = rankings(data, tau=tau, **arguments)
            return print_json(found | ranked.to_dict()) if json else print_rankings(ranked)
        found |= look(data, **arguments).to_dict()
    if json:
        return print_json(found)
    intervals = found.pop("intervals") or {}
    ranges, lottery = intervals.get("lottery") or {}, found.pop("lottery")
    facts = {name: with_interval(value, intervals.get(name)) for name, value in found.items()}
    print_facts({name.replace("_", " "): text for name, text in facts.items()})
    if lottery:
        # A label that no resample plays would only lengthen the list.
        shown = {name: p for name, p in lottery.items() if p > 0 or ranges.get(name, (0, 0))[1] > 0}
        print_policy(shown, "maximal lottery", ranges)


@app.command()
@with_loader_options
def solve(
    source: Source,
    options: LoaderOptions,
    tau: Tau = None,
    reference: Reference = None,
    regulariser: Regulariser = None,
    method: Annotated[
        Literal["newton", "cvxpy", "lottery"],
        typer.Option(help="Newton, the CVXPY witness, or the tau = 0 lottery."),
    ] = "newton",
    explain: Annotated[bool, typer.Option("--explain", help="Say how the file was read, and why.")] = False,
    json: Json = False,
) -> None:
    """Solve a game exactly, with a certificate.

    Examples: nashsim solve rps --tau 0.1;  nashsim solve matrix.csv --method lottery;
    nashsim solve tldr --tau 0.1 --regulariser chi2
    """
    from ..equilibrium import solve as solve_game

    game, data = open_with_data(source, options, tau=tau, reference=reference, regulariser=regulariser)
    # An instance of the falsifier comes with the tau that is its point.
    saved = data is None and not is_catalogue_name(source)
    if method != "lottery" and tau is None and not saved:
        raise NashsimError(
            f"tau: the method {method!r} needs --tau T with T > 0 (only the lottery does without)"
        )
    with nullcontext() if json else waiting(f"solving {game.name}"):
        found = solve_game(game, method)
    result = {
        "game": game.name,
        "labels": list(game.labels),
        "tau": None if method == "lottery" else game.tau,
        "method": method,
        "policy": found.to_series().to_dict(),
        "residual": found.residual,
        "duality_gap": found.duality_gap,
        "value": found.value,
        "unique": bool(all(found.unique)) if method == "lottery" else found.unique,
        "status": found.status,
    }
    if regulariser is not None and method != "lottery":
        result["regulariser"] = game.regulariser.word
    if data is not None:
        result |= {"reading": data.reading, "notes": " ".join(data.notes)}
    if json:
        return print_json(result)
    print_policy(result["policy"], "equilibrium")
    facts = [
        *(name for name in ("regulariser",) if name in result),
        "residual",
        "duality_gap",
        "value",
        "unique",
        "status",
    ]
    facts += ["notes"] * bool(result.get("notes")) + ["reading"] * (explain and "reading" in result)
    print_facts({name: as_text(result[name]) for name in facts})


@app.command()
@with_loader_options
def run(
    source: Source,
    options: LoaderOptions,
    rule: Annotated[
        str, typer.Option(help="A rule of `nashsim rules`.", metavar="NAME", autocompletion=complete_rule)
    ] = "nash-mp",
    tau: Tau = 0.1,
    eta: Annotated[
        float | None, typer.Option(help="Constant forward step; default: the rule's own.", metavar="E")
    ] = None,
    reference: Reference = None,
    regulariser: Regulariser = None,
    queries: Annotated[
        int, typer.Option(help="Payoff vectors the rule may ask for.", metavar="N", parser=whole_number)
    ] = "10000",
    seed: Annotated[int, typer.Option(help="Seed of random games and random starts.", metavar="S")] = 0,
    start: Annotated[
        Literal["reference", "uniform", "random"], typer.Option(help="The first policy.")
    ] = "reference",
    check: Annotated[
        bool, typer.Option("--check", help="Hold the run against the CVXPY equilibrium.")
    ] = False,
    out: Annotated[
        str | None,
        typer.Option(help="Folder for the records, the policy and the configuration.", metavar="DIR"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the killed run in --out DIR.")] = False,
    jobs: Annotated[
        int, typer.Option(help="Threads over contexts; the result is the same.", metavar="N")
    ] = 1,
    json: Json = False,
) -> None:
    """Run a rule and hold it against the exact equilibrium.

    Examples: nashsim run rps --rule nash-md --tau 0.1;  nashsim run tldr --rule egpo --tau 0.05 --check;
    nashsim run rps --rule nash-mp --tau 0.1 --regulariser chi2
    """
    from .running import checkpoint_folder, records_file, run_rule, save_run

    require_rule(rule)
    game = open_game(source, options, tau=tau, reference=reference, seed=seed, regulariser=regulariser)
    checkpoint = checkpoint_folder(out, resume)
    with progress_bar(f"{rule} on {game.name}", not json) as tell:
        how = {"queries": queries, "seed": seed, "start": start, "jobs": jobs, "progress": tell}
        how |= {"checkpoint": checkpoint, "records": records_file(out)}
        finished, result = run_rule(game, rule, eta, check, **how)
    if out is not None:
        save_run(finished, result, out, source)
    if json:
        return print_json(result)
    print_policy(result["policy"], "last iterate")
    print_facts({name: as_text(value) for name, value in result.items() if name != "policy"})


app.command()(solutions)
app.command()(axioms)
app.command()(crowd)
app.command()(sweep)
app.command()(learners)
app.command()(regret)
app.command()(offline)
app.command()(explore)


@app.command()
def reproduce(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Figures; default: all.", autocompletion=complete_figure),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Name the figures and draw none.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Small settings: seconds a figure.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="The paper's length, of the figures for which it takes minutes.")
    ] = False,
    out: Annotated[
        str | None,
        typer.Option(
            help="Folder for PNG, PDF and CSV.  [default: figures, or figures/full with --full]",
            metavar="DIR",
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option(help="Figures drawn at once; the files are the same.", metavar="N")
    ] = 2,
    json: Json = False,
) -> None:
    """Draw the figures: PNG, PDF and CSV.

    Examples: nashsim reproduce --list;  nashsim reproduce convergence threshold --quick --out /tmp/figures
    """
    from .reproducing import figure_titles, reproduce_figures

    if listed:
        titles = figure_titles()
        rows = [{"figure": name, "title": title} for name, title in titles.items()]
        return print_json(rows) if json else print_facts(titles)
    findings = reproduce_figures(names or [], quick=quick, full=full, out=out, jobs=jobs, quiet=json)
    if json:
        print_json(findings)
    else:
        columns = ("figure", "finding", "measured", "expected")
        rows = [(*(f[name] for name in columns), "yes" if f["holds"] else "NO") for f in findings]
        print_table("Findings", (*columns, "holds"), rows)
    if not all(f["holds"] for f in findings):
        say("nashsim: not every finding holds")
        raise typer.Exit(1)


@app.command()
def bench(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Benchmarks; default: all.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Name the benchmarks and run none.")] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Small settings: tens of seconds, too few for a verdict.")
    ] = False,
    out: Annotated[str, typer.Option(help="Folder for PNG, PDF, CSV and JSON.", metavar="DIR")] = "figures",
    json: Json = False,
) -> None:
    """Time nashsim against its peers, side by side, on one thread.

    Times are this machine's: a target that is missed is said, and is no error.

    Examples: nashsim bench --list;  nashsim bench exact --quick --out /tmp/bench;  nashsim bench --json
    """
    from .benchmarking import find_benchmarks, run_benchmarks

    if listed:
        found = list(find_benchmarks())
        return print_json(found) if json else print("\n".join(found))
    rows = run_benchmarks(names or [], quick=quick, out=out, quiet=json)
    if json:
        return print_json(rows)
    columns = ("work", "measured", "target")
    table = [(*(row[name] for name in columns), "yes" if row["reached"] else "NO") for row in rows]
    print_table("Benchmarks", (*columns, "reached"), table)


app.command()(paper)
app.command()(papers)
app.command()(verify)
app.command()(prove)
