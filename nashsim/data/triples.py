"""Triples: (a, b, value) a line, the value speaking of a against b."""

from __future__ import annotations

import ast
from collections.abc import Sequence

import numpy as np

from ..errors import NashsimError
from .cells import Table
from .table import PreferenceData
from .units import interpret
from .values import is_number, is_text, one_label_each, parse_values

# Headers of values, over names that are names of columns as well (a, b, p).
_TITLES = frozenset(
    ("p", "prob", "probability", "value", "score", "win_rate", "winrate", "percent", "wins", "count", "n")
)


def read_triples(
    table: Table,
    *,
    columns: Sequence[str] | None = None,
    unit: str = "auto",
    range: tuple[float, float] | None = None,
) -> PreferenceData:
    """Read one entry of a preference matrix a line.

    A pair given in one direction only is completed by 1 - p, a pair not given is missing, and (a, a) need
    not be there. Counts of the same (a, b) add up; any other value may be given once.

    Parameters
    ----------
    table : Table
        Three columns, with or without a header, or those named by ``columns``.
    columns : sequence of three str or None
        Columns of a, b and the value.
    unit, range
        As for :func:`nashsim.data.units.interpret`.

    Raises
    ------
    NashsimError
        If a row has another number of cells, a value is no number, (a, b) comes twice, or unit and values do
        not fit.

    Examples
    --------
    >>> read_triples(Table("triples", [["x", "y", "0.6"]])).probability
    array([[0.5, 0.6],
           [0.4, 0.5]])
    """
    (a, b, value), header = _layout(table, columns)
    rows = list(enumerate(table.body(header), header))
    if not rows:
        raise NashsimError(f"{table.name}: at least one triple a, b, value is needed, found none")
    cells = [[row[value]] for _, row in rows]
    numbers, percent = parse_values(
        cells,
        table.name,
        lambda k, _: f"the value of {table.where(rows[k][0], header)}",
        decimal=table.decimal,
    )
    missing = np.flatnonzero(np.isnan(numbers[:, 0]))
    if missing.size:
        where = table.where(rows[missing[0]][0], header)
        raise NashsimError(
            f"{table.name}: a triple needs a value, found a blank in {where}; leave the row out"
        )
    same = one_label_each(list(dict.fromkeys(row[k] for _, row in rows for k in (a, b))), table.name)
    rows = [(i, [same.get(cell, cell) for cell in row]) for i, row in rows] if same else rows
    index: dict[str, int] = {}
    at = np.array([[index.setdefault(row[k], len(index)) for k in (a, b)] for _, row in rows])
    values = np.full((len(index), len(index)), np.nan)
    for (position, row), (i, j), number in zip(rows, at, numbers[:, 0], strict=True):
        if unit == "count":
            values[i, j] = np.nan_to_num(values[i, j]) + number
        elif np.isnan(values[i, j]):
            values[i, j] = number
        else:
            raise NashsimError(
                f"{table.name}: every pair may be given once in each direction, found"
                f" ({row[a]!r}, {row[b]!r}) again in {table.where(position, header)}"
            )
    return interpret(list(index), values, unit=unit, range=range, percent_signs=percent, name=table.name)


def read_tuples(text: str, name: str) -> Table:
    """Return the table of python tuples, one a line; literals only, nothing is evaluated.

    Raises
    ------
    NashsimError
        If a line is no tuple of strings and numbers.
    """
    rows, lines, comments = [], [], 0
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip().rstrip(",")
        if line and not line.startswith("#"):
            rows.append(_literals(line, name, number))
            lines.append(number)
        comments += line.startswith("#")
    return Table(name, rows, lines, has_header=False, comments=comments, dialect="python tuples")


def looks_like_tuples(text: str) -> bool:
    """Whether the first line that is no comment starts a python tuple of a string or a number."""
    first = next((line.strip() for line in text.splitlines() if line.strip() and line.lstrip()[0] != "#"), "")
    return first.startswith("(") and first.rstrip(",").endswith(")")


def _literals(line: str, name: str, number: int) -> list[str]:
    try:
        value = ast.literal_eval(line)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        value = None
    if not isinstance(value, tuple) or not all(isinstance(item, str | int | float) for item in value):
        raise NashsimError(
            f"{name}: a tuple such as ('a', 'b', 0.6) is needed in line {number}, found {line[:60]!r}"
        )
    return [str(item).strip() for item in value]


def _layout(table: Table, columns) -> tuple[tuple[int, ...], int]:
    """Positions of a, b and the value, and the number of header rows."""
    if columns is not None:
        if len(columns) != 3:
            raise NashsimError(
                f"{table.name}: columns (--columns) needs A,B,VALUE, found {len(columns)} names"
            )
        return tuple(table.column(name, "columns (--columns)") for name in columns), 1
    width = len(table.rows[0])
    if width != 3:
        raise NashsimError(
            f"{table.name}: a triple holds a, b and a value, found {width} cells in the first row"
        )
    return (0, 1, 2), int(heads_triples(table))


def heads_triples(table: Table) -> bool:
    """Whether the first row is a header: text above a number, over names that do not come again or a known word."""
    if table.has_header is not None:
        return table.has_header
    *names, title = table.rows[0]
    if not is_text(title) or not all(is_number(row[-1]) for row in table.rows[1:2]):
        return False
    again = {cell for row in table.rows[1:] for cell in row[:2]}
    return title.casefold() in _TITLES or not again & set(names[:2])
