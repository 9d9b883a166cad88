"""Who won, in the words and numbers that people write, and the columns that say so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np

from ..errors import NashsimError
from .cells import Table
from .values import is_number

#: Names of the two sides of a comparison, as :func:`key` writes them; the first pair that a header has is taken.
SIDES = (
    *(
        (f"{word}a", f"{word}b")
        for word in ("model", "modelname", "player", "team", "option", "item", "agent")
    ),
    *(
        (f"{word}1", f"{word}2")
        for word in ("model", "modelname", "player", "team", "option", "item", "agent")
    ),
    ("home", "away"),
    ("hometeam", "awayteam"),
    ("white", "black"),
    ("left", "right"),
    ("generator1", "generator2"),
    *((word, "opponent") for word in ("player", "team", "model", "agent")),
    ("a", "b"),
)
#: Names of a winner and a loser, those that hold names of people or models first.
PAIRS = (
    ("winner", "loser"),
    ("winnername", "losername"),
    ("winnermodel", "losermodel"),
    ("chosenmodel", "rejectedmodel"),
    ("chosenmodelname", "rejectedmodelname"),
    ("modelchosen", "modelrejected"),
    ("winnerid", "loserid"),
    ("chosen", "rejected"),
    ("preferred", "dispreferred"),
    ("won", "lost"),
)
_RESULTS = ("result", "outcome", "verdict", "vote")
_TIES = frozenset({"tie", "ties", "tied", "draw", "draws", "drawn", "istie", "isdraw", "nties", "ndraws"})
_WEIGHTS = frozenset({"weight", "weights", "count", "counts", "frequency", "freq"})
_TELLING = frozenset(
    ("winner", "loser", "result", "outcome", "score", "rating", "tie", "ties", "draw", "draws", "preference", "verdict",
     "wins", "losses", "points", "n", "times", "votes")
)  # fmt: skip

_FIRST = ("model_a", "model_1", "a", "left", "first", "player_a", "player_1", "team_a", "team_1")
_SECOND = ("model_b", "model_2", "b", "right", "second", "player_b", "player_2", "team_b", "team_2")
_TIED = (
    "tie", "tie (bothbad)", "tie (both bad)", "tie (bothgood)", "both_bad", "bothbad", "both bad", "both_good",
    "bothgood", "both good", "both", "tied", "draw", "drawn", "equal", "=",
)  # fmt: skip
#: Winner words and what the first side scored.
WINNERS = {**dict.fromkeys(_FIRST, 1.0), **dict.fromkeys(_SECOND, 0.0), **dict.fromkeys(_TIED, 0.5)}
_SHOWN = ("model_a", "model_b", "tie", "tie (bothbad)", "both_bad")

_RESULT_WORDS = {
    **dict.fromkeys(("win", "won", "w", "true"), 1.0),
    **dict.fromkeys(("loss", "lost", "lose", "l", "false"), 0.0),
    **dict.fromkeys(("tie", "tied", "draw", "drawn", "d", "=", "½", "1/2"), 0.5),
}
_HALF = r"\d+(?:[.,]\d+)?|\d*½|1/2"
_SCORE = re.compile(rf"({_HALF})\s*[-–:]\s*({_HALF})")
_YES = frozenset({"1", "1.0", "true", "yes", "y", "t", "tie", "draw", "x"})
_NO = frozenset({"0", "0.0", "false", "no", "n", "f", ""})


def key(name: str) -> str:
    """Return a column's name without case, blanks and punctuation: ``Model_A`` is ``modela``."""
    return re.sub(r"[^a-z0-9]+", "", name.casefold())


def find_pair(header: Sequence[str], known: Iterable[tuple[str, str]]) -> tuple[int, int] | None:
    """Return the positions of the first known pair of names that a header has once each, or None."""
    keys = [key(name) for name in header]
    for one, other in known:
        if keys.count(one) == keys.count(other) == 1:
            return keys.index(one), keys.index(other)
    return None


def find_one(header: Sequence[str], known: Iterable[str], taken: Iterable[int] = ()) -> int | None:
    """Return the position of the only column with a known name, or None."""
    known, taken = set(known), set(taken)
    found = [i for i, name in enumerate(header) if key(name) in known and i not in taken]
    return found[0] if len(found) == 1 else None


