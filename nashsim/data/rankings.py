"""Cast vote records: one ballot a row, one rank a column."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from ..errors import NashsimError
from . import outcomes
from .ballots import Ballot, count_ballots
from .cells import Table
from .table import PreferenceData
from .values import BLANK

_RANK = re.compile(
    r"(?:rank|choice|preference|pref|place)(\d+)|(\d+)(?:st|nd|rd|th)?(?:rank|choice|preference|pref|place)"
)
_WORDS = {
    f"{word}choice": i for i, word in enumerate(("first", "second", "third", "fourth", "fifth", "sixth"), 1)
}
_SKIPPED = frozenset({"skipped", "undervote", "under vote", "blank", "none", "exhausted"})


def read_rankings(table: Table, *, ties: str = "half", weight: str | None = None) -> PreferenceData:
    """Count ballots of one row each, the candidate of every rank in a column of its own (``rank1``, ``rank2``, ...).

    A rank that is blank, ``-``, skipped or an undervote ranks nobody, and so does an overvote; what was ranked twice
    stands at its first rank. Each is counted in a note. Candidates on no rank are tied last. Write-ins are a candidate
    of that name.

    Parameters
    ----------
    table : Table
        Its first row names the columns.
    ties : {"half", "drop", "error"}
    weight : str or None
        Column with the number of equal ballots; ``None`` is a column with such a name.

    Raises
    ------
    NashsimError
        If fewer than two columns are ranks, or nobody is ranked.

    Examples
    --------
    >>> rows = [["rank1", "rank2"], ["x", "y"], ["y", "skipped"]]
    >>> read_rankings(Table("votes", rows)).wins
    array([[0., 1.],
           [1., 0.]])
    """
    header, body = table.rows[0], table.body()
    ranks = rank_columns(header)
    if ranks is None:
        raise NashsimError(
            f"{table.name}: ballots in rows need columns such as rank1, rank2, found {', '.join(header)}"
        )
    column = (
        outcomes.weight_column(table, ranks) if weight is None else table.column(weight, "weight (--weight)")
    )
    weights = [1.0] * len(body) if column is None else table.numbers(body, column)
    index: dict[str, int] = {}
    ballots, odd = [], Counter()
    for i, (row, share) in enumerate(zip(body, weights, strict=True)):
        ranking: list[list[int]] = []
        for cell in (row[rank] for rank in ranks):
            if cell in BLANK:
                continue
            if (kind := ranks_nobody(cell)) is not None:
                odd[kind] += 1
                continue
            group = [index.setdefault(cell, len(index))]
            if group in ranking:
                odd["candidates ranked again"] += 1
            else:
                ranking.append(group)
        ballots.append(Ballot(float(share), ranking, table.where(i + 1)))
    if not index:
        raise NashsimError(f"{table.name}: at least one ballot that ranks somebody is needed, found none")
    told = ", ".join(f"{count} {words}" for words, count in odd.items() if count)
    notes = [f"Left out of the ballots: {told}."] if told else []
    return count_ballots(list(index), ballots, ties=ties, name=table.name, notes=notes)


def ranks_nobody(cell: str) -> str | None:
    """Return what a cell says that ranks nobody, in words, or None for the name of a candidate."""
    kind = re.sub(r"[\s_-]+", " ", cell.casefold()).strip()
    if kind in _SKIPPED:
        return "ranks skipped"
    return "overvotes, which rank nobody" if kind in ("overvote", "over vote") else None


def rank_columns(header: Sequence[str]) -> list[int] | None:
    """Return the columns of the ranks 1, 2, ... in this order, or None if there are not at least two."""
    found: dict[int, int] = {}
    for i, name in enumerate(header):
        key = outcomes.key(name)
        match = _RANK.fullmatch(key)
        rank = int(match[1] or match[2]) if match else _WORDS.get(key)
        if rank in found:
            return None
        if rank is not None:
            found[rank] = i
    ranks = sorted(found)
    return (
        [found[rank] for rank in ranks]
        if len(ranks) > 1 and ranks == list(range(1, len(ranks) + 1))
        else None
    )
