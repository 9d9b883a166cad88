"""Preference pairs: prompt, chosen and rejected; or two responses and the probability that the first is better."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path

from nashsim.errors import NashsimError

from .prompts import prompt_key
from .rows import read_rows


@dataclass(frozen=True)
class Pair:
    """Two responses to a prompt and P(a ≻ b).

    Attributes
    ----------
    prompt, a, b : hashable
        Prompt and its two responses: text, or tuples of token ids.
    probability : float
        Probability P(a ≻ b): 1 where a was chosen, a share of votes, or an exact probability.
    """

    prompt: Hashable
    a: Hashable
    b: Hashable
    probability: float = 1.0

    def __post_init__(self):
        if not 0 <= self.probability <= 1:
            raise NashsimError(f"probability: P(a ≻ b) must lie in [0, 1], found {self.probability!r}")
        if self.a == self.b and self.probability != 0.5:
            raise NashsimError(f"pair: equal responses are preferred with 1/2, found {self.probability!r}")


def load_pairs(
    source: str | Path,
    *,
    prompt: str = "prompt",
    first: str = "chosen",
    second: str = "rejected",
    probability: str | None = None,
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
        the prompt where the prompt column is not there.
    probability : str or None
        Column of P(first ≻ second); ``None`` where the first was chosen.

    Raises
    ------
    NashsimError
        For a source or column that is not there, a probability outside [0, 1], or equal responses that differ in
        preference; the row is named.
    """
    table = read_rows(source, split=split, limit=limit)
    sides = table.column(first), table.column(second)
    spoken = not isinstance(sides[0][0], str)
    given = None if spoken and prompt not in table.columns else table.column(prompt)
    odds = [1.0] * len(table) if probability is None else table.column(probability)
    pairs = []
    for i, (a, b, p) in enumerate(zip(*sides, odds, strict=True)):
        where = f"{table.name}: row {i + 1}"
        (before, a), (other, b) = _response(a, where), _response(b, where)
        if given is None and before != other:
            raise NashsimError(f"{where}: {first} and {second} answer different conversations")
        asked = before if given is None else prompt_key(given[i])
        try:
            pairs.append(Pair(asked, a, b, float(p)))
        except (NashsimError, ValueError, TypeError) as error:
            raise NashsimError(f"{where}: {error}") from None
    return pairs


def _response(value, where: str) -> tuple:
    if isinstance(value, str):
        return None, value
    try:
        turns = prompt_key(value)
        return turns[:-1], turns[-1][1]
    except (TypeError, KeyError, IndexError):
        raise NashsimError(
            f"{where}: a response is text or a list of turns with role and content, found {value!r:.60}"
        ) from None
