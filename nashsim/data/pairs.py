"""Pairs: (winner, loser) a line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import NashsimError
from . import outcomes
from .cells import Table
from .table import PreferenceData
from .tally import tally

# Columns beside chosen and rejected that say these are answers and not who gave them.
_QUESTIONS = frozenset({"prompt", "instruction", "question", "query", "messages", "input"})


def read_pairs(
    table: Table,
    *,
    ties: str = "half",
    columns: Sequence[str] | None = None,
    weight: str | None = None,
) -> PreferenceData:
    """Count (winner, loser) pairs; a row of weight w counts as w comparisons.

    Parameters
    ----------
    table : Table
        Two or three columns (winner, loser, weight) without a header, or any with a header that names the
        columns winner and loser (or chosen and rejected, ...), or those of ``columns``. A column named tie or draw
        says which rows are ties.
    ties : {"half", "drop", "error"}
    columns : sequence of two str or None
        Columns of the winner and the loser.
    weight : str or None
        Column with the weight; ``None`` is a column with such a name, or without a header the third one.

    Raises
    ------
    NashsimError
        If a row has another number of cells, a blank name, or a weight that is no number >= 0.

    Examples
    --------
    >>> read_pairs(Table("pairs", [["x", "y"], ["x", "y"], ["y", "x"]])).wins
    array([[0., 2.],
           [1., 0.]])
    """
    sides, weigh, header = _layout(table, columns, weight)
    names, body = table.rows[0], table.body(header)
    first, second = ([row[i] for row in body] for i in sides)
    score, notes, used = np.ones(len(body)), [], [*sides, *([] if weigh is None else [weigh])]
    if header:
        tie = outcomes.tie_column(names, used)
        if tie is not None:
            score[outcomes.tie_flags(table, body, tie)] = 0.5
            used.append(tie)
        notes = outcomes.unused(names, used)
    share = None if weigh is None else table.numbers(body, weigh, header, "" if header else "the weight")
    return tally(table, first, second, score, share, header=header, ties=ties, notes=notes)


def named_pair(header: Sequence[str]) -> tuple[int, int] | None:
    """Return the columns of winner and loser that a header names, or None."""
    keys = {outcomes.key(name) for name in header}
    known = [pair for pair in outcomes.PAIRS if pair != ("chosen", "rejected") or not keys & _QUESTIONS]
    return outcomes.find_pair(header, known)


def _layout(table: Table, columns, weight) -> tuple[tuple[int, int], int | None, int]:
    """Positions of winner and loser, position of the weight, and the number of header rows."""
    first = table.rows[0]
    if columns is None:
        sides = named_pair(first) if table.has_header is not False else None
    elif len(columns) == 2:
        sides = tuple(table.column(name, "columns (--columns)") for name in columns)
    else:
        raise NashsimError(
            f"{table.name}: columns (--columns) needs WINNER,LOSER, found {len(columns)} names"
        )
    weigh = None if weight is None else table.column(weight, "weight (--weight)")
    if sides is not None:
        return sides, outcomes.weight_column(table, sides) if weigh is None else weigh, 1
    width = len(first)
    if width not in (2, 3):
        raise NashsimError(
            f"{table.name}: a row of pairs holds winner, loser and perhaps a weight, found {width} cells (name the"
            " columns of winner and loser by --columns WINNER,LOSER)"
        )
    if weigh is not None:
        return (0, 1), weigh, 1
    _check_first(table)
    return (0, 1), 2 if width == 3 else None, int(bool(table.has_header))


def _check_first(table: Table) -> None:
    """Refuse a first row whose cells stand nowhere else: it may be a header that nobody knows."""
    first, rest = table.rows[0], {cell for row in table.rows[1:] for cell in row}
    if table.has_header is None and rest and not set(first) & rest:
        raise NashsimError(
            f"{table.name}: the first row ({', '.join(first)}) may be a header or a winner and a loser; say by"
            " header=True or False (--header yes or no), with format='pairs' (--format pairs) if the columns are a"
            " winner and a loser"
        )
