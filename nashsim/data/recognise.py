"""What speaks for a format in the cells of a table; and files that hold no pairwise preferences at all."""

from __future__ import annotations

from ..errors import NashsimError
from . import outcomes
from .battles import COLUMNS as BATTLE_COLUMNS
from .battles import wins_columns
from .blt import looks_like_blt
from .cells import Table
from .crosstable import looks_like_crosstable
from .latex import looks_like_latex
from .layouts import is_almost_a_matrix, is_matrix, layouts
from .pairs import named_pair
from .preflib import looks_like_preflib
from .rankings import rank_columns, ranks_nobody
from .records import looks_like_json
from .triples import heads_triples, looks_like_tuples
from .values import is_number, is_text

_SCORE_WORDS = ("score", "rating", "elo", "win_rate", "winrate", "win rate", "rank")


def text_kind(text: str) -> str | None:
    """Return ``"latex"``, ``"preflib"``, ``"blt"``, ``"json"`` or ``"tuples"``, or None for what may be a table."""
    kinds = {
        "latex": looks_like_latex,
        "preflib": looks_like_preflib,
        "blt": looks_like_blt,
        "json": looks_like_json,
        "tuples": looks_like_tuples,
    }
    return next((kind for kind, looks_like in kinds.items() if looks_like(text)), None)


def evidence(table: Table) -> dict[str, str]:
    """Return the formats that a table may have, and what speaks for each; none without positive evidence.

    Names of columns speak louder than the shape of cells, which speaks only where no name does.
    """
    named = {} if table.has_header is False else _by_names(table)
    if named:
        return named
    if len(table.rows) == 1:
        return {}
    return _by_cells(table)


def with_header(table: Table) -> Table:
    """Return the table with the comment above it as its header, if that names its columns.

    A comment with as many names as a matrix without labels has columns is its header, as ``numpy.savetxt`` writes.

    Raises
    ------
    NashsimError
        If the line may be a row as well, since no blank follows its ``#``.
    """
    if table.comment is None:
        return table
    headed = table.with_comment()
    if _by_names(headed):
        return headed
    if is_matrix(table) and layouts(table)[0].across is None and all(map(is_text, table.comment)):
        return headed
    if table.comment[0].startswith("#"):
        raise NashsimError(
            f"{table.name}: the line before the table begins with {table.comment[0]!r} and has as many cells as the"
            " table; put a blank after # if it is a comment, or quote the cell if it is a row"
        )
    return table


def _by_names(table: Table) -> dict[str, str]:
    header, found = table.rows[0], {}
    sides = outcomes.find_pair(header, outcomes.SIDES)
    if sides is not None:
        words = " and ".join(header[i] for i in sides)
        told = outcomes.find_one(header, ("winner",), sides)
        hot = outcomes.one_hot(header, sides)
        if told is None and hot is None:
            told = outcomes.result_column(table, sides)
        if told is not None or hot is not None:
            by = header[told] if told is not None else ", ".join(header[i] for i in hot if i is not None)
            found["battles"] = f"the header names {words} and the outcome {by}"
        if (of := wins_columns(header, sides)) is not None:
            found["wins"] = f"the header names {words} and the wins {' and '.join(header[i] for i in of)}"
        if not found and set(BATTLE_COLUMNS[:2]) <= set(header):
            found["battles"] = f"the header names {words}"
    if "battles" not in found and (pair := named_pair(header)) is not None:
        found["pairs"] = f"the header names {header[pair[0]]} and {header[pair[1]]}"
    if (ranks := rank_columns(header)) is not None:
        found["rankings"] = f"the header names ranks from {header[ranks[0]]} to {header[ranks[-1]]}"
    if "wins" in found and sides and "pairs" in found:
        del found["pairs"]
    return found


def _by_cells(table: Table) -> dict[str, str]:
    rows, found = table.rows, {}
    if looks_like_crosstable(table):
        return {"crosstable": "its cells are strings of results, mirrored about the diagonal"}
    if is_matrix(table):
        layout = layouts(table)[0]
        found["matrix"] = f"a square of numbers with {layout.words}"
    header = heads_triples(table)
    body = rows[1:] if header else rows
    width = len(body[0])
    if body and all(len(row) == width for row in body) and all(_names(row[:2]) for row in body):
        shared = {row[0] for row in body} & {row[1] for row in body}
        label = min(shared, default="", key=[row[0] for row in body].index)
        if width == 3 and shared and all(is_number(row[2]) for row in body) and (header or _tells(body)):
            found["triples"] = f"two names and a number a row, names such as {label!r} in both columns"
        # Ballots of two ranks look like pairs; a rank that was skipped gives them away.
        is_ballot = any(map(ranks_nobody, {cell for row in body for cell in row[:2]}))
        if width == 2 and shared and not header and not is_ballot and "matrix" not in found:
            found["pairs"] = f"two names a row, such as {label!r} in both columns, winner first"
    if not found and is_almost_a_matrix(table):
        found["matrix"] = "mostly numbers"
    return found


def is_leaderboard(table: Table) -> bool:
    """Whether each row gives scores to one name, against nobody that the table names."""
    header, body = table.rows[0], table.rows[1:]
    if _by_names(table):
        return False
    if not body or any(len(row) != len(header) for row in body):
        return False
    names, *others = zip(*body, strict=True)
    if len(set(names)) < len(names) or not all(map(is_text, names)):
        return False
    named_elsewhere = set(header).union(*others)
    has_scores = any(
        any(word in title.lower() for word in _SCORE_WORDS) and all(map(is_number, column))
        for title, column in zip(header[1:], others, strict=True)
    )
    return has_scores and not named_elsewhere & set(names)


def _tells(body: list[list[str]]) -> bool:
    """Whether rows without a header are more than three whole numbers each, and the first heads no matrix."""
    first, *rest = body
    if first in rest or set(first[1:]) == {row[0] for row in rest}:
        return False
    return any(is_text(row[0]) or not row[2].isdecimal() for row in body)


def _names(cells: list[str]) -> bool:
    """Whether cells can name labels: text or whole numbers."""
    return all(is_text(cell) or cell.isdecimal() for cell in cells)
