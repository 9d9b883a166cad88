"""Counting comparisons, one at a time, between labels in their order of appearance."""

from __future__ import annotations

import numpy as np

from ..errors import NashsimError
from .cells import Table
from .table import PreferenceData


class Tally:
    """Wins and ties read from the rows of a table.

    Parameters
    ----------
    table : Table
        For the places that errors name.
    header : int
        Number of header rows.
    """

    def __init__(self, table: Table, header: int = 1):
        self._table, self._header = table, header
        self._index: dict[str, int] = {}
        self._sides: list[tuple[int, int]] = []
        self._scores: list[float] = []
        self._weights: list[float] = []
        self._first_tie: str | None = None
        self._own = 0

    def add(self, first: str, second: str, score: float, weight: float, i: int) -> None:
        """Count a comparison in which ``first`` scored 1, 0.5 or 0.

        Parameters
        ----------
        first, second : str
        score, weight : float
        i : int
            Position of the row in the table.

        Raises
        ------
        NashsimError
            If a name is blank or the weight negative.
        """
        if not (first and second):
            raise NashsimError(
                f"{self._table.name}: both sides need a name, found a blank one in {self._where(i)}"
            )
        if weight < 0:
            raise NashsimError(
                f"{self._table.name}: a weight must be at least 0, found {weight:g} in {self._where(i)}"
            )
        if first == second:
            self._own += 1
            return
        if score == 0.5 and weight > 0 and self._first_tie is None:
            self._first_tie = self._where(i)
        index = self._index
        self._sides.append((index.setdefault(first, len(index)), index.setdefault(second, len(index))))
        self._scores.append(score)
        self._weights.append(weight)

    def data(self, ties: str = "half") -> PreferenceData:
        """Return the counts.

        Parameters
        ----------
        ties : {"half", "drop", "error"}

        Raises
        ------
        NashsimError
            If nothing was compared, or there is a tie under ``"error"``.
        """
        name, n = self._table.name, len(self._index)
        if n == 0:
            what = "only comparisons of a name with itself" if self._own else "none"
            raise NashsimError(f"{name}: at least one comparison of two names is needed, found {what}")
        first, second = np.array(self._sides).T
        scores, weights = np.array(self._scores), np.array(self._weights)

        def total(outcome: float) -> np.ndarray:
            return np.bincount(first * n + second, weights * (scores == outcome), n * n).reshape(n, n)

        tied = total(0.5)
        left_out = f"Comparisons of a name with itself say nothing of a preference; left out: {self._own}."
        return PreferenceData.from_comparisons(
            list(self._index),
            total(1.0) + total(0.0).T,
            tied + tied.T,
            tie_rule=ties,
            first_tie=self._first_tie,
            name=name,
            notes=[left_out] if self._own else [],
        )

    def _where(self, i: int) -> str:
        return self._table.where(i, self._header)