def result_column(table: Table, taken: Iterable[int] = ()) -> int | None:
    """Return the column of results that a header names and that holds nothing else, or None."""
    column = find_one(table.rows[0], _RESULTS, taken)
    cells = [] if column is None else {row[column] for row in table.rows[1:] if len(row) > column}
    return column if cells and all(_result(cell) is not None for cell in cells) else None


def one_hot(header: Sequence[str], sides: Sequence[int]) -> tuple[int, int, int | None] | None:
    """Return the columns ``winner_model_a``, ``winner_model_b`` and ``winner_tie`` of a header, or None."""
    names = [f"winner{key(header[i])}" for i in sides]
    found = find_pair(header, [tuple(names)])
    return None if found is None else (*found, find_one(header, ("winnertie", "winnerdraw")))


def weight_column(table: Table, taken: Iterable[int]) -> int | None:
    """Return the column of weights that a header names, or None; numbers of the rows are no weights."""
    column = find_one(table.rows[0], _WEIGHTS, taken)
    if column is None:
        return None
    cells = [row[column] for row in table.rows[1:] if len(row) > column]
    rows = [str(i) for i in range(len(cells) + 1)]
    numbered = len(cells) > 1 and cells in (rows[1:], rows[:-1])
    return column if cells and not numbered and all(map(is_number, cells)) else None


def telling(header: Sequence[str], used: Iterable[int]) -> list[str]:
    """Return the columns that could tell an outcome or a weight, by their names, of those that are not used."""
    used = set(used)
    return [
        name
        for i, name in enumerate(header)
        if i not in used
        and (
            _TELLING & set(re.findall(r"[a-z]+", name.casefold()))
            or re.search("(score|result|outcome|rating|wins)[0-9]?$", key(name))
        )
    ]


def unused(header: Sequence[str], used: Iterable[int]) -> list[str]:
    """Return a note that names columns which could tell an outcome or a weight and were not used, if any."""
    names = ", ".join(telling(header, used))
    return [f"Columns that may tell an outcome or a weight and were not used: {names}."] if names else []


def how_to_ask(header: Sequence[str]) -> str:
    """Return, for a refusal, the options that would read a table whose header names two sides; else nothing."""
    sides = find_pair(header, SIDES)
    if sides is None:
        return ""
    rest = telling(header, sides)
    names = f", perhaps by {', '.join(rest)}" if rest else ""
    return (
        f"; the header names {' and '.join(header[i] for i in sides)}, so say who won{names}: --scores A_COL,B_COL,"
        " --wins A_COL,B_COL, --result COLUMN or --columns A,B,WINNER"
    )


def winner_scores(
    table: Table, body, column: int, first, second, sides: Sequence[str], tied=None
) -> np.ndarray:
    """Return what the first side scored by the winner's word for a side, or by the winner's name.

    Parameters
    ----------
    table : Table
    body : list of list of str
    column : int
    first, second : list of str
        Names of the sides, a row each.
    sides : sequence of two str
        The header over them, which are words for a side too.
    tied : ndarray of bool or None
        Rows that another column calls a tie; their winner may be blank.

    Raises
    ------
    NashsimError
        If a winner is neither, or words and names can both be meant and differ.
    """
    cells = [row[column] for row in body]
    words = {**WINNERS, sides[0].casefold(): 1.0, sides[1].casefold(): 0.0}
    said = {cell: words.get(cell.casefold()) for cell in set(cells)}
    by_word = np.array([said[cell] for cell in cells], dtype=float)
    by_name = by_word
    if said.keys() & {*first, *second}:
        tie = {cell: 0.5 if score == 0.5 else None for cell, score in said.items()}
        by_name = np.array(
            [
                1.0 if w == a else 0.0 if w == b else tie[w]
                for w, a, b in zip(cells, first, second, strict=True)
            ],
            dtype=float,
        )
    blank = (
        np.zeros(len(cells), dtype=bool) if tied is None else tied & np.array([not cell for cell in cells])
    )
    for scores in (by_word, by_name):
        scores[blank] = 0.5
    whole = [scores for scores in (by_word, by_name) if not np.isnan(scores).any()]
    if len(whole) == 2 and (whole[0] != whole[1]).any():
        i = int(np.argmax(whole[0] != whole[1]))
        raise NashsimError(
            f"{table.name}: the winner {cells[i]!r} in {table.where(i + 1)} may be a side or a name; rename one, or"
            " give 1, 0.5 or 0 in a column of its own (--result)"
        )
    tied_name = next(
        (i for i, cell in enumerate(cells) if cell in (first[i], second[i]) and said[cell] == 0.5), None
    )
    if tied_name is not None:
        raise NashsimError(
            f"{table.name}: {cells[tied_name]!r} in {table.where(tied_name + 1)} may be a tie or a winner's name; give"
            " 1, 0.5 or 0 in a column of its own (--result)"
        )
    if whole:
        return whole[0]
    best = min((by_word, by_name), key=lambda scores: np.isnan(scores).sum())
    i = int(np.argmax(np.isnan(best)))
    raise NashsimError(
        f"{table.name}: unknown winner {cells[i]!r} in {table.where(i + 1)}; accepted are"
        f" {', '.join(map(repr, _SHOWN))} or the name of a side (for other codes see --scores and --result)"
    )


