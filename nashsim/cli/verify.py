"""``nashsim verify``: claims, their verdicts as a table, JSON and one HTML report."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from ..errors import NashsimError
from ..progress import progress_bar
from .names import complete_claim
from .output import print_json, print_table, say
from .prove import as_proved, certified


def verify(
    claims: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CLAIM]...", help="Claims by id; default: all.", autocompletion=complete_claim
        ),
    ] = None,
    games: Annotated[int | None, typer.Option(help="Games a claim; default: 200.", metavar="N")] = None,
    full: Annotated[bool, typer.Option("--full", help="1000 games a claim.")] = False,
    game: Annotated[
        str | None, typer.Option(help="Measure on this game or saved instance only.", metavar="FILE")
    ] = None,
    falsify: Annotated[
        float | None, typer.Option(help="Search so long for violations of the claims.", metavar="SECONDS")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random games.", metavar="S")] = 0,
    jobs: Annotated[int, typer.Option(help="Processes; the findings are the same.", metavar="N")] = 1,
    out: Annotated[
        str | None, typer.Option(help="Folder for verify.json and verify.html.", metavar="DIR")
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="List the claims, and the theorems without one, and check nothing.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON value and nothing else.")] = False,
) -> None:
    """Put the theory to the test: every claim, and a mutation of each that must fail.

    Examples: nashsim verify --games 40;  nashsim verify gap-identity nash-md-step --out report
    """
    if listed:
        _list(claims, json)
        return
    from ..theory.verification import DEFAULT_GAMES, FULL_GAMES
    from ..theory.verification import verify as put_to_the_test

    if full and games is not None:
        raise NashsimError(f"games: give --full (1000 games) or --games {games}, not both")
    if falsify is not None and not falsify > 0:
        raise NashsimError(f"falsify: a time > 0 in seconds is needed, found {falsify:g}")
    count = FULL_GAMES if full else DEFAULT_GAMES if games is None else games
    with progress_bar("verifying", not json) as tell:
        found = put_to_the_test(
            claims or None, count, seed=seed, jobs=jobs, game=_open(game) if game else None, progress=tell
        )
    searched = _falsify([f.claim for f in found], falsify, seed, out) if falsify is not None else []
    result = {"claims": [f.to_dict() for f in found]}
    if falsify is not None:
        result["falsification"] = searched
    if out is not None:
        _write(out, found, result, seed)
    if json:
        print_json(result)
    else:
        _print(found)
        _print_searched(searched)
    asserted = {f.claim.id for f in found if f.claim.asserted}
    broken = {row["id"] for row in searched if row["violated"]} & asserted
    bad = [f.claim.id for f in found if not f.ok or f.claim.id in broken]
    if bad:
        say(f"nashsim: {len(bad)} of {len(found)} claims do not stand: {', '.join(bad)}")
        raise typer.Exit(1)


def _list(names: list[str] | None, json: bool) -> None:
    """Print every claim with its statement, and every theorem that has none with the reason."""
    from ..theory.claims import CLAIMS, UNCLAIMED, get_claim

    claims = [get_claim(name) for name in names] if names else CLAIMS
    missing = () if names else UNCLAIMED
    if json:
        stated = [{"id": c.id, "tag": c.tag, "source": c.source, "statement": c.statement} for c in claims]
        print_json({"claims": stated, "unclaimed": [one._asdict() for one in missing]})
        return
    print_table("Claims", ("claim", "tag", "statement"), [(c.id, c.tag, c.statement) for c in claims])
    if missing:
        columns = ("theorem", "source", "why no claim states it", "nearest claims")
        print_table("Theorems without a claim", columns, [tuple(one) for one in missing])


def _open(file: str):
    """Return a saved instance, or a game without a tau of its own, from a file or the catalogue."""
    from ..theory.claims.files import is_instance, load_instance
    from .options import LoaderOptions
    from .source import open_game

    return load_instance(file) if is_instance(file) else open_game(file, LoaderOptions())


def _falsify(claims, seconds: float, seed: int, out: str | None) -> list[dict]:
    """Return one row a claim: id, worst_ratio, violated, evaluations, control_found and more."""
    try:
        from ..theory.falsify import falsify
    except ImportError:
        raise NashsimError("falsify: this installation has no falsifier") from None
    return falsify(claims, seconds=seconds, seed=seed, out=out)


def _write(out: str, found, result: dict, seed: int) -> None:
    from ..files import to_json, write_text
    from ..theory.report import html_report

    folder = Path(out)
    write_text(folder / "verify.json", to_json(result, indent=1) + "\n")
    write_text(folder / "verify.html", html_report(found, seed=seed, date=date.today()))
    say(f"written: {folder / 'verify.json'}, {folder / 'verify.html'}")


def _print(found) -> None:
    """Print one line a claim; sources and predictions only where the line is long enough for them."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:  # a file has no width
        console = Console(highlight=False, width=_WIDE)
    table = Table(
        title="Claims", title_justify="left", title_style="bold", header_style="bold", show_edge=False
    )
    columns = [name for name in _COLUMNS if console.width >= _WIDE or name not in _COLUMNS_OF_WIDE]
    for name in columns:
        wide = _COLUMNS_OF_WIDE.get(name)
        right = name in ("games", "worst", "rate [95%]")
        table.add_column(
            name, no_wrap=True, max_width=wide, overflow="ellipsis", justify="right" if right else "left"
        )
    for f in found:
        cells = _cells(f)
        table.add_row(*(Text(cells[name]) for name in columns), style=None if f.ok else "bold red")
    console.print(table)
    for f in found:
        if f.remark:
            print(f"{f.claim.id}: {f.remark}")
        if f.claim.formal:
            print(f"{f.claim.id}: proved in Lean, {f.claim.formal}")
    proofs = certified()
    for name in dict.fromkeys(name for f in found for name in f.claim.rules):
        if proofs.get(name, {}).get("exact"):
            print(f"{name}, certificate {as_proved(proofs[name])}")


def _print_searched(rows: list[dict]) -> None:
    """Print how close to 1 the search came, and whether it found what was planted."""
    if not rows:
        return
    columns = ("claim", "worst found", "instances", "planted violation")
    cells = [
        (
            row["id"],
            f"{row['worst_ratio']:.6g}",
            row["evaluations"],
            "found" if row["control_found"] else "not found",
        )
        for row in rows
    ]
    print_table("Falsification", columns, cells, numbers=("worst found", "instances"))


_COLUMNS = ("claim", "tag", "source", "games", "worst", "rate [95%]", "predicted", "control", "verdict")
#: Columns of a wide table only, and how wide they may be; a table of so many columns fills ``_WIDE``.
_COLUMNS_OF_WIDE = {"source": 40, "predicted": 28}
_WIDE = 178


def _cells(f) -> dict[str, str]:
    return {
        "claim": f.claim.id,
        "tag": f.claim.tag,
        "source": f.claim.source,
        "games": str(f.games),
        "worst": f"{f.worst_ratio:.3g}",
        "rate [95%]": f"{f.rate:.2g} [{f.rate_low:.2g}, {f.rate_high:.2g}]" if f.rate is not None else "",
        "predicted": f.claim.predicted,
        "control": "rejected" if f.control_rejected else "PASSES",
        "verdict": f.verdict,
    }
