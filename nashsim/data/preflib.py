"""PrefLib orders: soc, soi, toc and toi files, read by their body whatever the header calls them."""

from __future__ import annotations

import re

from ..errors import NashsimError
from .ballots import Ballot, count_ballots
from .table import PreferenceData

_NAME = re.compile(r"#\s*ALTERNATIVE NAME\s+(\d+)\s*:\s*(.*)", re.IGNORECASE)
_VOTERS = re.compile(r"#\s*NUMBER VOTERS\s*:\s*(\d+)", re.IGNORECASE)
_LINE = re.compile(r"(\d+(?:\.\d+)?)\s*:\s*(.*)")
_GROUP = r"(?:\d+|\{\s*(?:\d+\s*(?:,\s*\d+\s*)*)?\})"
_ORDER = re.compile(rf"(?:{_GROUP}(?:\s*,\s*{_GROUP})*)?")


def read_preflib(text: str, name: str, *, ties: str = "half") -> PreferenceData:
    """Count the ballots of a PrefLib file, ``count: 3,{1,2},4`` a line.

    The body decides: braces are ties in any file, complete or not, whatever the header says of its type; a
    count of voters that differs from the header's is noted. Format: https://preflib.github.io/PrefLib-Jekyll/format
    [recalled].

    Parameters
    ----------
    text : str
    name : str
    ties : {"half", "drop", "error"}

    Raises
    ------
    NashsimError
        If a line is no ballot, or ranks an alternative that has no name or is ranked already.
    """
    names: dict[int, str] = {}
    lines, voters = [], None
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if named := _NAME.fullmatch(line):
            names[int(named[1])] = named[2].strip()
        elif stated := _VOTERS.fullmatch(line):
            voters = int(stated[1])
        elif line and not line.startswith("#"):
            lines.append((number, line))
    if not names:
        raise NashsimError(
            f"{name}: a PrefLib file names its alternatives (# ALTERNATIVE NAME 1: ...), found none"
        )
    index = {number: i for i, number in enumerate(names)}
    ballots = [_ballot(line, index, number, name) for number, line in lines]
    counted = sum(ballot.weight for ballot in ballots)
    differs = f"The header states {voters} voters, the ballots sum to {counted:g}; the ballots are used."
    notes = [differs] if voters is not None and voters != counted else []
    return count_ballots(list(names.values()), ballots, ties=ties, name=name, notes=notes)


def looks_like_preflib(text: str) -> bool:
    """Whether a line of the text names a PrefLib alternative."""
    return any(_NAME.match(line.strip()) for line in text.splitlines())


def _ballot(line: str, index: dict[int, int], number: int, name: str) -> Ballot:
    match = _LINE.fullmatch(line)
    if match is None or _ORDER.fullmatch(match[2]) is None:
        raise NashsimError(
            f"{name}: a ballot such as '12: 3,{{1,2}},4' is needed in line {number}, found {line[:60]!r}"
        )
    ranking = []
    for group in re.findall(_GROUP, match[2]):
        members = [int(item) for item in re.findall(r"\d+", group)]
        unknown = [item for item in members if item not in index]
        if unknown:
            raise NashsimError(
                f"{name}: line {number} ranks alternative {unknown[0]}, the header names {len(index)} others"
            )
        ranking.append([index[item] for item in members])
    return Ballot(float(match[1]), ranking, f"line {number}")
