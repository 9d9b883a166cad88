"""Battles: one comparison a row, with the names of both sides and the outcome; and rows that count several."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from ..errors import NashsimError
from . import outcomes
from .cells import Table
from .table import PreferenceData
from .tally import tally

#: The columns of a battles file unless others are named.
COLUMNS = ("model_a", "model_b", "winner")


def read_battles(
    table: Table,
    *,
    ties: str = "half",
    columns: Sequence[str] | None = None,
    weight: str | None = None,
    scores: Sequence[str] | None = None,
    result: str | None = None,
) -> PreferenceData:
    """Count battles: two names a row and who won.

    Parameters
    ----------
    table : Table
        Its first row names the columns.
    ties : {"half", "drop", "error"}
    columns : sequence of str or None
        Columns of the two names and of the winner, a word such as those of :data:`nashsim.data.outcomes.WINNERS`
        or a name; with ``scores`` or ``result`` the first two are enough. ``None`` is :data:`COLUMNS`, or other
        names of two sides, with one-hot columns (``winner_model_a``, ...) or a column of results.
    weight : str or None
        Column with the weight of each row: a row of weight w counts as w battles. ``None`` is a column with such a
        name.
    scores : sequence of two str or None
        Columns with the scores of the two sides: the higher wins, equal scores tie.
    result : str or None
        Column with 1, 0.5 or 0: the first side won, tied or lost.

    Raises
    ------
    NashsimError
        If a column is not there, or a row has an unknown winner, another result, no finite score or a
        negative weight; the message names the row.

    Warns
    -----
    UserWarning
        If ``scores`` look like numbers of wins.

    Examples
    --------
    >>> rows = [["model_a", "model_b", "winner"], ["x", "y", "model_a"], ["y", "x", "tie"]]
    >>> read_battles(Table("votes", rows)).probability[0, 1]
    np.float64(0.75)
    """
    header, body = table.rows[0], table.body()
    third = _check(table, columns, scores, result)
    sides = _sides(table, columns)
    first, second = ([row[i] for row in body] for i in sides)
    tie = outcomes.tie_column(header, sides)
    tied = None if tie is None else outcomes.tie_flags(table, body, tie)
    used = [*sides, *([] if tie is None else [tie])]
    if scores is not None:
        of = [table.column(name, "scores (--scores)") for name in scores]
        used += of
        score = _by_scores(table, body, of)
    elif result is not None:
        used.append(table.column(result, "result (--result)"))
        score = outcomes.result_scores(table, body, used[-1])
    else:
        score, taken = _by_winner(table, body, sides, first, second, third, tied)
        used += taken
    if tied is not None and (tied & (score != 0.5)).any():
        i = int(np.argmax(tied & (score != 0.5)))
        raise NashsimError(
            f"{table.name}: {table.where(i + 1)} has a winner, and the column {header[tie]!r} calls it a tie"
        )
    share, used = _weights(table, body, weight, used)
    return tally(table, first, second, score, share, ties=ties, notes=outcomes.unused(header, used))


def read_wins(
    table: Table,
    *,
    ties: str = "half",
    columns: Sequence[str] | None = None,
    wins: Sequence[str] | None = None,
    draws: str | None = None,
) -> PreferenceData:
    """Count rows that hold several comparisons of one pair: two names and the wins of each.

    Parameters
    ----------
    table : Table
        Its first row names the columns.
    ties : {"half", "drop", "error"}
    columns : sequence of two str or None
        Columns of the two names; ``None`` finds them by their names.
    wins : sequence of two str or None
        Columns with the wins of the first and of the second; ``None`` finds ``home_wins, away_wins``,
        ``wins_a, wins_b``, ``wins, losses`` and the like.
    draws : str or None
        Column with the draws; ``None`` is a column with such a name.

    Raises
    ------
    NashsimError
        If a column is not there, or holds anything but numbers >= 0.

    Examples
    --------
    >>> rows = [["home", "away", "home_wins", "away_wins"], ["x", "y", "3", "1"], ["y", "x", "2", "2"]]
    >>> read_wins(Table("season", rows)).wins
    array([[0., 5.],
           [3., 0.]])
    """
    header, body = table.rows[0], table.body()
    if columns is not None and len(columns) != 2:
        raise NashsimError(f"{table.name}: columns (--columns) needs A,B, found {len(columns)} names")
    sides = _sides(table, columns)
    if wins is None:
        of = wins_columns(header, sides)
        if of is None:
            raise NashsimError(
                f"{table.name}: two columns with wins are needed: name them by wins (--wins A,B)"
            )
    elif len(wins) != 2:
        raise NashsimError(f"{table.name}: wins (--wins) needs two columns A_WINS,B_WINS, found {len(wins)}")
    else:
        of = tuple(table.column(name, "wins (--wins)") for name in wins)
    tied = (
        outcomes.tie_column(header, (*sides, *of))
        if draws is None
        else table.column(draws, "draws (--draws)")
    )
    counted = [*of, *([] if tied is None else [tied])]
    counts = [table.numbers(body, column) for column in counted]
    for column, count in zip(counted, counts, strict=True):
        if (count < 0).any():
            i = int(np.argmax(count < 0))
            raise NashsimError(
                f"{table.name}: a number of wins or draws must be at least 0, found {body[i][column]} in"
                f" {table.where(i + 1)}, column {header[column]!r}"
            )
    first, second = ([row[i] for row in body] * len(counts) for i in sides)
    score = np.repeat([1.0, 0.0, 0.5][: len(counts)], len(body))
    notes = outcomes.unused(header, [*sides, *counted])
    return tally(table, first, second, score, np.concatenate(counts), ties=ties, notes=notes)


def wins_columns(header: Sequence[str], sides: Sequence[int]) -> tuple[int, int] | None:
    """Return the columns with the wins of the first and the second side, by their names, or None.

    Parameters
    ----------
    header : sequence of str
    sides : sequence of two int
        Columns of the names.
    """
    one, other = (outcomes.key(header[i]) for i in sides)
    rest = {i: outcomes.key(name) for i, name in enumerate(header) if i not in sides}
    named = [i for i, name in rest.items() if "wins" in name]
    if len(named) == 2:
        of = [rest[i].replace("wins", "").removeprefix("num").removeprefix("n") for i in named]
        for a, b in (named, named[::-1]):
            left, right = (of[named.index(i)] for i in (a, b))
            if left and right and one.endswith(left) and other.endswith(right) and left != right:
                return a, b
            if (left, right) in (("a", "b"), ("1", "2")):
                return a, b
    found = outcomes.find_pair(header, [("wins", "losses"), ("won", "lost")])
    return found if found and not set(found) & set(sides) else None


def _check(table: Table, columns, scores, result) -> str | None:
    """Return the column of the winner if one is named; raise NashsimError if the options do not fit each other."""
    if scores is not None and result is not None:
        raise NashsimError(f"{table.name}: give scores (--scores) or result (--result), not both")
    if scores is not None and len(scores) != 2:
        raise NashsimError(
            f"{table.name}: scores (--scores) needs two columns A_COL,B_COL, found {len(scores)}"
        )
    if columns is None:
        return None
    if len(columns) not in (2, 3):
        raise NashsimError(f"{table.name}: columns (--columns) needs A,B,WINNER, found {len(columns)} names")
    if len(set(columns)) < len(columns):
        raise NashsimError(
            f"{table.name}: columns (--columns) needs different columns, found {','.join(columns)}"
        )
    return columns[2] if len(columns) == 3 else None


def _sides(table: Table, columns) -> tuple[int, int]:
    if columns is None and set(COLUMNS[:2]) - set(table.rows[0]):
        found = outcomes.find_pair(table.rows[0], outcomes.SIDES)
        if found is not None:
            return found
    return tuple(table.column(name, "columns (--columns)") for name in (columns or COLUMNS)[:2])


def _by_winner(table: Table, body, sides, first, second, third, tied) -> tuple[np.ndarray, list[int]]:
    """Scores of the first side, and the columns that told them."""
    header = table.rows[0]
    column = (
        outcomes.find_one(header, ("winner",), sides) if third is None and COLUMNS[2] not in header else None
    )
    if third is None and column is None and COLUMNS[2] not in header:
        if (hot := outcomes.one_hot(header, sides)) is not None:
            return _by_one_hot(table, body, hot), [i for i in hot if i is not None]
        if (column := outcomes.result_column(table, sides)) is not None:
            return outcomes.result_scores(table, body, column), [column]
        names = [header[i] for i in sides]
        if any(word in names[1].casefold() for word in ("los", "reject")):
            raise NashsimError(
                f"{table.name}: the columns {','.join(names)} name a winner and a loser: format='pairs'"
                " (--format pairs) reads them; battles need a column with the winner too"
            )
    if column is None:
        column = table.column(third or COLUMNS[2], "columns (--columns)")
    sides = [header[i] for i in sides]
    return outcomes.winner_scores(table, body, column, first, second, sides, tied), [column]


def _by_one_hot(table: Table, body, columns) -> np.ndarray:
    flags = np.array([outcomes.tie_flags(table, body, column) for column in columns if column is not None])
    told = flags.sum(axis=0)
    if (told != 1).any():
        i = int(np.argmax(told != 1))
        names = ", ".join(table.rows[0][column] for column in columns if column is not None)
        raise NashsimError(
            f"{table.name}: one of {names} must be 1 in every row, found {told[i]} in {table.where(i + 1)}"
        )
    return np.array([1.0, 0.0, 0.5])[flags.argmax(axis=0)]


def _by_scores(table: Table, body, columns) -> np.ndarray:
    of_a, of_b = (table.numbers(body, column) for column in columns)
    names = ",".join(table.rows[0][column] for column in columns)
    counts = f"name them by wins (--wins {names})"
    if all("wins" in outcomes.key(table.rows[0][column]) for column in columns):
        raise NashsimError(
            f"{table.name}: scores (--scores) makes one game of every row, and {names} are numbers of wins: {counts}"
        )
    total = of_a + of_b
    whole = np.concatenate([of_a, of_b])
    if (
        len(body) > 2
        and total[0] > 1
        and (total == total[0]).all()
        and (whole >= 0).all()
        and not (whole % 1).any()
    ):
        warnings.warn(
            f"{table.name}: {names} sum to {total[0]:g} in every row, as numbers of wins do; scores (--scores) makes"
            f" one game of every row. If they are wins, {counts}",
            UserWarning,
            stacklevel=2,
        )
    return np.where(of_a == of_b, 0.5, of_a > of_b)


def _weights(table: Table, body, weight: str | None, used: list[int]) -> tuple[np.ndarray | None, list[int]]:
    column = (
        outcomes.weight_column(table, used) if weight is None else table.column(weight, "weight (--weight)")
    )
    return (None, used) if column is None else (table.numbers(body, column), [*used, column])