def result_scores(table: Table, body, column: int) -> np.ndarray:
    """Return what the first side scored by results: 1, 0.5, 0; 1, 0, -1; ``1-0``, ``½``, ``=``, True, win, ...

    Zero is a tie where there is a -1, and a loss otherwise.

    Parameters
    ----------
    table : Table
    body : list of list of str
    column : int

    Raises
    ------
    NashsimError
        If a cell is none of these, or -1 and 0.5 stand side by side.
    """
    cells = [row[column] for row in body]
    said = {cell: _result(cell) for cell in set(cells)}
    wrong = next((i for i, cell in enumerate(cells) if said[cell] is None), None)
    signed = next((cell for cell, score in said.items() if score == -1), None)
    half = next((cell for cell, score in said.items() if score == 0.5 and is_number(cell)), None)
    beside = ""
    if wrong is None and signed is not None and half is not None:
        wrong, beside = cells.index(half), f" and {signed!r} elsewhere"
    if wrong is not None:
        raise NashsimError(
            f"{table.name}: a result must be 1, 0.5 or 0 (the first side won, tied or lost), or 1, 0, -1, or such as"
            f" '1-0', '1/2-1/2', '=', True, found {cells[wrong]!r} in {table.where(wrong + 1)}{beside}"
        )
    if signed is not None:
        said = {c: (s + 1) / 2 if is_number(c) else s for c, s in said.items()}
    return np.array([said[cell] for cell in cells])


def _result(cell: str) -> float | None:
    """What the first side scored, -1 where that is written; None if the cell is no result."""
    text = cell.casefold().replace("−", "-")
    if text in _RESULT_WORDS:
        return _RESULT_WORDS[text]
    if match := _SCORE.fullmatch(text):
        one, other = map(_number, match.groups())
        return 0.5 if one == other else float(one > other)
    score = float(text.replace(",", ".")) if is_number(text) and "%" not in text else None
    return score if score in (1.0, 0.5, 0.0, -1.0) else None


def _number(text: str) -> float:
    if text == "1/2":
        return 0.5
    return float(text.replace("½", ".5").replace(",", "."))


def tie_flags(table: Table, body, column: int) -> np.ndarray:
    """Return which rows a column calls a tie, by 1 or 0, True or False, yes or no.

    Parameters
    ----------
    table : Table
    body : list of list of str
    column : int

    Raises
    ------
    NashsimError
        If a cell is none of these.
    """
    cells = [row[column].casefold() for row in body]
    wrong = set(cells) - _YES - _NO
    if wrong:
        i = next(i for i, cell in enumerate(cells) if cell in wrong)
        raise NashsimError(
            f"{table.name}: the column {table.rows[0][column]!r} must say by 1 or 0 whether a row is a tie, found"
            f" {cells[i]!r} in {table.where(i + 1)} (numbers of wins and draws are read by --wins A,B --draws D)"
        )
    said = {cell: cell in _YES for cell in set(cells)}
    return np.array([said[cell] for cell in cells], dtype=bool)


def tie_column(header: Sequence[str], taken: Iterable[int] = ()) -> int | None:
    """Return the column that a header calls tie or draw, or None."""
    return find_one(header, _TIES, taken)
