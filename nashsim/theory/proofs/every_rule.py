"""Every rule of the package with what is proved of it: the certificates that come with the package."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

from ...files import to_json, write_text
from ...rules import RULES
from .proof import check
from .proving import prove

#: The certificates of the package, RULE.json, and the rows of all rules in table.json.
FOLDER = Path(__file__).parent / "certificates"
#: tau of the certificates of the package.
TAU = 0.1


def prove_all(
    tau: float = TAU, out: str | Path | None = None, progress: Callable[[int, int], None] | None = None
) -> list[dict]:
    """Prove every rule at its own step and return one row a rule, as ``Proof.summary`` has it.

    Parameters
    ----------
    tau : float
    out : str, Path or None
        Folder for the certificates, RULE.json, and the rows, table.json.
    progress : callable or None
        Called as ``progress(done, total)``.
    """
    rows = []
    for done, cls in enumerate(RULES, 1):
        proof = prove(cls.name, tau)
        rows.append(proof.summary())
        if out is not None and proof.exact:
            proof.save(Path(out) / f"{cls.name}.json")
        if progress is not None:
            progress(done, len(RULES))
    if out is not None:
        write_text(Path(out) / "table.json", to_json(rows, indent=1) + "\n")
    return rows


@cache
def table() -> dict[str, dict]:
    """Return the rows of the package's certificates by the name of the rule."""
    rows = json.loads((FOLDER / "table.json").read_text(encoding="utf-8"))
    return {row["rule"]: row for row in rows}


def check_all(folder: str | Path = FOLDER) -> list[dict]:
    """Return the rows of a folder's certificates, each confirmed in exact arithmetic.

    Raises
    ------
    NashsimError
        Where a certificate is refused.
    """
    kept = {"table.json", "found.json"}
    files = sorted(path for path in Path(folder).glob("*.json") if path.name not in kept)
    return [check(path).summary() for path in files]
