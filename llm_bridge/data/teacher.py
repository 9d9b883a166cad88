"""Responses of a stronger teacher, ranked beside the policy's own."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

from nashsim.errors import NashsimError, unknown_name

from .encode import Encoder
from .prompts import Prompt
from .rows import read_rows
from .turns import prompt_key

#: What may become of a prompt that the teacher has not answered.
UNANSWERED = ("refuse", "own")


class Teacher:
    """What a teacher answered, by prompt.

    DNO joins the teacher's response to the K drawn from pi_t, and ranks all of them by win rate (Rosset et al., arXiv
    2404.03715, Algorithm 2 [paper]).

    Parameters
    ----------
    responses : mapping
        Response to every prompt; texts or tuples of token ids.
    unanswered : str
        Treatment of a prompt without a response: ``"refuse"`` it, or rank its ``"own"`` responses alone.

    Examples
    --------
    >>> Teacher({"q": "gold"}).joined(["q"], [["mine", "other"]])
    [['mine', 'other', 'gold']]
    """

    def __init__(self, responses: Mapping[Hashable, Hashable], unanswered: str = "refuse"):
        if unanswered not in UNANSWERED:
            raise unknown_name("unanswered", str(unanswered), UNANSWERED)
        self.responses, self.unanswered = dict(responses), unanswered

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
            Prompts.
        samples : sequence of sequence
            Sampled responses of every prompt.

        Raises
        ------
        NashsimError
            For a prompt without a response, unless ``unanswered`` says otherwise.
        """
        return [
            list(drawn)
            if self.unanswered == "own" and prompt not in self.responses
            else [*drawn, self(prompt)]
            for prompt, drawn in zip(prompts, samples, strict=True)
        ]

    def encoded(self, prompts: Sequence[Prompt], encoder: Encoder, length: int) -> Teacher:
        """Return the teacher in token ids, of prompts and of responses.

        A response ends where the policy's own would be cut off, so that all that are compared have the same room.

        Parameters
        ----------
        prompts : sequence of Prompt
            Prompts as they were read, of this teacher's keys.
        encoder : Encoder
            Encoder of text to token ids.
        length : int
            Most tokens of a response, EOS included.

        Raises
        ------
        NashsimError
            For prompts without a response, unless ``unanswered`` says otherwise, or none that has one.
        """
        answered = [prompt for prompt in prompts if prompt.text in self.responses]
        missing = [prompt for prompt in prompts if prompt.text not in self.responses]
        if missing and (self.unanswered == "refuse" or not answered):
            remedy = "" if not answered else ", or set data.unanswered: own to rank their own responses alone"
            raise NashsimError(
                f"data.teacher: {len(missing)} of {len(prompts)} prompts have no response, the first"
                f" {missing[0].text!r:.60}; answer them{remedy}"
            )
        return Teacher(
            {p.ids: encoder.encode_response(self(p.text), "data.teacher")[:length] for p in answered},
            self.unanswered,
        )


def load_teacher(
    source: str | Path,
    *,
    prompt: str = "prompt",
    response: str = "response",
    split: str = "train",
    limit: int | None = None,
    unanswered: str = "refuse",
) -> Teacher:
    """Return the teacher of a file or dataset.

    Parameters
    ----------
    source, split, limit
        Source of the rows, as for :func:`read_rows`.
    prompt, response : str
        Columns of prompts and responses.
    unanswered : str
        Treatment of a prompt without a response, as for :class:`Teacher`.

    Raises
    ------
    NashsimError
        For a source or column that is not there, or a prompt with two different responses.
    """
    table = read_rows(source, split=split, limit=limit)
    found: dict = {}
    for i, (asked, answer) in enumerate(zip(table.column(prompt), table.column(response), strict=True)):
        key = prompt_key(asked, f"{table.name}: row {i + 1}, {prompt}")
        if found.setdefault(key, answer) != answer:
            raise NashsimError(f"{table.name}: row {i + 1} answers a prompt again and differently; keep one")
    return Teacher(found, unanswered)
