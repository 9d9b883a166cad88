"""The table of rules for the README: ``python -m nashsim.rules`` prints it, with a file's name writes it there."""

from __future__ import annotations

import re
import sys
from itertools import groupby
from pathlib import Path

from ..errors import NashsimError
from ..files import write_text
from .registry import RULES
from .rule import Rule

_MARKS = "<!-- rules: written by python -m nashsim.rules README.md -->\n", "<!-- end of rules -->"
_HEAD = "| rule | calls a step | what is proved | step condition |\n|---|---|---|---|\n"
_GREEK = {"eta": "η", "tau": "τ", "pi": "π", "mu": "μ", "rho": "ρ"}
_SIGNS = {"<=": "≤", ">=": "≥", "sqrt ": "√", "sqrt": "√", "*": r"\*", "|": r"\|"}


def table() -> str:
    """Return the rules as a table in Markdown; neighbours of which the same is said share a row."""
    rows = ((_names(group), *cells) for cells, group in groupby(RULES, _cells))
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def with_table(text: str) -> str:
    """Return a text with the table in place of what stands between its marks.

    Parameters
    ----------
    text : str
        Text of the README.

    Raises
    ------
    NashsimError
        If the marks are not in the text.
    """
    first, last = _MARKS
    if text.count(first) != 1 or last not in text.split(first)[1]:
        raise NashsimError(
            f"file: no place for the table; put the lines {first.strip()!r} and {last!r} there"
        )
    head, rest = text.split(first)
    return head + first + table() + last + rest.split(last, 1)[1]


def _names(rules) -> str:
    return ", ".join(f"`{cls.name}`" for cls in rules)


def _cells(cls: type[Rule]) -> tuple[str, str, str]:
    rests = "no rate; pi* is a fixed point" if cls.fixed_point else "nothing; pi* is no fixed point"
    proved = cls.theorems[0].statement if cls.theorems else rests
    return str(cls().queries_per_step), _signs(proved), _signs(cls.condition)


def _signs(text: str) -> str:
    text = re.sub(rf"\b({'|'.join(_GREEK)})(?![a-z])", lambda word: _GREEK[word[1]], text)
    for plain, sign in _SIGNS.items():
        text = text.replace(plain, sign)
    return text


if __name__ == "__main__":
    if sys.argv[1:]:
        readme = Path(sys.argv[1])
        write_text(readme, with_table(readme.read_text(encoding="utf-8")))
    else:
        print(table(), end="")
