"""Which format a file has, by its content; and files that hold no pairwise preferences at all."""

from __future__ import annotations

from .battles import COLUMNS as BATTLE_COLUMNS
from .blt import looks_like_blt
from .cells import Table, is_number, is_text
from .latex import looks_like_latex
from .matrices import is_square, split_labels
from .pairs import names_pairs
from .preflib import looks_like_preflib
from .triples import looks_like_tuples

_SCORE_WORDS = ("score", "rating", "elo", "win_rate", "winrate", "win rate", "rank")


def text_kind(text: str) -> str | None:
    """Return ``"latex"``, ``"preflib"``, ``"blt"`` or ``"tuples"``, or None for text that may be a table.

    Parameters
    ----------
    text : str
    """
    if looks_like_latex(text):
        return "latex"
    if looks_like_preflib(text):
        return "preflib"
    if looks_like_blt(text):
        return "blt"
    return "tuples" if looks_like_tuples(text) else None


def table_format(table: Table) -> str | None:
    """Return ``"battles"``, ``"pairs"``, ``"matrix"`` or ``"triples"`` by the cells of a table, or None.

    Parameters
    ----------
    table : Table
    """
    rows = table.rows
    if set(BATTLE_COLUMNS[:2]) <= set(rows[0]):
        return "battles"
    if names_pairs(rows[0]):
        return "pairs"
    if is_square(rows):
        return "matrix"
    body = rows[1:] if table.has_header or len(rows) > 1 and _is_header(rows) else rows
    width = len(body[0])
    if all(len(row) == width for row in body):
        names_only = all(_names(row[:2]) for row in body)
        if width == 2 and names_only:
            return "pairs"
        if width == 3 and names_only and all(is_number(row[2]) for row in body):
            return "triples"
    return "matrix" if _is_almost_a_matrix(rows) else None


def is_leaderboard(table: Table) -> bool:
    """Whether each row gives scores to one name, against nobody that the table names.

    Parameters
    ----------
    table : Table
    """
    header, body = table.rows[0], table.rows[1:]
    if set(BATTLE_COLUMNS[:2]) <= set(header) or names_pairs(header):
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


def _is_header(rows: list[list[str]]) -> bool:
    """Whether the last cell is text above a number."""
    return is_text(rows[0][-1]) and is_number(rows[1][-1])


def _names(cells: list[str]) -> bool:
    """Whether cells can name labels: text or whole numbers."""
    return all(is_text(cell) or cell.isdecimal() for cell in cells)


def _is_almost_a_matrix(rows: list[list[str]]) -> bool:
    """Whether rows are numbers, or labelled numbers with labels in common: a matrix with something wrong."""
    across, down, cells = split_labels(rows)
    numbers = sum(is_number(cell) for row in cells for cell in row)
    labels_meet = across is None or down is None or bool(set(across) & set(down))
    return labels_meet and numbers > 0 and 2 * numbers >= sum(map(len, cells))
