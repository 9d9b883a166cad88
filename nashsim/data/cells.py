"""Tables of text cells, whatever they were read from, and the numbers in them."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np

from ..errors import NashsimError, unknown_name

#: Cells that say "never compared". The words nan and inf are errors: a number went wrong upstream.
BLANK = frozenset({"", "-", "--", "---", "–", "—"})
# Rows by which a delimiter is chosen.
_SAMPLE = 50
BLANK_HINT = "; leave the cell blank where a pair was never compared"


@dataclass(frozen=True)
class Table:
    """Rows of text cells.

    Attributes
    ----------
    name : str
        The file, for errors.
    rows : list of list of str
        Comments and empty lines are left out.
    lines : list of int or None
        Line of each row in its file; ``None`` where there are no lines, as in a frame.
    has_header : bool or None
        Whether the first row names the columns; ``None`` leaves that to the reader.
    """

    name: str
    rows: list[list[str]]
    lines: list[int] | None = None
    has_header: bool | None = None

    def where(self, i: int, header: int = 1) -> str:
        """Return how to find row ``i``, e.g. ``"row 3 (line 4)"``: data rows are counted from 1."""
        line = f" (line {self.lines[i]})" if self.lines is not None else ""
        return f"row {i + 1 - header}{line}"

    def column(self, name: str, option: str) -> int:
        """Return the position of a column, or raise NashsimError naming the option that asked for it."""
        header = self.rows[0]
        found = header.count(name)
        if found == 0:
            raise NashsimError(f"{self.name}: {option}: {unknown_name('column', name, header)}")
        if found > 1:
            raise NashsimError(
                f"{self.name}: {option}: the column {name!r} is there {found} times; rename one"
            )
        return header.index(name)

    def body(self, width: int, header: int = 1) -> Iterator[tuple[int, list[str]]]:
        """Yield position and cells of each data row; raise NashsimError where one is not ``width`` wide."""
        for i in range(header, len(self.rows)):
            if len(self.rows[i]) != width:
                found = len(self.rows[i])
                raise NashsimError(
                    f"{self.name}: {self.where(i, header)} has {found} cells where the first row has {width}"
                )
            yield i, self.rows[i]


def read_table(text: str, name: str) -> Table:
    """Split text into cells by tabs, commas or semicolons, whichever gives rows of one width, or by blanks.

    Cells may be quoted. A row whose first cell starts with ``#`` is a comment, unless that cell is ``#``
    alone and heads a column.

    Parameters
    ----------
    text : str
    name : str

    Raises
    ------
    NashsimError
        If there are no rows, or the quoting is broken.
    """
    lines = list(io.StringIO(text, newline=""))
    delimiter = _delimiter(lines, strict=True) or _delimiter(lines, strict=False) or " "
    if delimiter == " ":
        lines = [line.strip().replace("\t", " ") + "\n" for line in lines]
        lines = ["\n" if line.startswith("#") else line for line in lines]
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    rows, numbers, start = [], [], 1
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if cells not in ([], [""]) and not _is_comment(cells):
                rows.append(cells)
                numbers.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        raise NashsimError(f"{name}: line {reader.line_num} cannot be split into cells: {error}") from None
    if not rows:
        raise NashsimError(f"{name}: the file is empty")
    return Table(name, rows, numbers)


def _delimiter(lines: list[str], *, strict: bool) -> str | None:
    """The mark that splits the first rows best, None if none does; ``strict`` about quotes tells more."""
    widths = {
        mark: _width(csv.reader(lines, delimiter=mark, skipinitialspace=True, strict=strict))
        for mark in "\t,;"
    }
    best = max(widths, key=widths.get)
    return best if widths[best] > 1 else None


def _width(reader: Iterator[list[str]]) -> float:
    """Cells a row, 1.5 if rows differ; 1 if most rows have no more."""
    try:
        rows = [row for row in islice(reader, _SAMPLE) if row and not _is_comment(row)]
    except csv.Error:
        return 1
    # The first row may have another width: a size, or a header without a corner.
    widths = [len(row) for row in rows]
    if not widths or 2 * widths.count(1) > len(widths):
        return 1
    return widths[-1] if widths[-1] > 1 and len(set(widths[1:])) <= 1 else 1.5


def _is_comment(cells: Sequence[str]) -> bool:
    first = cells[0]
    return first.startswith("#") and (first != "#" or len(cells) == 1)


def is_number(cell: str) -> bool:
    """Whether a cell holds a number, with or without a percent sign; nan and inf count too."""
    try:
        float(cell.removesuffix("%"))
    except ValueError:
        return False
    return "_" not in cell


def is_text(cell: str) -> bool:
    """Whether a cell holds something that is neither a number nor blank."""
    return cell not in BLANK and not is_number(cell)


def parse_number(cell: str, name: str, where: Callable[[], str], hint: str = "") -> float:
    """Return a finite number, or raise NashsimError with the place that ``where`` then describes.

    Parameters
    ----------
    cell : str
    name : str
    where : callable
    hint : str
        What to do about NaN or infinity, for the error.
    """
    try:
        number = float(cell)
    except ValueError:
        raise NashsimError(f"{name}: a number is needed at {where()}, found {cell!r}") from None
    if not math.isfinite(number):
        raise NashsimError(f"{name}: every number must be finite, found {cell!r} at {where()}{hint}")
    return number


def parse_values(
    cells: Sequence[Sequence[str]], name: str, where: Callable[[int, int], str], hint: str = ""
) -> tuple[np.ndarray, bool]:
    """Return the numbers in a rectangle of cells, NaN where blank, and whether they carry percent signs.

    Parameters
    ----------
    cells : sequence of rows of str, shape (rows, columns)
    name : str
    where : callable
        ``where(i, j)`` says how to find a cell.
    hint : str
        As for :func:`parse_number`.

    Raises
    ------
    NashsimError
        If a cell is neither a finite number nor blank, or only some numbers carry a percent sign.
    """
    values = np.full((len(cells), len(cells[0])), np.nan)
    plain = percent = None
    for i, row in enumerate(cells):
        for j, cell in enumerate(row):
            if cell in BLANK:
                continue
            if cell.endswith("%"):
                percent = percent or (i, j)
            else:
                plain = plain or (i, j)
            values[i, j] = parse_number(cell.removesuffix("%").strip(), name, partial(where, i, j), hint)
    if plain and percent:
        raise NashsimError(
            f"{name}: either all or no numbers may carry a percent sign, found one at {where(*percent)}"
            f" and none at {where(*plain)}"
        )
    return values, percent is not None
