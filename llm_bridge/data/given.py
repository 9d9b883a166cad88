"""Pairs and marks in a policy's token ids, to train on as they were given."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nashsim.errors import NashsimError

from .encode import Encoder
from .marks import Mark, load_marks, load_scored
from .pairs import Pair, cut_to_fit, load_pairs
from .prompts import PromptRow
from .rows import read_rows


@dataclass(frozen=True)
class Given:
    """One or two responses to a prompt, in token ids.

    Attributes
    ----------
    prompt : PromptRow
        Token ids of the prompt, which know their place among the rows that are trained on.
    text : hashable
        Prompt as it was read.
    responses : tuple of tuple of int
        Token ids of two responses, or of one that is marked.
    probability : float
        P(first ≻ second), or the probability that the one response is desirable.
    """

    prompt: PromptRow
    text: Hashable
    responses: tuple[tuple[int, ...], ...]
    probability: float


def load_given(
    source: str | Path, *, marks: bool, scored: bool = False, **options
) -> list[Pair] | list[Mark]:
    """Return the pairs of a file or dataset, or its marked responses where it has those and they are wanted.

    Parameters
    ----------
    source : str or Path
        Source of the rows, as for :func:`read_rows`.
    marks : bool
        Whether responses with a mark will do.
    scored : bool
        Whether columns of scores are marks of their responses, and not margins of pairs.
    **options
        Further arguments of :func:`load_pairs`; marks take ``prompt``, ``split`` and ``limit``.
    """
    if scored and options.get("scores"):
        own = ("prompt", "first", "second", "scores", "scale", "split", "limit")
        return load_scored(source, **{name: options[name] for name in own if name in options})
    kept = {name: options[name] for name in ("prompt", "split", "limit") if name in options}
    if marks:
        columns = read_rows(source, **{k: v for k, v in kept.items() if k != "prompt"}).columns
        if options.get("first", "chosen") not in columns and {"completion", "label"} <= set(columns):
            return load_marks(source, **kept)
    return load_pairs(source, **options)


def encode_given(
    rows: Sequence[Pair | Mark],
    encoder: Encoder,
    context: int | None = None,
    *,
    equal: str = "refuse",
    too_long: str = "refuse",
) -> tuple[list[Given], dict[str, int]]:
    """Return rows in token ids, and how many were equal or too long.

    Parameters
    ----------
    rows : sequence of Pair or Mark
        Rows as they were read.
    encoder : Encoder
        Encoder of text to token ids; responses end with its EOS, unless they are cut.
    context : int or None
        Most tokens of a prompt with either response; ``None`` is no limit.
    equal, too_long : str
        Treatments of rows, as for :func:`load_pairs` and ``pairs_that_fit``.

    Raises
    ------
    NashsimError
        For a row that is refused, which is named, or where none is left.
    """
    given: list[Given] = []
    counts = {"equal": 0, "too long": 0}
    for item in rows:
        where = f"data.pairs: row {item.row}"
        x = encoder.encode_prompt(item.prompt, where)
        texts = (item.a, item.b) if isinstance(item, Pair) else (item.response,)
        responses = [encoder.encode_response(text, where) for text in texts]
        needed, probability = len(x) + max(map(len, responses)), item.probability
        if context is not None and needed > context:
            counts["too long"] += 1
            if too_long == "refuse":
                raise NashsimError(
                    f"{where}: prompt and response of {needed} tokens exceed the context of {context}; let"
                    " data.too_long: drop leave it out or data.too_long: cut cut it"
                )
            if too_long == "drop":
                continue
            x, responses = cut_to_fit(x, responses, context)
        if responses[0] == responses[-1] and len(responses) == 2:
            counts["equal"] += 1
            if equal == "refuse" and probability != 0.5:
                raise NashsimError(
                    f"{where}: in tokens its responses are equal; data.equal: half or drop takes it"
                )
            if equal == "drop":
                continue
            probability = 0.5
        given.append(Given(PromptRow.of(x, len(given)), item.prompt, tuple(responses), probability))
    if not given:
        raise NashsimError("data.pairs: no row is left; cut what is too long, or raise the context")
    return given, counts
