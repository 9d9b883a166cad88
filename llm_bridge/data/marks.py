"""Single responses with a mark: prompt, completion and label, as KTO takes them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nashsim.errors import NashsimError

from .pairs import prompt_of, response_of
from .rows import read_rows


@dataclass(frozen=True)
class Mark:
    """A response to a prompt, and how desirable it is.

    Attributes
    ----------
    prompt, response : hashable
        Prompt and response: text, or tuples of token ids.
    probability : float
        Probability that it is desirable, in [0, 1]; 1 or 0 for a thumb up or down.
    row : int or None
        Row of its file, from 1.
    """

    prompt: Hashable
    response: Hashable
    probability: float
    row: int | None = field(default=None, compare=False)


def load_marks(
    source: str | Path,
    *,
    prompt: str = "prompt",
    completion: str = "completion",
    label: str = "label",
    scale: float = 1.0,
    split: str = "train",
    limit: int | None = None,
) -> list[Mark]:
    """Return the marked responses of a file or dataset, in its order.

    Parameters
    ----------
    source, split, limit
        Source of the rows, as for :func:`read_rows`.
    prompt, completion, label : str
        Columns. Completions are text, or conversations that end with the response; labels are true or false, or
        probabilities that the response is desirable.
    scale : float
        What numbers among the labels are divided by: their largest value.

    Raises
    ------
    NashsimError
        For a source or column that is not there, or a row that cannot be read; the row is named.
    """
    table = read_rows(source, split=split, limit=limit)
    said, labels = table.column(completion), table.column(label)
    asked = table.column(prompt) if prompt in table.columns or isinstance(said[0], str) else None
    marks = []
    for i, (value, mark) in enumerate(zip(said, labels, strict=True)):
        where = f"{table.name}: row {i + 1}"
        before, text = response_of(value, f"{where}, {completion}")
        key = prompt_of(None if asked is None else asked[i], before, f"{where}, {prompt}")
        marks.append(Mark(key, text, _desirable(mark, scale, f"{where}, {label}"), i + 1))
    return marks


def load_scored(
    source: str | Path,
    *,
    scores: Sequence[str],
    scale: float = 1.0,
    prompt: str = "prompt",
    first: str = "chosen",
    second: str = "rejected",
    completion: str = "completion",
    split: str = "train",
    limit: int | None = None,
) -> list[Mark]:
    """Return the scored responses of a file or dataset: two a row by two columns of scores, or one by one column.

    Parameters
    ----------
    source, split, limit
        Source of the rows, as for :func:`read_rows`.
    scores : sequence of str
        Columns of the scores of ``first`` and ``second``, or the one of ``completion``.
    scale : float
        Largest score: a mark is score/scale, which must lie in [0, 1].
    prompt, first, second, completion : str
        Columns of prompts and responses.

    Raises
    ------
    NashsimError
        For a source or column that is not there, or a score outside [0, scale]; the row is named.
    """
    if not 1 <= len(scores) <= 2 or not scale > 0:
        raise NashsimError(
            f"scores, scale: one or two columns and a number > 0 are needed, found {scores} and {scale}"
        )
    sides = [completion] if len(scores) == 1 else [first, second]
    read = [
        load_marks(source, prompt=prompt, completion=side, label=score, scale=scale, split=split, limit=limit)
        for side, score in zip(sides, scores, strict=True)
    ]
    return [mark for row in zip(*read, strict=True) for mark in row]


def _desirable(value, scale: float, where: str) -> float:
    words = {"true": 1.0, "false": 0.0}
    try:
        found = (
            words[value.strip().lower()]
            if isinstance(value, str) and value.strip().lower() in words
            else float(value) / scale
        )
    except (TypeError, ValueError):
        found = -1.0
    if not 0 <= found <= 1:
        of = "" if scale == 1 else f" of data.scale {scale:g}"
        raise NashsimError(
            f"{where}: true, false or a probability in [0, 1]{of} is needed, found {value!r:.60}; data.scale is the"
            " largest score"
        )
    return found
