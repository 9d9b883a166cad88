"""``nashsim prove``: a rate with a certificate, and the check of one."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from ..errors import NashsimError
from .options import Json
from .output import as_text, print_facts, print_json, print_table, say


def prove(
    rule: Annotated[str | None, typer.Argument(metavar="[RULE]", help="A rule of `nashsim rules`.")] = None,
    tau: Annotated[float | None, typer.Option(help="Regularisation > 0.", metavar="T")] = None,
    eta: Annotated[
        float | None, typer.Option(help="Constant forward step; default: the rule's own.", metavar="E")
    ] = None,
    largest: Annotated[
        bool, typer.Option("--largest", help="The largest step with factor 1 - eta tau.")
    ] = False,
    best: Annotated[bool, typer.Option("--best", help="The step with the least factor per query.")] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Every rule at its own step; --out is a folder of certificates.")
    ] = False,
    design: Annotated[
        bool, typer.Option("--design", help="Search mirror steps for the best proved rate per query.")
    ] = False,
    latex: Annotated[
        bool, typer.Option("--latex", help="The proof for every tau and step, of omd and egpo.")
    ] = False,
    check: Annotated[
        str | None, typer.Option("--check", help="Verify this certificate, without a solver.", metavar="FILE")
    ] = None,
    out: Annotated[str | None, typer.Option(help="File for the certificate.", metavar="FILE")] = None,
    json: Json = False,
) -> None:
    """Prove a rule's rate on every game, with a certificate that exact arithmetic confirms.

    With --all or --design no RULE is given, and the result is a table. Exit status 1 where nothing is proved.

    Examples: nashsim prove egpo --tau 0.1 --largest --out egpo.json;  nashsim prove --check egpo.json
    """
    from ..theory import proofs

    given = {"RULE": rule, "--tau": tau, "--eta": eta, "--out": out, "--largest": largest, "--best": best}
    given |= {"--all": every, "--design": design, "--latex": latex}
    given = [name for name, value in given.items() if value is not None and value is not False]
    if check is not None:
        if given:
            raise NashsimError(f"check: a certificate says all itself; leave out {', '.join(given)}")
        proof = proofs.check(check)
    elif latex:
        if given != ["RULE", "--latex"]:
            raise NashsimError("latex: `nashsim prove RULE --latex` takes a rule and nothing else")
        return print(proofs.latex_proof(rule))
    elif every or design:
        allowed = ["--all", "--tau", "--out"] if every else ["--design", "--tau"]
        if tau is None or not set(given) <= set(allowed):
            raise NashsimError(
                f"{allowed[0][2:]}: it goes with {' and '.join(allowed[1:])} alone, and needs --tau T"
            )
        return _table(proofs.prove_all(tau, out) if every else proofs.compare(tau), json)
    else:
        if rule is None or tau is None:
            raise NashsimError("rule, tau: `nashsim prove RULE --tau T` needs both, or --check FILE")
        proof = proofs.prove(rule, tau, eta=eta, largest=largest, best=best)
        if out is not None and proof.exact:
            proof.save(out)
            say(f"written: {out}")
    summary = proof.summary()
    if json:
        print_json(summary)
    else:
        print_facts({name.replace("_", " "): as_text(value) for name, value in summary.items()})
    if not proof.exact:
        raise typer.Exit(1)


def certified() -> dict[str, dict]:
    """Return what the certificates of the package say of every rule, by its name; the theory is not loaded for it."""
    file = Path(__file__).parents[1] / "theory" / "proofs" / "certificates" / "table.json"
    return {row["rule"]: row for row in json_format.loads(file.read_text(encoding="utf-8"))}


def as_proved(row: dict) -> str:
    """Return a row of the certificates as one line."""
    at = f"at tau = {row['tau']:g}" + (f", eta = {row['eta']:.6g}" if row["eta"] is not None else "")
    return f"{at}: {row['status']}"


def _table(rows: list[dict], json: bool) -> None:
    """Print what was proved of many rules, one a line."""
    if json:
        return print_json(rows)
    columns = ("rule", "eta", "factor", "queries_per_step", "factor_per_query", "status")
    cells = [[as_text(row[name]) for name in columns] for row in rows]
    print_table("Proofs", [name.replace("_", " ") for name in columns], cells, numbers=("factor",))
