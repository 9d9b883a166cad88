"""PrefLib orders (soc, soi, toc, toi), read by their body whatever the header calls them, and pairwise counts (pwg)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from ..errors import NashsimError
from .ballots import Ballot, count_ballots
from .table import PreferenceData

_NAME = re.compile(r"#\s*ALTERNATIVE NAME\s+(\d+)\s*:\s*(.*)", re.IGNORECASE)
_VOTERS = re.compile(r"#\s*NUMBER VOTERS\s*:\s*(\d+)", re.IGNORECASE)
_TYPE = re.compile(r"#\s*DATA TYPE\s*:\s*(\w+)", re.IGNORECASE)
_OLD_NAME = re.compile(r"(\d+)\s*,\s*(.*)")
_OLD_TOTALS = re.compile(r"(\d+(?:\.\d+)?)\s*,\s*(\d+(?:\.\d+)?)\s*,\s*(\d+)")
_LINE = re.compile(r"(\d+(?:\.\d+)?)\s*:\s*(.*)")
_OLD_LINE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:,\s*(.*))?")
_GROUP = r"(?:\d+|\{\s*(?:\d+\s*(?:,\s*\d+\s*)*)?\})"
_ORDER = re.compile(rf"(?:{_GROUP}(?:\s*,\s*{_GROUP})*)?")


@dataclass
class _File:
    """A file before its ballots are understood: lines with their numbers, split into weight and order."""

    names: dict[int, str] = field(default_factory=dict)
    lines: list[tuple[int, str]] = field(default_factory=list)
    voters: float | None = None
    total: float | None = None
    kind: str = ""
    is_old: bool = False


def read_preflib(text: str, name: str, *, ties: str = "half") -> PreferenceData:
    """Count the ballots of a PrefLib file, ``count: 3,{1,2},4`` a line; or its pairs, ``count: 3,4``, of a pwg.

    The body decides: braces are ties in any file, complete or not, whatever the header says of its type; a
    count of voters that differs from the header's is noted. Files of the older format, without ``#``, begin with the
    number of alternatives, their names and a line of totals; there ``count,3,4`` in every line is a pairwise file
    where the counts do not sum to the voters, or where the file's name ends in ``.pwg``. Formats:
    https://preflib.github.io/PrefLib-Jekyll/format and https://www.preflib.org/data/format.

    Parameters
    ----------
    text : str
    name : str
    ties : {"half", "drop", "error"}

    Raises
    ------
    NashsimError
        If a line is no ballot, or ranks an alternative that has no name or is ranked already; or if all ballots are
        pairs and nothing tells whether others count as ranked below.
    """
    file = _old(text) if looks_like_old_preflib(text) else _new(text)
    if not file.names:
        raise NashsimError(
            f"{name}: a PrefLib file names its alternatives (# ALTERNATIVE NAME 1: ...), found none"
        )
    index = {number: i for i, number in enumerate(file.names)}
    is_pwg = "pwg" in (file.kind, name.lower().rsplit(".", 1)[-1])
    form = _OLD_LINE if file.is_old or is_pwg else _LINE
    ballots = [_ballot(line, index, number, name, form) for number, line in file.lines]
    labels, counted = list(file.names.values()), sum(ballot.weight for ballot in ballots)
    if _are_pairs(file, ballots, counted, is_pwg, name):
        wins = np.zeros((len(labels), len(labels)))
        for ballot in ballots:
            (winner,), (loser,) = ballot.ranking
            wins[winner, loser] += ballot.weight
        return PreferenceData.from_comparisons(labels, wins, tie_rule=ties, name=name)
    notes = []
    if file.voters is not None and file.voters != counted:
        notes.append(
            f"The header states {file.voters:g} voters, the ballots sum to {counted:g}; the ballots are used."
        )
    return count_ballots(labels, ballots, ties=ties, name=name, notes=notes)


def looks_like_preflib(text: str) -> bool:
    """Whether a line of the text names a PrefLib alternative, or it begins as the older format does."""
    return re.search(
        rf"^\s*{_NAME.pattern}", text, re.IGNORECASE | re.MULTILINE
    ) is not None or looks_like_old_preflib(text)


def looks_like_old_preflib(text: str) -> bool:
    """Whether the text begins with a number n, n numbered names and a line of three totals."""
    if not text.lstrip().split("\n", 1)[0].strip().isdecimal():
        return False
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or not lines[0].isdecimal() or not 0 < (n := int(lines[0])) <= len(lines) - 2:
        return False
    names = [_OLD_NAME.fullmatch(line) for line in lines[1 : n + 1]]
    return all(match and int(match[1]) == k for k, match in enumerate(names, 1)) and bool(
        _OLD_TOTALS.fullmatch(lines[n + 1])
    )


def _new(text: str) -> _File:
    file = _File()
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if named := _NAME.fullmatch(line):
            file.names[int(named[1])] = named[2].strip()
        elif stated := _VOTERS.fullmatch(line):
            file.voters = int(stated[1])
        elif typed := _TYPE.fullmatch(line):
            file.kind = typed[1].lower()
        elif line and not line.startswith("#"):
            file.lines.append((number, line))
    return file


def _old(text: str) -> _File:
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    n = int(lines[0][1])
    named = [_OLD_NAME.fullmatch(line) for _, line in lines[1 : n + 1]]
    voters, total, _ = map(float, _OLD_TOTALS.fullmatch(lines[n + 1][1]).groups())
    names = {int(match[1]): _unquoted(match[2].strip()) for match in named}
    return _File(names, lines[n + 2 :], voters, total, is_old=True)


def _unquoted(name: str) -> str:
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] == '"' else name


def _are_pairs(file: _File, ballots: list[Ballot], counted: float, is_pwg: bool, name: str) -> bool:
    """Whether every line is a pair and not a ballot of two."""
    two = all(
        len(ballot.ranking) == 2 and all(len(group) == 1 for group in ballot.ranking) for ballot in ballots
    )
    if not ballots or not two or len(file.names) == 2:
        return False
    if is_pwg or not file.is_old:
        return is_pwg
    orders = [tuple(group[0] for group in ballot.ranking) for ballot in ballots]
    if file.voters != file.total == counted and len(set(orders)) == len(orders):
        return True
    if file.voters == file.total:
        return False
    raise NashsimError(
        f"{name}: every line holds two alternatives, ballots that rank two or pairs of a pwg file; the totals"
        f" {file.voters:g},{file.total:g} fit neither (the lines sum to {counted:g}); name the file .soi or .pwg"
    )


def _ballot(line: str, index: dict[int, int], number: int, name: str, form: re.Pattern) -> Ballot:
    match = form.fullmatch(line)
    if match is None or _ORDER.fullmatch(match[2] or "") is None:
        example = "12: 3,{1,2},4" if form is _LINE else "12,3,{1,2},4"
        raise NashsimError(
            f"{name}: a ballot such as {example!r} is needed in line {number}, found {line[:60]!r}"
        )
    ranking = []
    for group in re.findall(_GROUP, match[2] or ""):
        members = [int(item) for item in re.findall(r"\d+", group)]
        unknown = [item for item in members if item not in index]
        if unknown:
            raise NashsimError(
                f"{name}: line {number} ranks alternative {unknown[0]}, the header names {len(index)} others"
            )
        ranking.append([index[item] for item in members])
    return Ballot(float(match[1]), ranking, f"line {number}")
