"""Where the labels of a matrix stand in rows of cells, told by structure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace

from ..errors import NashsimError
from .cells import Table
from .values import BLANK, has_text, is_number, is_text

# What stands on a diagonal for "nobody plays itself".
_SELF = BLANK | {"*", "x", "X", "\\", "nan", "NaN", "None"}
_TOTALS = frozenset(
    ("all", "average", "avg", "elo", "mean", "overall", "place", "points", "pts", "rank", "rating", "score", "sum",
     "total", "totals", "win%", "σ")
)  # fmt: skip
_WINNERS = frozenset({"winner", "winners", "chosen", "won"})
_LOSERS = frozenset({"loser", "losers", "rejected", "lost"})


@dataclass(frozen=True)
class Layout:
    """One way to see a matrix in rows of cells.

    Attributes
    ----------
    across, down : list of str or None
        Labels above the columns and before the rows.
    cells : list of list of str
    notes : list of str
    words : str
        What was taken for labels, for people.
    is_directed : bool
        Whether the source says that rows are winners, so that a label may lack a row or a column.
    """

    across: list[str] | None
    down: list[str] | None
    cells: list[list[str]]
    notes: list[str]
    words: str
    is_directed: bool = False

    @property
    def is_square(self) -> bool:
        """Whether there are as many rows as cells in each."""
        return bool(self.cells) and all(len(row) == len(self.cells) for row in self.cells)

    def named(self) -> tuple[list[str], list[str]]:
        """Return labels of rows and of columns, numbers where there are none."""
        labels = self.down or self.across or numbered(len(self.cells))
        return labels, self.across or labels

    def is_self(self, i: int, j: int) -> bool:
        """Whether a cell compares a label with itself."""
        down, across = self.named()
        return i < len(down) and j < len(across) and down[i] == across[j]

    def blanked(self) -> Layout:
        """Return the layout with blanks for what stands, where a label meets itself, instead of a number."""
        (down, across), places = self.named(), defaultdict(list)
        for j, label in enumerate(across):
            places[label].append(j)
        cells = list(map(list, self.cells))
        for label, row in zip(down, cells, strict=False):
            for j in places[label]:
                if j < len(row) and row[j] in _SELF:
                    row[j] = ""
        return replace(self, cells=cells)


def layouts(table: Table) -> list[Layout]:
    """Return the ways to see a matrix in a table, the likeliest first; at least one, fitting or not.

    Labels are told by structure: a corner, the same labels across and down, rows of n + 1 cells.

    Raises
    ------
    NashsimError
        If the table announces another size, or its corner says that rows lose.
    """
    rows, notes = _without_totals(_without_size(table))
    if _grows(rows):
        rows = [row + [""] * (len(rows) - len(row)) for row in rows]
    first, rest = rows[0], rows[1:]
    if rest and len(first) == len(rest[0]) - 1 and any(map(is_text, first)):
        first = ["", *first]
    rest = _filled_up(first, rest)
    corner, across, down = first[0], first[1:], [row[0] for row in rest]
    inner = [row[1:] for row in rest]
    if corner.casefold() in _LOSERS:
        raise NashsimError(
            f"{table.name}: the corner {corner!r} says that rows lose to columns; give the matrix the other way round"
        )
    plain = Layout(None, None, [first, *rest], notes, "no labels")
    directed = bool(table.has_index) or corner.casefold() in _WINNERS
    both = Layout(across, down, inner, notes, "labels across and down", directed)
    if table.has_header is False:
        return [plain]
    if table.has_header and table.has_index:
        if (
            across
            and not any(map(is_text, down))
            and any(map(is_text, across))
            and down == numbered(len(down))
        ):
            return [Layout(across, None, inner, notes, "labels across")]
        return [both]
    named_rows, named_columns = (
        any(is_text(label) and label != "*" for label in side) for side in (down, across)
    )
    counted = [str(i) for i in range(1, len(rest) + 1)]
    if _is_numbered(first, rest, counted):
        names = [row[1] for row in rest]
        return [Layout(None, names, [row[2:] for row in rest], notes, "numbered names")]
    is_corner = corner in BLANK or (is_text(corner) and corner not in _SELF)
    if is_corner and across == counted and set(down) != set(across) and len(set(down)) == len(down) > 1:
        layout = Layout(None, down, inner, notes, "labels down, numbers across")
        return [layout] if named_rows or corner not in BLANK else [layout, plain]
    if is_corner and not named_rows and not named_columns and _are_same(across, down):
        if is_text(corner) or any(row[i] != corner for i, row in enumerate(inner) if i < len(row)):
            return [both]
        return [both] if table.has_header else [both, plain]
    if named_columns and corner in BLANK and down == numbered(len(down)):
        return [Layout(across, None, inner, notes, "labels across")]
    if named_columns and (named_rows or corner in BLANK):
        return [both]
    header = Layout(first, None, rest, notes, "labels across")
    if table.has_header:
        return [header if len(first) == len(rest) else both]
    if named_columns or (is_text(corner) and len(first) == 1):
        return [header]
    if named_rows or is_text(corner) and corner not in _SELF:
        return [Layout(None, [row[0] for row in rows], [row[1:] for row in rows], notes, "labels down")]
    return [plain]


def numbered(n: int) -> list[str]:
    """Return the labels "0", "1", ... of n actions without names."""
    return [str(i) for i in range(n)]


def may_be_square(table: Table) -> bool:
    """Whether a table has about as many rows as columns; a long one is no matrix, and not worth a look."""
    return len(table.rows) <= 2 * len(table.rows[-1]) + 8


def is_matrix(table: Table) -> bool:
    """Whether a table is a square matrix of numbers and blanks, with or without labels or a leading n."""
    if not may_be_square(table):
        return False
    if _announces_size(table.rows) and len(table.rows) - 1 != int(table.rows[0][0]):
        return not has_text(table.rows)
    return any(layout.is_square and not has_text(layout.blanked().cells) for layout in layouts(table))


def is_almost_a_matrix(table: Table) -> bool:
    """Whether rows are numbers, or labelled numbers with labels in common: a matrix with something wrong."""
    if not may_be_square(table):
        return False
    layout = layouts(table)[0]
    numbers = sum(is_number(cell) for row in layout.cells for cell in row)
    labels_meet = not layout.across or not layout.down or bool(set(layout.across) & set(layout.down))
    return labels_meet and numbers > 0 and 2 * numbers >= sum(map(len, layout.cells))


def _are_same(across: list[str], down: list[str]) -> bool:
    """Whether numbers across and down are the same labels; 1 and 1.0 are."""
    one, other = (
        [float(x) if is_number(x) and "," not in x and "%" not in x else x for x in side]
        for side in (across, down)
    )
    return len(one) == len(other) == len(set(one)) and (one == other or set(one) == set(other))


def _is_numbered(first, rest, counted) -> bool:
    """Whether rows are a number, a name and the cells, under the numbers or the names."""
    if any(len(row) != len(rest) + 2 for row in (first, *rest)):
        return False
    names = [row[1] for row in rest]
    return (
        [row[0].rstrip(".") for row in rest] == counted
        and (is_text(first[1]) or any(map(is_text, names)))
        and first[2:] in (counted, names)
    )


def _filled_up(first: list[str], rest: list[list[str]]) -> list[list[str]]:
    """Rows of a lower triangle, each a cell longer than the one before, filled up with blanks."""
    widths = [len(row) for row in rest]
    grows = len(rest) > 2 and widths == list(range(widths[0], widths[0] + len(rest))) and widths[0] in (1, 2)
    width = max(len(first), widths[-1]) if grows else 0
    return [row + [""] * (width - len(row)) for row in rest] if grows else rest


def _without_totals(rows: list[list[str]]) -> tuple[list[list[str]], list[str]]:
    """Rows without trailing columns and rows of totals, and a note that names them."""
    gone, kept = [], [list(row) for row in rows]
    while (
        len(kept) > 2 and len(kept[0]) > 2 and _is_total(kept[0][-1]) and len({len(row) for row in kept}) == 1
    ):
        if not _sums([row[-1] for row in kept[1:]], [row[1:-1] for row in kept[1:]], kept):
            break
        gone.append(f"column {kept[0][-1]!r}")
        kept = [row[:-1] for row in kept]
    while len(kept) > 2 and (title := next((cell for cell in kept[-1][:2] if _is_total(cell)), None)):
        columns = [list(column) for column in zip(*(row[1:] for row in kept[1:-1]), strict=False)]
        if not _sums(kept[-1][1:], columns, kept):
            break
        gone.append(f"row {title!r}")
        kept = kept[:-1]
    return (kept, [f"Left out as totals: {', '.join(gone)}."]) if gone else (rows, [])


def _is_total(cell: str) -> bool:
    return cell.casefold().rstrip(".:") in _TOTALS


def _sums(totals: list[str], parts: list[list[str]], rows: list[list[str]]) -> bool:
    """Whether totals need no proof, as nothing else has their title both across and down, or are sums."""
    across, down = {cell for cell in rows[0] if _is_total(cell)}, {row[0] for row in rows[1:]}
    if not across & down:
        return True
    try:
        return all(
            abs(float(total) - sum(float(cell) for cell in part if cell not in _SELF))
            < 1e-9 * (1 + abs(float(total)))
            for total, part in zip(totals, parts, strict=False)
        )
    except ValueError:
        return False


def _announces_size(rows: list[list[str]]) -> bool:
    return len(rows) > 1 and len(rows[0]) == 1 and rows[0][0].isdecimal() and not _grows(rows)


def _without_size(table: Table) -> list[list[str]]:
    if not _announces_size(table.rows):
        return table.rows
    size, rows = int(table.rows[0][0]), table.rows[1:]
    if len(rows) != size:
        raise NashsimError(f"{table.name}: the first line announces {size} rows, found {len(rows)}")
    return rows


def _grows(rows: list[list[str]]) -> bool:
    """Whether rows are a lower triangle that begins with its diagonal."""
    return len(rows) > 2 and [len(row) for row in rows] == list(range(1, len(rows) + 1))
