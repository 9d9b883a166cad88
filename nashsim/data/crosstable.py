"""Crosstables: every cell holds the results of all games of the row against the column."""

from __future__ import annotations

import re

import numpy as np

from ..errors import NashsimError
from .cells import Table
from .layouts import Layout, layouts, may_be_square
from .matrices import order
from .table import PreferenceData
from .values import BLANK


def looks_like_crosstable(table: Table) -> bool:
    """Whether cells are strings of game results such as ``1=0``, each pair's two being mirror images."""
    if not may_be_square(table):
        return False
    try:
        layout = layouts(table)[0].blanked()
    except NashsimError:
        return False
    results = _results(layout)
    distinct = all(len(set(labels)) == len(layout.cells) for labels in layout.named())
    if not layout.is_square or not results or not distinct:
        return False
    mirrored = all(results.get((j, i), _mirror(text)) == _mirror(text) for (i, j), text in results.items())
    drawn = any("=" in text for text in results.values())
    return drawn or (mirrored and any(len(text) > 1 and text[0] == "0" for text in results.values()))


def _mirror(text: str) -> str:
    """Return a string of results as the other side sees it."""
    return text.translate(str.maketrans("10", "01"))


def _results(layout: Layout) -> dict[tuple[int, int], str] | None:
    """Strings of 1, 0 and = by place; None if a cell that is not blank is something else."""
    found = {}
    for i, row in enumerate(layout.cells):
        for j, cell in enumerate(row):
            text = re.sub(r"\s|,", "", cell.replace("1/2", "=").replace("½", "="))
            if text in BLANK or layout.is_self(i, j):
                continue
            if not re.fullmatch(r"[10=]+", text):
                return None
            found[i, j] = text
    return found


def read_crosstable(table: Table, *, ties: str = "half") -> PreferenceData:
    """Read a crosstable whose cells hold the result of every game of the row against the column: ``1=0``.

    ``1`` is a win, ``0`` a loss, ``=`` (also ``½`` and ``1/2``) a draw. A pair may be given once or, mirrored,
    twice.

    Parameters
    ----------
    table : Table
    ties : {"half", "drop", "error"}

    Raises
    ------
    NashsimError
        If a cell holds something else, or the two cells of a pair are no mirror images.

    Examples
    --------
    >>> rows = [["", "1", "2"], ["Ann", "*", "1="], ["Bo", "0=", "*"]]
    >>> read_crosstable(Table("final", rows)).wins
    array([[0., 1.],
           [0., 0.]])
    """
    layout = layouts(table)[0].blanked()
    labels, columns = layout.named()
    results = _results(layout)
    if not layout.is_square or results is None:
        raise NashsimError(
            f"{table.name}: a crosstable is square and its cells hold results such as '1=0', found another table"
        )
    if sorted(labels) != sorted(columns):
        order(columns, labels, table.name)
    place = {label: i for i, label in enumerate(labels)}
    texts = {(i, place[columns[j]]): text for (i, j), text in results.items()}
    wins, tied = np.zeros((2, len(labels), len(labels)))
    for (i, j), text in texts.items():
        if texts.get((j, i), _mirror(text)) != _mirror(text):
            raise NashsimError(
                f"{table.name}: the games of {labels[i]!r} and {labels[j]!r} must mirror each other, found {text!r} and"
                f" {texts[j, i]!r}"
            )
        wins[i, j], wins[j, i] = text.count("1"), text.count("0")
        tied[i, j] = tied[j, i] = text.count("=")
    return PreferenceData.from_comparisons(
        labels, wins, tied, tie_rule=ties, name=table.name, notes=layout.notes
    )
