"""Pairs: (winner, loser) a line."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import NashsimError
from .cells import Table, parse_number
from .table import PreferenceData
from .tally import Tally

#: The columns that a header names, in any case.
COLUMNS = ("winner", "loser")


def read_pairs(
    table: Table, *, columns: Sequence[str] | None = None, weight: str | None = None
) -> PreferenceData:
    """Count (winner, loser) pairs; a row of weight w counts as w comparisons.

    Parameters
    ----------
    table : Table
        Two or three columns (winner, loser, weight) without a header, or any with a header that names the
        columns winner and loser, or those of ``columns``.
    columns : sequence of two str or None
        Columns of the winner and the loser.
    weight : str or None
        Column with the weight; ``None`` is a column named weight, or without a header the third one.

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
    winner, loser, weigh, header = _layout(table, columns, weight)
    tally = Tally(table, header)
    for i, row in table.body(len(table.rows[0]), header):
        share = 1.0
        if weigh is not None:
            share = parse_number(
                row[weigh], table.name, lambda i=i: f"the weight of {table.where(i, header)}"
            )
        tally.add(row[winner], row[loser], 1.0, share, i)
    return tally.data()


def names_pairs(header: Sequence[str]) -> bool:
    """Whether a row of cells is a header that names a winner and a loser column."""
    return set(COLUMNS) <= {cell.lower() for cell in header}


def _layout(table: Table, columns, weight) -> tuple[int, int, int | None, int]:
    """Positions of winner, loser and weight, and the number of header rows."""
    first = [cell.lower() for cell in table.rows[0]]
    if columns is None and not names_pairs(first):
        return _unnamed_layout(table, weight)
    if columns is None:
        winner, loser = (first.index(name) for name in COLUMNS)
    elif len(columns) == 2:
        winner, loser = (table.column(name, "columns (--columns)") for name in columns)
    else:
        raise NashsimError(
            f"{table.name}: columns (--columns) needs WINNER,LOSER, found {len(columns)} names"
        )
    if weight is not None:
        return winner, loser, table.column(weight, "weight (--weight)"), 1
    return winner, loser, first.index("weight") if "weight" in first else None, 1


def _unnamed_layout(table: Table, weight) -> tuple[int, int, int | None, int]:
    width = len(table.rows[0])
    if width not in (2, 3):
        raise NashsimError(
            f"{table.name}: a row of pairs holds winner, loser and perhaps a weight, found {width} cells"
        )
    if weight is not None:
        return 0, 1, table.column(weight, "weight (--weight)"), 1
    return 0, 1, 2 if width == 3 else None, int(bool(table.has_header))
