"""Square matrices: labelled CSV, headerless text, text that starts with n, and ``.npy``."""

from __future__ import annotations

from io import BytesIO

import numpy as np

from ..errors import NashsimError, first_line
from .cells import BLANK, BLANK_HINT, Table, is_number, is_text, parse_values
from .table import PreferenceData
from .units import interpret


def read_matrix(
    table: Table, *, unit: str = "auto", range: tuple[float, float] | None = None
) -> PreferenceData:
    """Read a square matrix of cells; entry (row, column) speaks of row against column.

    Labels may stand above the columns, before the rows, or both (in any order; the rows' order is kept);
    without labels they are "0", "1", ... A first row of a single integer n announces an n x n matrix. Blank
    cells (also ``-``) are pairs never compared.

    Parameters
    ----------
    table : Table
    unit, range
        As for :func:`nashsim.data.units.interpret`.

    Raises
    ------
    NashsimError
        If the matrix is not square, a cell is not a number, labels of rows and columns differ, or unit and
        values do not fit.
    """
    rows = _without_size(table)
    across, down, cells = split_labels(rows)
    widths = {len(row) for row in cells}
    if len(widths) != 1 or widths != {len(cells)}:
        found = " or ".join(map(str, sorted(widths))) or "no"
        raise NashsimError(
            f"{table.name}: a preference matrix must be square, found {len(cells)} rows of {found} cells"
            " (pairs never compared are blank cells; or list the pairs you have as triples a, b, value)"
        )
    labels = down or across or numbered(len(cells))
    columns = across or labels
    values, percent = parse_values(
        cells, table.name, lambda i, j: f"({labels[i]!r}, {columns[j]!r})", BLANK_HINT
    )
    if across and down:
        values = values[:, _order(across, down, table.name)]
    return interpret(labels, values, unit=unit, range=range, percent_signs=percent, name=table.name)


def read_array(content: bytes, name: str, *, unit: str = "auto", range: tuple[float, float] | None = None):
    """Read a two-dimensional ``.npy`` array as PreferenceData; pickled objects are never loaded.

    Parameters
    ----------
    content : bytes
    name : str
    unit, range
        As for :func:`nashsim.data.units.interpret`.

    Raises
    ------
    NashsimError
        If the file is no plain array of numbers, not a square matrix, or holds NaN or infinities.
    """
    try:
        array = np.load(BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        reason = first_line(error)
        raise NashsimError(f"{name}: cannot be read as an array of numbers (.npy): {reason}") from None
    if array.dtype.kind not in "fiub":
        raise NashsimError(f"{name}: an array of numbers is needed, found dtype {array.dtype}")
    if array.ndim == 3:
        raise NashsimError(
            f"{name}: one matrix (n, n) is needed, found a stack of shape {array.shape}; build a game of"
            " contexts from it with PreferenceGame(numpy.load(path))"
        )
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.size == 0:
        raise NashsimError(f"{name}: a preference matrix must be square, found shape {array.shape}")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        i, j = np.argwhere(~np.isfinite(array))[0]
        raise NashsimError(
            f"{name}: every entry must be finite, found {array[i, j]} at ({i}, {j}) (for pairs never compared"
            " write a labelled CSV with blank cells, or build PreferenceData yourself)"
        )
    return interpret(numbered(len(array)), array, unit=unit, range=range, name=name)


def split_labels(rows: list[list[str]]) -> tuple[list[str] | None, list[str] | None, list[list[str]]]:
    """Return the labels above the columns, the labels before the rows (each or None), and the cells between.

    Parameters
    ----------
    rows : list of list of str
    """
    first, rest = rows[0], rows[1:]
    if rest and len(first) == len(rest[0]) - 1 and any(map(is_text, first)):
        first = ["", *first]
    corner, across, down = first[0], first[1:], [row[0] for row in rest]
    inner = [row[1:] for row in rest]
    named_rows, named_columns = any(map(is_text, down)), any(map(is_text, across))
    if across == down and not is_number(corner) and _are_labels(corner, across, inner):
        return across, down, inner
    if named_columns and corner in BLANK and down == numbered(len(down)):
        return across, None, inner
    if named_columns and (named_rows or corner in BLANK):
        return across, down, inner
    if named_columns or (is_text(corner) and len(first) == 1):
        return first, None, rest
    if named_rows or is_text(corner):
        return None, [row[0] for row in rows], [row[1:] for row in rows]
    return None, None, rows


def numbered(n: int) -> list[str]:
    """Return the labels "0", "1", ... of n actions without names."""
    return [str(i) for i in range(n)]


def _are_labels(corner: str, across: list[str], inner: list[list[str]]) -> bool:
    """Whether an equal first row and column are labels, and not entries beside a blank diagonal."""
    if is_text(corner) or any(map(is_text, across)):
        return True
    if any(row[i] not in BLANK for i, row in enumerate(inner) if i < len(row)):
        return True
    return all(label.isdecimal() for label in across) and len({int(x) - i for i, x in enumerate(across)}) == 1


def is_square(rows: list[list[str]]) -> bool:
    """Whether rows are a square matrix of numbers and blanks, with or without labels or a leading n."""
    if _announces_size(rows):
        rows = rows[1:]
    _, _, cells = split_labels(rows)
    square = bool(cells) and all(len(row) == len(cells) for row in cells)
    return square and not any(is_text(cell) for row in cells for cell in row)


def _announces_size(rows: list[list[str]]) -> bool:
    return len(rows) > 1 and len(rows[0]) == 1 and rows[0][0].isdecimal()


def _without_size(table: Table) -> list[list[str]]:
    if not _announces_size(table.rows):
        return table.rows
    size, rows = int(table.rows[0][0]), table.rows[1:]
    if len(rows) != size:
        raise NashsimError(f"{table.name}: the first line announces {size} rows, found {len(rows)}")
    return rows


def _order(across: list[str], down: list[str], name: str) -> list[int]:
    for one, other, has, lacks in ((down, across, "row", "column"), (across, down, "column", "row")):
        alone = [label for label in one if label not in set(other)]
        if alone:
            raise NashsimError(
                f"{name}: rows and columns must carry the same labels, found {alone[0]!r} with a {has} but no"
                f" {lacks}"
            )
    if len(set(across)) < len(across):
        twice = next(label for label in across if across.count(label) > 1)
        raise NashsimError(f"{name}: every label must be given once, found {twice!r} more than once")
    return [across.index(label) for label in down]
