"""Tables of text cells, whatever they were read from."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from ..errors import NashsimError, unknown_name
from .values import has_text, numbers

SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars", " ": "blanks"}
# Rows by which a separator is chosen.
_SAMPLE, _SAMPLE_LINES = 50, 1000
_RULE = re.compile(r":?-{3,}:?")


@dataclass(frozen=True)
class Table:
    """Rows of text cells.

    Attributes
    ----------
    name : str
        The file, for errors.
    rows : list of list of str
        Comments before the table and empty lines are left out.
    lines : list of int or None
        Line of each row in its file; ``None`` where there are no lines, as in a frame.
    has_header : bool or None
        Whether the first row names the columns; ``None`` leaves that to the reader.
    has_index : bool or None
        Whether the first column names the rows of a matrix.
    decimal : str or None
        The decimal mark; ``None`` leaves that to the numbers.
    comments : int
        Comment lines before the table that were left out.
    comment : list of str or None
        Cells of the last of them, where they are as many as the table's.
    dialect : str
        In words, e.g. ``"separated by commas"``.
    """

    name: str
    rows: list[list[str]]
    lines: list[int] | None = None
    has_header: bool | None = None
    has_index: bool | None = None
    decimal: str | None = None
    comments: int = 0
    comment: list[str] | None = None
    dialect: str = ""

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

    def body(self, header: int = 1) -> list[list[str]]:
        """Return the data rows; raise NashsimError where one is not as wide as the first row."""
        width, body = len(self.rows[0]), self.rows[header:]
        for i, row in enumerate(body, header):
            if len(row) != width:
                comment = " (a comment stands before the table, never in it)" if row[0][:1] == "#" else ""
                raise NashsimError(
                    f"{self.name}: {self.where(i, header)} has {len(row)} cells where the first row has"
                    f" {width}{comment}"
                )
            if header and row == self.rows[0]:
                raise NashsimError(
                    f"{self.name}: {self.where(i, header)} repeats the header; are these two files in one?"
                )
        return body

    def numbers(self, body: list[list[str]], column: int, header: int = 1, what: str = "") -> np.ndarray:
        """Return the numbers in a column of data rows; raise NashsimError naming a row that has none."""
        cells = [row[column] for row in body]

        def where(i: int) -> str:
            place = self.where(i + header, header)
            return f"{what} of {place}" if what else f"{place}, column {self.rows[0][column]!r}"

        return numbers(cells, self.name, where, self.decimal)

    def with_comment(self) -> Table:
        """Return the table with its last comment as the header."""
        lines = None if self.lines is None else [self.lines[0] - 1, *self.lines]
        rows = [self.comment, *self.rows]
        return replace(
            self, rows=rows, lines=lines, has_header=True, comments=self.comments - 1, comment=None
        )


def read_tables(
    text: str,
    name: str,
    *,
    separator: str | None = None,
    header: bool | None = None,
    decimal: str | None = None,
) -> list[Table]:
    """Split text into cells by every separator that gives rows of one width, the likeliest first.

    Cells may be quoted. Lines before the table that begin with ``#`` are comments; a ``#`` alone may head a column.

    Parameters
    ----------
    text : str
    name : str
    separator : str or None
        A key of :data:`SEPARATORS`; ``None`` looks.
    header : bool or None
        Whether the first row names the columns.
    decimal : str or None
        The decimal mark.

    Raises
    ------
    NashsimError
        If there are no rows, or the quoting is broken.
    """
    lines = list(io.StringIO(text, newline=""))
    if stated := re.fullmatch(r"sep=(.)\s*", lines[0]):  # as spreadsheets write
        lines[0], separator = "\n", separator or stated[1]
    start = next((i for i, line in enumerate(lines) if line.strip() and not _is_comment(line)), len(lines))
    if start == len(lines):
        raise NashsimError(f"{name}: the file is empty")
    comments = [line for line in lines[:start] if line.strip()]
    marks = [separator] if separator else _separators(lines[start:], name)
    found = []
    for mark in marks:
        rows, numbers = _split(lines[start:], mark, name)
        if header is not True and _begins_with_blanks(lines[start - 1] if start else "", rows, mark):
            rows, numbers = [[""] * len(rows[0]), *rows], [0, *numbers]
        table = Table(name, rows, [start + k for k in numbers], header, None, decimal, len(comments))
        alike = [cells for line in comments if len(cells := _comment_cells(line, mark)) == len(rows[0]) > 1]
        # Without a blank after its # a line may be a row; else the last one before the table may be its header.
        named = next((cells for cells in alike if cells[0].startswith("#")), None)
        if named is None and alike and alike[-1] == _comment_cells(comments[-1], mark):
            named = alike[-1]
        found.append(replace(table, comment=named, dialect=f"separated by {SEPARATORS[mark]}"))
    return found


def read_table(text: str, name: str) -> Table:
    """Return the likeliest of :func:`read_tables`."""
    return read_tables(text, name)[0]


def _separators(lines: list[str], name: str) -> list[str]:
    """Marks that split the first rows into one width, by number of cells; blanks where no other mark does."""
    for strict in (True, False):
        widths = {}
        for mark in "\t,;|":
            reader = csv.reader(_trimmed(lines[:_SAMPLE_LINES], mark), **_dialect(mark), strict=strict)
            widths[mark] = _width(reader)
        best = sorted((mark for mark in widths if widths[mark] > 1), key=widths.get, reverse=True)
        if not best:
            continue
        even = [mark for mark in best if widths[mark] >= 2] or best[:1]
        if len(even) == 1 and widths[even[0]] == 2 and len(best) > 1:
            both = " or ".join(SEPARATORS[mark] for mark in best[:2])
            raise NashsimError(f"{name}: cells may be separated by {both}; say by which (--separator)")
        # Decimal commas between blanks look like a comma a row.
        sample = "".join(lines[:_SAMPLE])
        inside = "," in even and sample.count(",") == len(re.findall(r"(?<=\d),(?=\d)", sample))
        return [*even, " "] if inside and _width(line.split() for line in lines) >= 2 else even
    return [" "]


def _dialect(mark: str) -> dict:
    return {"delimiter": mark, "skipinitialspace": True}


def _trimmed(lines: list[str], mark: str) -> list[str]:
    """Lines as the reader of cells takes them: without bars at both ends, where all lines have them."""
    cut = [line.strip() for line in lines] if mark == "|" else []
    if any(cut) and all(
        line.startswith("|") and line.endswith("|") and len(line) > 1 for line in cut if line
    ):
        return [f"{line[1:-1]}\n" for line in cut]
    return lines


def _split(lines: list[str], mark: str, name: str) -> tuple[list[list[str]], list[int]]:
    """Rows of cells, and the line on which each starts, counted from 1."""
    if mark == " ":
        lines = [line.strip().replace("\t", " ") + "\n" for line in lines]
    reader = csv.reader(_trimmed(lines, mark), **_dialect(mark))
    rows, numbers, start = [], [], 1
    try:
        for cells in reader:
            cells = list(map(str.strip, cells))
            if len(cells) > 1 or cells and cells[0]:
                rows.append(cells)
                numbers.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        raise NashsimError(f"{name}: line {reader.line_num} cannot be split into cells: {error}") from None
    if mark == "|" and len(rows) > 1 and all(map(_RULE.fullmatch, rows[1])):
        del rows[1], numbers[1]
    return rows, numbers


def _begins_with_blanks(line: str, rows: list[list[str]], mark: str) -> bool:
    """Whether a line of nothing but tabs is the first row of a triangle without labels, and not an empty line."""
    return (
        mark == "\t"
        and line.strip("\r\n") == "\t" * (len(rows[0]) - 1) != ""
        and all(len(row) == len(rows[0]) == len(rows) + 1 for row in rows)
        and not has_text(rows)
    )


def _width(reader: Iterator[list[str]]) -> float:
    """Cells a row, 1.5 if rows differ; 1 if most rows have no more."""
    try:
        rows = [row for row in islice(reader, _SAMPLE) if row]
    except csv.Error:
        return 1
    # The first row may have another width: a size, or a header without a corner.
    widths = [len(row) for row in rows]
    if not widths or 2 * widths.count(1) > len(widths):
        return 1
    return widths[-1] if widths[-1] > 1 and len(set(widths[1:])) <= 1 else 1.5


def _is_comment(line: str) -> bool:
    return line.lstrip(" ").startswith("#") and not re.match(r" *# *[,;\t|]", line)


def _comment_cells(line: str, mark: str) -> list[str]:
    """Cells of a comment that may be a header: ``# a b`` names a, ``#a b`` names #a."""
    line = re.sub(r"^\s*#+\s+", "", line)
    return [
        cell.strip() for cell in (line.split() if mark == " " else next(csv.reader([line], delimiter=mark)))
    ]
