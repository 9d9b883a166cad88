"""Battles: one comparison a row, with the names of both sides and the outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import NashsimError
from .cells import Table, parse_number
from .table import PreferenceData
from .tally import Tally

#: The columns of a battles file unless others are named.
COLUMNS = ("model_a", "model_b", "winner")
#: Winner strings and what the first side scored.
WINNERS = {"model_a": 1.0, "model_b": 0.0, "tie": 0.5, "tie (bothbad)": 0.5}
_RESULTS = (1.0, 0.5, 0.0)


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

    A battle of a name with itself says nothing of a preference (P(a, a) = 1/2 whatever happened); such rows
    are left out and counted in a note.

    Parameters
    ----------
    table : Table
        Its first row names the columns.
    ties : {"half", "drop", "error"}
    columns : sequence of str or None
        Columns of the two names and of the winner (one of :data:`WINNERS`); with ``scores`` or ``result``
        the first two are enough. ``None`` is :data:`COLUMNS`.
    weight : str or None
        Column with the weight of each row: a row of weight w counts as w battles.
    scores : sequence of two str or None
        Columns with the scores of the two sides: the higher wins, equal scores tie.
    result : str or None
        Column with 1, 0.5 or 0: the first side won, tied or lost.

    Raises
    ------
    NashsimError
        If a column is not there, or a row has an unknown winner, another result, no finite score or a
        negative weight; the message names the row.

    Examples
    --------
    >>> rows = [["model_a", "model_b", "winner"], ["x", "y", "model_a"], ["y", "x", "tie"]]
    >>> read_battles(Table("votes", rows)).probability[0, 1]
    np.float64(0.75)
    """
    names = _columns(table, columns, scores, result)
    first, second = (table.column(name, "columns (--columns)") for name in names[:2])
    outcome = _outcome(table, names, scores, result)
    weigh = None if weight is None else table.column(weight, "weight (--weight)")
    tally = Tally(table)
    for i, row in table.body(len(table.rows[0])):
        share = 1.0 if weigh is None else _number(table, row, i, weigh)
        tally.add(row[first], row[second], outcome(row, i), share, i)
    return tally.data(ties)


def _columns(table: Table, columns, scores, result) -> tuple[str, ...]:
    if scores is not None and result is not None:
        raise NashsimError(f"{table.name}: give scores (--scores) or result (--result), not both")
    if scores is not None and len(scores) != 2:
        raise NashsimError(
            f"{table.name}: scores (--scores) needs two columns A_COL,B_COL, found {len(scores)}"
        )
    names = COLUMNS if columns is None else tuple(columns)
    if len(names) == 2:
        names = (*names, COLUMNS[2])
    if len(names) != 3:
        raise NashsimError(f"{table.name}: columns (--columns) needs A,B,WINNER, found {len(names)} names")
    if len(set(names)) < 3:
        raise NashsimError(
            f"{table.name}: columns (--columns) needs different columns, found {','.join(names)}"
        )
    return names


def _outcome(table: Table, names, scores, result) -> Callable[[list[str], int], float]:
    """Return a function from a row and its position to what the first side scored."""
    if scores is not None:
        a, b = (table.column(name, "scores (--scores)") for name in scores)

        def by_scores(row, i):
            of_a, of_b = _number(table, row, i, a), _number(table, row, i, b)
            return 0.5 if of_a == of_b else float(of_a > of_b)

        return by_scores
    if result is not None:
        column = table.column(result, "result (--result)")

        def by_result(row, i):
            score = _number(table, row, i, column)
            if score not in _RESULTS:
                raise NashsimError(
                    f"{table.name}: a result must be 1, 0.5 or 0 (the first side won, tied or lost), found"
                    f" {row[column]!r} in {table.where(i)}"
                )
            return score

        return by_result
    column = table.column(names[2], "columns (--columns)")

    def by_winner(row, i):
        if row[column] not in WINNERS:
            raise NashsimError(
                f"{table.name}: unknown winner {row[column]!r} in {table.where(i)}; accepted are"
                f" {', '.join(map(repr, WINNERS))} (for other codes see --scores and --result)"
            )
        return WINNERS[row[column]]

    return by_winner


def _number(table: Table, row: list[str], i: int, column: int) -> float:
    return parse_number(
        row[column], table.name, lambda: f"{table.where(i)}, column {table.rows[0][column]!r}"
    )
