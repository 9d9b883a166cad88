"""What ``nashsim paper`` and ``nashsim papers`` do: find the papers' scripts, draw one, say what was found."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Annotated

import typer

from ..errors import NashsimError, unknown_name
from .options import Json
from .output import print_json, print_table, say
from .reproducing import experiments_folder, load_module

#: What a listing shows of a curve; the file of a paper has its settings and equilibria beside them.
_SHOWN = ("name", "verdict", "note")


def find_papers() -> dict[str, Path]:
    """Return the papers' scripts by the name of the paper.

    Examples
    --------
    >>> "comal" in find_papers()
    True
    """
    return {
        path.stem.replace("_", "-"): path
        for path in sorted((experiments_folder() / "papers").glob("[a-z]*.py"))
    }


def complete_paper(incomplete: str) -> list[str]:
    """Return the papers that begin so."""
    return [name for name in find_papers() if name.startswith(incomplete)]


def load_paper(name: str):
    """Return the ``PAPER`` of a name or arXiv number, or raise NashsimError with the nearest name."""
    known = find_papers()
    if name in known:
        return load_module(known[name]).PAPER
    if re.fullmatch(r"\d{4}\.\d{5}", name):
        for path in known.values():
            if f"arXiv {name}" in path.read_text(encoding="utf-8") and name in load_module(path).PAPER.source:
                return load_module(path).PAPER
    raise unknown_name("paper", name, known)


def results_folder() -> Path:
    """Return the folder of the stored results: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parent.parent
    checkout = package.parent / "figures" / "papers"
    return checkout if (package.parent / "experiments").is_dir() else package / "_papers"


def listed_papers() -> list[dict]:
    """Return every paper with its status and its curves' verdicts, as they are stored.

    Returns
    -------
    list of dict
        With the keys id, title, figure, status and curves; a paper of which nothing is stored is absent.
    """
    found = []
    for name, path in find_papers().items():
        stored = results_folder() / f"{name}.json"
        if not stored.is_file():
            said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            row = {"id": name, "title": said.partition("\n")[0], "figure": None, "status": "absent"}
            found.append({**row, "curves": []})
            continue
        result = json.loads(stored.read_text(encoding="utf-8"))
        curves = [{key: curve[key] for key in _SHOWN} for curve in result["curves"]]
        row = {key: result[key] for key in ("id", "title", "figure", "status")}
        found.append({**row, "figure": f"figures/papers/{row['figure']}", "curves": curves})
    return found


def paper(
    name: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="A paper of `nashsim papers`, or its arXiv number.",
            autocompletion=complete_paper,
        ),
    ],
    quick: Annotated[bool, typer.Option("--quick", help="Short settings: a second or two.")] = False,
    out: Annotated[
        str | None,
        typer.Option(
            help="Folder for PNG, CSV and JSON.  [default: figures/papers, or figures/papers/quick with --quick]",
            metavar="DIR",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Draw a paper's own experiment at its own settings, with a verdict of every curve.

    Examples: nashsim paper comal;  nashsim paper nlhf --quick --out pictures
    """
    from ..figures.paper import default_folder

    drawn = load_paper(name)
    folder = Path(out or default_folder(quick))
    if folder.exists() and not folder.is_dir():
        raise NashsimError(f"out: a folder is needed, found the file {str(folder)!r}; name another")
    found = drawn.reproduce(folder, quick)
    if json:
        return print_json(found)
    settings = [
        (s["name"], s["value"], f"[{s['source']}]" if s["source"] != "ours" else "ours")
        for s in found["settings"]
    ]
    print_table(f"{found['title']}\n{found['source']}", ("setting", "value", "source"), settings)
    print_table("\nCurves", _SHOWN, [tuple(curve[key] for key in _SHOWN) for curve in found["curves"]])
    say(f"{found['id']}: {found['status']}; PNG, CSV and JSON in {folder}")


def papers(json: Json = False) -> None:
    """List the papers whose experiments are drawn: status and verdicts, as stored.

    Example: nashsim papers
    """
    listed = listed_papers()
    if json:
        return print_json(listed)
    rows = []
    for one in listed:
        verdicts = [curve["verdict"] for curve in one["curves"]]
        counts = [f"{verdicts.count(kind)} {kind}" for kind in dict.fromkeys(verdicts)]
        rows.append((one["id"], one["status"], ", ".join(counts) or "-", one["title"]))
    print_table("Papers", ("id", "status", "curves", "title"), rows)
