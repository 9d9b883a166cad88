"""A reference policy from a file: one row or one column of probabilities, labelled or not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import NashsimError
from ..policies import few
from .cells import read_table
from .content import decode, read_content
from .values import is_number


def load_reference(path: str | Path, labels: Sequence[str]) -> np.ndarray:
    """Return the probabilities in ``path``, in the order of ``labels``.

    Accepted are n numbers in one row or one column, or labels beside them (in any order): two columns, or a
    row of labels above a row of numbers; two columns may have a header. Cells are separated by commas, tabs
    or blanks; lines before them that begin with ``#`` are comments.

    Parameters
    ----------
    path : str or Path
    labels : sequence of str, length actions

    Returns
    -------
    ndarray, shape (actions,)

    Raises
    ------
    NashsimError
        If the file is not there, is none of these, or its labels are not those of the game.

    Examples
    --------
    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "reference.csv")
    >>> with open(path, "w") as file:
    ...     _ = file.write("y,0.75\\nx,0.25\\n")
    >>> load_reference(path, ["x", "y"])
    array([0.25, 0.75])
    """
    name = f"reference: {Path(path).name}"
    text, _ = decode(read_content(Path(path)))
    if text is None:
        raise NashsimError(f"{name}: {len(labels)} probabilities as text are needed, found a binary file")
    rows = read_table(text, name).rows
    even = len({len(row) for row in rows}) == 1
    turned = [list(column) for column in zip(*rows, strict=True)] if even else rows
    pairs = max(rows, turned, key=lambda pairs: _labels_in(pairs, labels))
    if _labels_in(pairs, labels) > 0 or all(
        len(p) == 2 and not _is_plain(p[0]) and _is_plain(p[1]) for p in pairs
    ):
        return _labelled(pairs, labels, name)
    if 1 not in (len(rows), len(turned)):
        raise NashsimError(
            f"{name}: probabilities in one row or one column are needed, labelled or not, found {len(rows)} rows"
        )
    cells = [cell for row in rows for cell in row]
    wrong = [repr(cell) for cell in cells if not _is_plain(cell)] or [len(cells)]
    if wrong != [len(labels)]:
        raise NashsimError(f"{name}: {len(labels)} probabilities are needed, one an action, found {wrong[0]}")
    return np.array(cells, dtype=np.float64)


def _labels_in(pairs: list[list[str]], labels: Sequence[str]) -> int:
    """How many labels stand first in pairs; none if these are no pairs."""
    return len({pair[0] for pair in pairs} & set(labels)) if all(len(pair) == 2 for pair in pairs) else 0


def _labelled(pairs: list[list[str]], labels: Sequence[str], name: str) -> np.ndarray:
    # A header names no action and gives no number; anything else that is no action is a mistake.
    given = [(label, cell) for label, cell in pairs if label in labels or _is_plain(cell)]
    unknown = [label for label, _ in given if label not in labels]
    if unknown:
        raise NashsimError(f"{name} names {unknown[0]!r}, which is no action of the game ({few(labels)})")
    values = dict(given)
    for label in labels:
        if not _is_plain(values.get(label, "")):
            raise NashsimError(f"{name} gives no probability for the action {label!r}")
    if len(values) < len(given):
        raise NashsimError(
            f"{name} must name every action once, found {len(given)} rows for {len(values)} actions"
        )
    return np.array([values[label] for label in labels], dtype=np.float64)


def _is_plain(cell: str) -> bool:
    return is_number(cell) and not cell.endswith("%")
