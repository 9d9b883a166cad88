"""Preference pairs: prompt, chosen and rejected; or two responses and what is known of which is better."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nashsim.errors import NashsimError, unknown_name

from .rows import Table, read_rows
from .turns import ANSWERS, prompt_key, read_transcript

#: Treatments of a pair whose responses are the same: refused, counted 1/2, or left out.
EQUAL = ("refuse", "half", "drop")
#: Treatments of what the context has no room for: refused, left out, or cut.
TOO_LONG = ("refuse", "drop", "cut")
#: Words for the first response, the second, or neither as the better one; names of the columns are such words too.
WINNERS = {
    "a": 1.0, "model_a": 1.0, "first": 1.0, "b": 0.0, "model_b": 0.0, "second": 0.0,
    "tie": 0.5, "tie (bothbad)": 0.5, "draw": 0.5, "both": 0.5, "neither": 0.5, "equal": 0.5,
}  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """Two responses to a prompt and P(a ≻ b).

    Attributes
    ----------
    prompt, a, b : hashable
        Prompt and its two responses: text, or tuples of token ids.
    probability : float
        Probability P(a ≻ b): 1 where a was chosen, 1/2 for a tie, a share of votes, or an exact probability.
    row : int or None
        Row of its file, from 1.
    """

    prompt: Hashable
    a: Hashable
    b: Hashable
    probability: float = 1.0
    row: int | None = field(default=None, compare=False)

    def __post_init__(self):
        if not 0 <= self.probability <= 1:
            raise NashsimError(f"probability: P(a ≻ b) must lie in [0, 1], found {self.probability!r}")
        if self.a == self.b and self.probability != 0.5:
            raise NashsimError(
                f"pair: equal responses are preferred with 1/2, found {self.probability!r}; equal: half counts them"
                " so, equal: drop leaves them out"
            )


def load_pairs(
    source: str | Path,
    *,
    prompt: str = "prompt",
    first: str = "chosen",
    second: str = "rejected",
    probability: str | None = None,
    scores: Sequence[str] | None = None,
    scale: float = 1.0,
    equal: str = "refuse",
    split: str = "train",
    limit: int | None = None,
) -> list[Pair]:
    """Return the preference pairs of a file or dataset, in its order.

    Parameters
    ----------
    source, split, limit
        Source of the rows, as for :func:`read_rows`.
    prompt, first, second : str
        Columns. Responses are text, or whole conversations whose last turn is the response; the turns before it are
        the prompt where the prompt column is not there or is one of them. Without that column, texts may be
        conversations as HH-RLHF writes them.
    probability : str or None
        Column of P(first ≻ second), or of the winner in a word: model_a, model_b, tie, the name of a column, ...
    scores : sequence of str or None
        Columns of the two responses' scores, or one column of their margin: P = 1/(1 + exp(-margin/scale)), 1/2 where
        the scores tie. With neither this nor ``probability`` the first response was chosen.
    scale : float
        Score per unit of log-odds, > 0.
    equal : {"refuse", "half", "drop"}
        Treatment of rows whose two responses are the same.

    Raises
    ------
    NashsimError
        For a source or column that is not there, a probability outside [0, 1], a response or prompt that is neither
        text nor conversation, equal responses that differ in preference, or no pair left; the row is named.
    """
    if equal not in EQUAL:
        raise unknown_name("equal", str(equal), EQUAL)
    table = read_rows(source, split=split, limit=limit)
    if first not in table.columns and {"completion", "label"} <= set(table.columns):
        raise NashsimError(
            f"{table.name}: completion and label mark single responses, and pairs of two are needed ({first},"
            f" {second}); marks train kto, una and rdro as data.pairs"
        )
    sides = [table.column(first), table.column(second)]
    if prompt not in table.columns:
        sides = [[read_transcript(value) for value in side] for side in sides]
    asked = table.column(prompt) if prompt in table.columns or isinstance(sides[0][0], str) else None
    odds = _probabilities(table, (first, second), probability, scores, scale)
    pairs = []
    for i, (a, b, p) in enumerate(zip(*sides, odds, strict=True)):
        where = f"{table.name}: row {i + 1}"
        (before, a), (other, b) = response_of(a, f"{where}, {first}"), response_of(b, f"{where}, {second}")
        if before != other:
            raise NashsimError(f"{where}: {first} and {second} answer different conversations")
        key = prompt_of(None if asked is None else asked[i], before, f"{where}, {prompt}")
        if a == b and equal != "refuse":
            p = 0.5
        try:
            pair = Pair(key, a, b, p, i + 1)
        except NashsimError as error:
            raise NashsimError(f"{where}: {error}") from None
        if a != b or equal != "drop":
            pairs.append(pair)
    if not pairs:
        raise NashsimError(
            f"{table.name}: both responses are the same in every row; nothing is left of equal: drop"
        )
    return pairs


def response_of(value, where: str) -> tuple[tuple, str]:
    """Return the turns before a response, as (role, content) pairs, and its text.

    Parameters
    ----------
    value : str or sequence of mapping
        Text, or a conversation that ends with the response.
    where : str
        Place of the response, for messages.
    """
    if isinstance(value, str):
        return (), value
    *before, (role, text) = prompt_key(value, where)
    if role not in ANSWERS:
        raise NashsimError(
            f"{where}: a conversation ends with the response, an assistant's turn, found {role!r}'s"
        )
    return tuple(before), text


def prompt_of(given, before: tuple, where: str) -> Hashable:
    """Return the prompt of a row, out of its column and the turns before the response.

    Parameters
    ----------
    given : str, sequence of mapping or None
        Prompt column of the row; ``None`` where there is none.
    before : tuple
        Turns before the response; empty where the response came alone.
    where : str
        Place of the prompt, for messages.
    """
    if given is None:
        if not before:
            raise NashsimError(f"{where}: there is none, neither a column nor turns before the response")
        return before
    key = prompt_key(given, where)
    turns = (("user", key),) if isinstance(key, str) else key
    if not before or before == turns:
        return key
    # The column may hold one turn of a conversation that is longer.
    if any(before[i : i + len(turns)] == turns for i in range(len(before))):
        return before
    raise NashsimError(f"{where}: the turns before the response do not hold it; keep one of the two")


def cut_to_fit(
    prompt: tuple, responses: Sequence[tuple], room: int, joint: bool = False
) -> tuple[tuple, list]:
    """Return a prompt and responses of at most ``room`` tokens: its end, and their beginnings, equally long.

    The prompt is cut first, but to no less than half the room [ours].

    Parameters
    ----------
    prompt : tuple of int
        Token ids of the prompt.
    responses : sequence of tuple of int
        Token ids of one or two responses.
    room : int
        Most tokens of the prompt with each response, or with both.
    joint : bool
        Whether the responses stand in one sequence.

    Examples
    --------
    >>> cut_to_fit((1, 2, 3, 4), [(5, 6, 7, 8), (9,)], 6, joint=True)
    ((2, 3, 4), [(5, 6), (9,)])
    """
    lengths = [len(response) for response in responses]
    needed = sum(lengths) if joint else max(lengths)
    prompt = prompt[-max(room - needed, room // 2) :]
    rest = room - len(prompt)
    each = max(rest - min(lengths), rest // 2) if joint and len(lengths) == 2 else rest
    return prompt, [response[:each] for response in responses]


def _probabilities(
    table: Table, sides: tuple[str, str], probability: str | None, scores: Sequence[str] | None, scale: float
) -> list[float]:
    """P(first ≻ second) of every row."""
    if probability is not None and scores:
        raise NashsimError("probability, scores: one of the two says which response is better; give one")
    if scores and len(scores) > 2 or not scale > 0:
        raise NashsimError(
            f"scores, scale: two columns, or one of margins, and a number > 0 are needed, found {scores} and {scale}"
        )
    if probability is not None:
        words = WINNERS | {sides[0].lower(): 1.0, sides[1].lower(): 0.0}
        return [
            _probability(value, words, f"{table.name}: row {i + 1}, {probability}")
            for i, value in enumerate(table.column(probability))
        ]
    if not scores:
        return [1.0] * len(table)
    read = [
        [_number(value, f"{table.name}: row {i + 1}, {name}") for i, value in enumerate(table.column(name))]
        for name in scores
    ]
    margins = read[0] if len(read) == 1 else [a - b for a, b in zip(*read, strict=True)]
    return [0.5 + 0.5 * math.tanh(0.5 * margin / scale) for margin in margins]


def _probability(value, words: dict[str, float], where: str) -> float:
    if isinstance(value, str) and value.strip().lower() in words:
        return words[value.strip().lower()]
    return _number(value, where, f"a number in [0, 1], or one of {', '.join(words)}")


def _number(value, where: str, needed: str = "a finite number") -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise NashsimError(f"{where}: {needed} is needed, found {value!r:.60}")
    return found
