"""BLT, the ballot format of STV counting programs."""

from __future__ import annotations

import re

from ..errors import NashsimError
from .ballots import Ballot, count_ballots
from .table import PreferenceData

_HEADER = re.compile(r"\d+\s+\d+")
_BALLOT = re.compile(r"\d+(?:\.\d+)?(?:\s+(?:\d+(?:=\d+)*|-))*\s+0")


def read_blt(text: str, name: str, *, ties: str = "half") -> PreferenceData:
    """Count the ballots of a BLT file.

    ``candidates seats``, withdrawn candidates as negative numbers, a ballot ``weight 3 1=2 4 0`` a line
    (``=`` ties, ``-`` skips a rank), a line ``0``, the candidates' names and the title in quotes. Withdrawn
    candidates are left out and noted. Format of Hill, Wichmann and Woodall (1987) and its successors
    [recalled].

    Parameters
    ----------
    text : str
    name : str
    ties : {"half", "drop", "error"}

    Raises
    ------
    NashsimError
        If the end or a name is missing, or a line is no ballot or ranks a candidate that is not there.
    """
    lines = list(_lines(text))
    end = next((i for i, (_, line) in enumerate(lines) if line == "0"), None)
    if not _HEADER.fullmatch(lines[0][1]):
        raise NashsimError(
            f"{name}: a BLT file starts with two numbers, candidates and seats, found {lines[0][1][:60]!r}"
        )
    if end is None:
        raise NashsimError(f"{name}: the ballots of a BLT file end with a line '0', found none")
    n = int(lines[0][1].split()[0])
    names = [line.strip('"').strip() for _, line in lines[end + 1 :]][:n]
    if len(names) < n:
        raise NashsimError(f"{name}: {n} candidates need {n} names after the ballots, found {len(names)}")
    body = lines[1:end]
    withdrawn = {-int(word) for _, line in body if line.startswith("-") for word in line.split()}
    running = [k for k in range(1, n + 1) if k not in withdrawn]
    index = {k: i for i, k in enumerate(running)}
    ballots = [_ballot(line, number, n, index, name) for number, line in body if not line.startswith("-")]
    gone = ", ".join(names[k - 1] for k in sorted(withdrawn))
    notes = [f"Withdrawn candidates are left out: {gone}."] if withdrawn else []
    return count_ballots([names[k - 1] for k in running], ballots, ties=ties, name=name, notes=notes)


def looks_like_blt(text: str) -> bool:
    """Whether the text has the first line and the end of ballots of a BLT file, and quoted names after it."""
    first = next(_lines(text), (0, ""))[1]
    if not _HEADER.fullmatch(first):
        return False
    lines = [line for _, line in _lines(text)]
    return "0" in lines and lines[-1].startswith('"')


def _lines(text: str):
    for number, line in enumerate(text.splitlines(), 1):
        if not line.lstrip().startswith('"'):
            line = line.split("#", 1)[0]
        if line.strip():
            yield number, line.strip()


def _ballot(line: str, number: int, n: int, index: dict[int, int], name: str) -> Ballot:
    if not _BALLOT.fullmatch(line):
        raise NashsimError(
            f"{name}: a ballot such as '1 3 1=2 0' is needed in line {number}, found {line[:60]!r}"
        )
    weight, *places = line.split()[:-1]
    ranking = []
    for place in places:
        members = [int(item) for item in place.split("=")] if place != "-" else []
        wrong = [item for item in members if not 1 <= item <= n]
        if wrong:
            raise NashsimError(f"{name}: candidates are numbered 1 to {n}, found {wrong[0]} in line {number}")
        ranking.append([index[item] for item in members if item in index])
    return Ballot(float(weight), ranking, f"line {number}")
