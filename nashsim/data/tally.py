"""Counting comparisons between labels in their order of appearance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import NashsimError
from .cells import Table
from .table import PreferenceData
from .values import one_label_each

# More labels than this are no labels: their matrix alone would take gigabytes.
_MOST_LABELS = 20_000


def tally(
    table: Table,
    first: Sequence[str],
    second: Sequence[str],
    score: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    header: int = 1,
    ties: str = "half",
    notes: Sequence[str] = (),
) -> PreferenceData:
    """Count comparisons in which ``first`` scored 1, 0.5 or 0.

    A comparison of a name with itself says nothing of a preference (P(a, a) = 1/2 whatever happened); such rows
    are left out and counted in a note.

    Parameters
    ----------
    table : Table
        For the places that errors name.
    first, second : sequence of str, length rows
        The rows of the table once, or several times over.
    score : ndarray, shape (rows,)
    weight : ndarray, shape (rows,), or None
        ``None`` is 1 throughout.
    header : int
        Number of header rows.
    ties : {"half", "drop", "error"}
    notes : sequence of str

    Raises
    ------
    NashsimError
        If a name is blank, a weight negative, nothing was compared, or there is a tie under ``"error"``.
    """
    name, rows, body = table.name, len(first), len(table.rows) - header

    def where(i: int) -> str:
        return table.where(int(i) % body + header, header)

    weight = np.ones(rows) if weight is None else weight
    if "" in first or "" in second:
        i = next(i for i in range(rows) if not (first[i] and second[i]))
        raise NashsimError(f"{name}: both sides need a name, found a blank one in {where(i)}")
    if (weight < 0).any():
        i = int(np.argmax(weight < 0))
        raise NashsimError(f"{name}: a weight must be at least 0, found {weight[i]:g} in {where(i)}")
    index: dict[str, int] = {}
    codes = np.array(
        [index.setdefault(label, len(index)) for pair in zip(first, second, strict=True) for label in pair]
    )
    same = one_label_each(list(index), name)
    if same:
        codes = np.array([index[same.get(label, label)] for label in index])[codes]
    codes = codes.reshape(-1, 2)
    own = codes[:, 0] == codes[:, 1]
    codes, score, weight, places = codes[~own], score[~own], weight[~own], np.flatnonzero(~own)
    if not len(codes):
        what = "only comparisons of a name with itself" if own.any() else "none"
        raise NashsimError(f"{name}: at least one comparison of two names is needed, found {what}")
    # Labels keep their order of appearance among the rows that count.
    kept, start, codes = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(start)
    codes = np.argsort(order)[codes].reshape(-1, 2)
    labels = [list(index)[k] for k in kept[order]]
    n = len(labels)
    if n > _MOST_LABELS:
        raise NashsimError(
            f"{name}: {n} different names in {rows} comparisons, such as {labels[0][:40]!r}, are too many for a"
            f" matrix (at most {_MOST_LABELS}); give the columns of the names by columns (--columns)"
        )
    at = codes[:, 0] * n + codes[:, 1]

    def total(outcome: float) -> np.ndarray:
        return np.bincount(at, weight * (score == outcome), n * n).reshape(n, n)

    tied = total(0.5)
    is_tie = (score == 0.5) & (weight > 0)
    first_tie = where(places[np.argmax(is_tie)]) if is_tie.any() else None
    notes = [*notes, *(f"{label} and {whole} are one label." for label, whole in same.items())]
    if own.any():
        notes.append(f"Comparisons of a name with itself say nothing of a preference; left out: {own.sum()}.")
    return PreferenceData.from_comparisons(
        labels,
        total(1.0) + total(0.0).T,
        tied + tied.T,
        tie_rule=ties,
        first_tie=first_tie,
        name=name,
        notes=notes,
    )
