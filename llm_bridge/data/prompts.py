"""Prompts to train or evaluate on."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nashsim.errors import NashsimError

from .encode import Encoder, PromptTooLong
from .rows import read_rows
from .turns import prompt_key


class PromptRow(tuple):
    """Token ids of a prompt, a tuple as any other, that knows its row: equal prompts of two rows stay two.

    Attributes
    ----------
    row : int
        Place of the prompt among those it was read with, from 0.
    """

    row: int

    @classmethod
    def of(cls, ids, row: int) -> PromptRow:
        """Return token ids that know their row.

        Parameters
        ----------
        ids : sequence of int
            Token ids.
        row : int
            Place of the prompt.
        """
        made = cls(ids)
        made.row = row
        return made


def as_prompt(ids, row: int | None = None) -> tuple[int, ...]:
    """Return token ids as a tuple, which knows its row if it did before or if one is given.

    Parameters
    ----------
    ids : sequence of int
        Token ids.
    row : int or None
        Place of the prompt among those it was read with.
    """
    if row is not None:
        return PromptRow.of(ids, row)
    return ids if isinstance(ids, PromptRow) else tuple(ids)


@dataclass(frozen=True)
class Prompt:
    """One prompt.

    Attributes
    ----------
    text : str or tuple
        Prompt as it was read: text, or turns of a conversation as (role, content) pairs.
    ids : tuple of int
        Token ids; those of :func:`load_prompts` know their row (:class:`PromptRow`).
    metadata : mapping
        Other columns of its row; judges may read them.
    """

    text: Hashable
    ids: tuple[int, ...]
    metadata: Mapping = field(default_factory=dict, compare=False)


def load_prompts(
    source: str | Path,
    encoder: Encoder,
    *,
    column: str = "prompt",
    split: str = "train",
    limit: int | None = None,
    too_long: str = "refuse",
    first_row: int = 0,
) -> list[Prompt]:
    """Return the prompts of a file or dataset, in its order.

    Parameters
    ----------
    source, split, limit
        Source of the rows, as for :func:`read_rows`.
    encoder : Encoder
        Encoder of text to token ids.
    column : str
        Column of the prompts.
    too_long : str
        Treatment of prompts that the context has no room for: ``"refuse"`` or ``"drop"``.
    first_row : int
        Number of the first row, where other prompts have the numbers before it.

    Raises
    ------
    NashsimError
        For a source or column that is not there, an empty prompt, one that is too long, or none left.
    """
    if too_long not in ("refuse", "drop"):
        raise NashsimError(f"too_long: 'refuse' or 'drop' is needed, found {too_long!r}")
    table = read_rows(source, split=split, limit=limit)
    prompts, last = [], None
    for i, (text, row) in enumerate(zip(table.column(column), table.rows, strict=True)):
        where = f"{table.name}: row {i + 1}, {column}"
        if not text:
            raise NashsimError(f"{where}: it is empty")
        try:
            ids = encoder.prompt(text, where)
        except PromptTooLong as error:
            if too_long == "refuse":
                raise
            last = error
            continue
        rest = {k: v for k, v in row.items() if k != column}
        prompts.append(Prompt(prompt_key(text, where), PromptRow.of(ids, first_row + len(prompts)), rest))
    if not prompts:
        raise NashsimError(f"{table.name}: every prompt was dropped as too long; the last: {last}")
    return prompts
