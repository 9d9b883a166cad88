"""Responses of a stronger teacher, as one side of a pair or one of the responses that are ranked."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

from nashsim.errors import NashsimError

from ..judges import Comparison
from .prompts import frozen
from .rows import read_rows


class Teacher:
    """What a teacher answered, by prompt.

    DNO joins the teacher's response to the K drawn from pi_t, and ranks all of them by win rate (Rosset et al., arXiv
    2404.03715, Algorithm 2 [paper]).

    Parameters
    ----------
    responses : mapping
        Prompt to response; texts or tuples of token ids.

    Examples
    --------
    >>> Teacher({"q": "gold"}).joined(["q"], [["mine", "other"]])
    [['mine', 'other', 'gold']]
    """

    def __init__(self, responses: Mapping[Hashable, Hashable]):
        self.responses = dict(responses)

    def __call__(self, prompt: Hashable) -> Hashable:
        """Return the teacher's response to a prompt, or raise NashsimError where there is none."""
        if prompt not in self.responses:
            raise NashsimError(
                f"teacher: no response to {prompt!r:.60}; it answered {len(self.responses)} prompts, and every one is"
                " needed"
            )
        return self.responses[prompt]

    def joined(self, prompts: Sequence[Hashable], samples: Sequence[Sequence]) -> list[list]:
        """Return each prompt's sampled responses with the teacher's at the end.

        Parameters
        ----------
        prompts : sequence
        samples : sequence of sequence
        """
        return [[*drawn, self(prompt)] for prompt, drawn in zip(prompts, samples, strict=True)]

    def against(self, prompts: Sequence[Hashable], samples: Sequence[Sequence]) -> list[Comparison]:
        """Return the teacher's response, first, against each sampled one.

        Parameters
        ----------
        prompts : sequence
        samples : sequence of sequence
        """
        return [
            Comparison(prompt, self(prompt), own)
            for prompt, drawn in zip(prompts, samples, strict=True)
            for own in drawn
        ]


def load_teacher(
    source: str | Path,
    *,
    prompt: str = "prompt",
    response: str = "response",
    split: str = "train",
    limit: int | None = None,
) -> Teacher:
    """Return the teacher of a file or dataset.

    Parameters
    ----------
    source, split, limit
        As for :func:`read_rows`.
    prompt, response : str
        Columns.

    Raises
    ------
    NashsimError
        For a source or column that is not there, or a prompt with two different responses.
    """
    table = read_rows(source, split=split, limit=limit)
    found: dict = {}
    for i, (asked, said) in enumerate(zip(table.column(prompt), table.column(response), strict=True)):
        if found.setdefault(frozen(asked), said) != said:
            raise NashsimError(f"{table.name}: row {i + 1} answers a prompt again and differently; keep one")
    return Teacher(found)
