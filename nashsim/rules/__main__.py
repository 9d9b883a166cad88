"""The table of rules for the documentation: ``python -m nashsim.rules`` prints it."""

from __future__ import annotations

import re
from itertools import groupby

from .registry import RULES
from .rule import Rule

_HEAD = "| rule | calls a step | what is proved | step condition |\n|---|---|---|---|\n"
_GREEK = {"eta": "η", "tau": "τ", "pi": "π", "mu": "μ", "rho": "ρ"}
_SIGNS = {"<=": "≤", ">=": "≥", "sqrt ": "√", "sqrt": "√", "*": r"\*", "|": r"\|"}


def table() -> str:
    """Return the rules as a table in Markdown; neighbours of which the same is said share a row."""
    rows = ((_names(group), *cells) for cells, group in groupby(RULES, _cells))
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


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
    print(table(), end="")
