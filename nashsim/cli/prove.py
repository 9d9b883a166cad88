"""``nashsim prove``: a rate with a certificate, and the check of one."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import NashsimError
from .options import Json
from .output import as_text, print_facts, print_json, say


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
    check: Annotated[
        str | None, typer.Option("--check", help="Verify this certificate, without a solver.", metavar="FILE")
    ] = None,
    out: Annotated[str | None, typer.Option(help="File for the certificate.", metavar="FILE")] = None,
    json: Json = False,
) -> None:
    """Prove a rule's rate on every game, with a certificate that exact arithmetic confirms.

    Exit status 1 where nothing is proved.

    Examples: nashsim prove egpo --tau 0.1 --largest --out egpo.json;  nashsim prove --check egpo.json
    """
    from ..theory import proofs

    given = {"RULE": rule, "--tau": tau, "--eta": eta, "--out": out}
    given |= {"--largest": largest or None, "--best": best or None}
    if check is not None:
        extra = [name for name, value in given.items() if value is not None]
        if extra:
            raise NashsimError(f"check: a certificate says all itself; leave out {', '.join(extra)}")
        proof = proofs.check(check)
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
