"""Square matrices: labelled CSV, headerless text, text that starts with n, and ``.npy``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import BytesIO

import numpy as np

from ..errors import NashsimError
from .cells import Table
from .content import Content
from .layouts import Layout, layouts, numbered
from .table import PreferenceData
from .units import interpret
from .values import BLANK_HINT, one_label_each, parse_values


def read_matrix(
    table: Table, *, unit: str = "auto", range: tuple[float, float] | None = None
) -> PreferenceData:
    """Read a square matrix of cells; entry (row, column) speaks of row against column.

    Labels may stand above the columns, before the rows, or both (in any order; the rows' order is kept);
    without labels they are "0", "1", ... A first row of a single integer n announces an n x n matrix. Blank
    cells (also ``-``) are pairs never compared. Columns and rows of totals are left out and noted.

    Parameters
    ----------
    table : Table
    unit, range
        As for :func:`nashsim.data.units.interpret`.

    Raises
    ------
    NashsimError
        If the matrix is not square, a cell is not a number, labels of rows and columns differ, unit and values do
        not fit, or the same numbers may be labels or entries.
    """
    found = layouts(table)
    read, errors = [], []
    for layout in found:
        try:
            read.append((layout, _read(layout, table, unit, range)))
        except NashsimError as error:
            errors.append(error)
    read = [(layout, data) for layout, data in read if not data.is_asymmetric] or read
    labels = found[0].named()[0]
    doubtful = len(read) > 1 and not (found[0].across and _are_ids(labels))
    if doubtful or (len(found) > 1 and read and read[0][0] is not found[0] and _are_whole(labels)):
        raise NashsimError(
            f"{table.name}: the first row and column may be labels ({', '.join(labels)}) or entries; say by"
            " header=True or False (--header yes or no)"
        )
    if not read:
        raise errors[0]
    return read[0][1]


def _read(layout: Layout, table: Table, unit: str, range) -> PreferenceData:
    layout = layout.blanked()
    across, down, cells = layout.across, layout.down, layout.cells
    (labels, columns), notes = layout.named(), list(layout.notes)
    if across and down:
        same = one_label_each(list(dict.fromkeys([*down, *across])), table.name)
        across, down = ([same.get(label, label) for label in side] for side in (across, down))
        if layout.is_directed and unit == "count" and set(across) != set(down) and set(across) & set(down):
            return _counts_of_some(across, down, cells, table, notes)
        labels, columns = down, across
    widths = {len(row) for row in cells}
    if len(widths) != 1 or widths != {len(cells)}:
        found = " or ".join(map(str, sorted(widths))) or "no"
        raise NashsimError(
            f"{table.name}: a preference matrix must be square, found {len(cells)} rows of {found} cells"
            " (pairs never compared are blank cells; or list the pairs you have as triples a, b, value; a header of"
            " numbers is taken for one by --header yes)"
        )
    values, percent = _values(cells, labels, columns, table)
    if across and down:
        values = values[:, order(across, down, table.name)]
    return interpret(
        labels, values, unit=unit, range=range, percent_signs=percent, name=table.name, notes=notes
    )


def _counts_of_some(across, down, cells, table: Table, notes: list[str]) -> PreferenceData:
    """Counts where some labels have no row or no column: they never won, or never lost."""
    labels = list(dict.fromkeys([*down, *across]))
    if (
        len(set(down)) < len(down)
        or len(set(across)) < len(across)
        or {len(row) for row in cells} != {len(across)}
    ):
        order(across, down, table.name)
    alone = [label for label in labels if (label in across) != (label in down)]
    notes.append(f"Labels with a row or a column alone, whose other counts are 0: {', '.join(alone)}.")
    values = np.full((len(labels), len(labels)), np.nan)
    place = {label: i for i, label in enumerate(labels)}
    values[np.ix_([place[x] for x in down], [place[x] for x in across])] = _values(
        cells, down, across, table
    )[0]
    return interpret(labels, values, unit="count", name=table.name, notes=notes)


def _values(cells, labels, columns, table: Table) -> tuple[np.ndarray, bool]:
    return parse_values(
        cells, table.name, lambda i, j: f"({labels[i]!r}, {columns[j]!r})", BLANK_HINT, table.decimal
    )


def read_array(content: Content, *, unit: str = "auto", range: tuple[float, float] | None = None):
    """Read a two-dimensional ``.npy`` array as PreferenceData; pickled objects are never loaded.

    Parameters
    ----------
    content : Content
    unit, range
        As for :func:`nashsim.data.units.interpret`.

    Raises
    ------
    NashsimError
        If the file is no plain array of numbers, not a square matrix, or holds NaN (but on its diagonal) or
        infinities.
    """
    name = content.name
    try:
        array = np.load(BytesIO(content.data), allow_pickle=False)
    except (ValueError, EOFError, OSError):
        # what NumPy says of a file it does not know ends in the advice to unpickle it
        raise NashsimError(
            f"{name}: cannot be read as an array of numbers (.npy); objects are not unpickled: allow_pickle=False"
        ) from None
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
    wrong = ~np.isfinite(array) & ~(np.isnan(array) & np.eye(len(array), dtype=bool))
    if wrong.any():
        i, j = np.argwhere(wrong)[0]
        raise NashsimError(
            f"{name}: every entry must be finite, found {array[i, j]} at ({i}, {j}) (for pairs never compared"
            " write a labelled CSV with blank cells, or build PreferenceData yourself)"
        )
    return interpret(numbered(len(array)), array, unit=unit, range=range, name=name)


def order(across: list[str], down: list[str], name: str) -> list[int]:
    """Return where the labels down stand across; raise NashsimError if the two are not the same labels, once each."""
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


def _are_ids(labels: Sequence[str]) -> bool:
    """Whether numbers are ids beyond doubt: whole ones that count up, or three and more that grow."""
    steps = np.diff([float(label) for label in labels]) if _are_whole(labels) else np.zeros(1)
    return bool(len(steps) and ((steps == 1).all() or (len(steps) > 1 and (steps > 0).all())))


def _are_whole(labels: Sequence[str]) -> bool:
    return all(re.fullmatch(r"\d+(\.0*)?", label) for label in labels)
