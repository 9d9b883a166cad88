"""The records of a run as a file that grows while the run goes on."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..rules import Rule

#: The columns of ``Run.frame()``.
COLUMNS = ("game", "rule", "seed", "step", "queries", "metric", "value")


class RecordFile:
    """A CSV file that gets every record as soon as it is made, rows of ``Run.frame()`` in the order of time.

    It is written from its beginning whenever a run starts or is resumed (a checkpoint holds the records made
    so far), so that it ends with the same bytes however often the run was killed.

    Parameters
    ----------
    path : str or Path
        Folders that are missing are made.
    """

    def __init__(self, path: str | Path):
        self._path = Path(path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._write([COLUMNS], "w")

    def _write(self, rows, mode: str = "a") -> None:
        # opened for each record: nothing is left open, and a reader sees whole records
        with open(self._path, mode, encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)

    def sink(self, rule: Rule, grid: np.ndarray, seeds: Sequence[int]) -> Callable:
        """Return what a tape hands its records to: ``sink(number of the record, rows)``.

        Parameters
        ----------
        rule : Rule
        grid : ndarray of int, shape (records,)
        seeds : sequence of int
        """

        def take(number: int, rows) -> None:
            step = int(grid[number])
            self._write(
                (
                    game,
                    rule.name,
                    int(seeds[seed]),
                    step,
                    step * rule.queries_per_step,
                    metric,
                    as_digits(value),
                )
                for game, seed, metric, value in rows
            )

        return take


def as_digits(value: float) -> str:
    """Return a number with every digit, as ``write_frame`` does: NaN is empty."""
    return "" if np.isnan(value) else f"{value:.17g}"
