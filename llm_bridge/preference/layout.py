"""How a prompt and two responses are laid out as one sequence of tokens."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from nashsim.errors import NashsimError

#: The question in words [ours].
WORDS = ("", "\n\n[Response A]\n", "\n\n[Response B]\n", "\n\nBetter response:")


@dataclass(frozen=True)
class Layout:
    """Tokens around prompt, first and second response, and the two tokens that answer.

    Attributes
    ----------
    before, first, second, ask : tuple of int
        Tokens of the sequence before + prompt + first + a + second + b + ask.
    answers : tuple of int
        Tokens "A" and "B": the first response is better, or the second.
    limit : int
        Most tokens of a sequence.
    """

    before: tuple[int, ...]
    first: tuple[int, ...]
    second: tuple[int, ...]
    ask: tuple[int, ...]
    answers: tuple[int, int]
    limit: int = 4096

    def __post_init__(self):
        if not (self.first and self.second and self.ask):
            raise NashsimError("layout: responses need tokens between them and a question after; found none")
        if len(self.answers) != 2 or self.answers[0] == self.answers[1]:
            raise NashsimError(f"layout: two different answer tokens are needed, found {self.answers}")

    @classmethod
    def of_tokenizer(cls, tokenizer, words=WORDS, answers=(" A", " B"), limit: int = 4096) -> Layout:
        """Return the layout in a tokenizer's tokens.

        Parameters
        ----------
        tokenizer : transformers.PreTrainedTokenizerBase
            Tokenizer of the model.
        words : sequence of str
            Texts before the prompt, before a, before b, and the question.
        answers : sequence of str
            Texts whose last tokens answer.
        limit : int
            Most tokens of a sequence.

        Raises
        ------
        NashsimError
            If both answers end in one token.
        """
        pieces = [
            tuple(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in (*words, *answers)
        ]
        if tokenizer.bos_token_id is not None:
            pieces[0] = (tokenizer.bos_token_id, *pieces[0])
        return cls(*pieces[:4], (pieces[4][-1], pieces[5][-1]), limit)

    def pair(self, prompt, a, b, tokenizer=None) -> tuple[int, ...]:
        """Return the sequence that asks whether a is better than b.

        Parameters
        ----------
        prompt, a, b : str or tuple of int
            Texts or token ids.
        tokenizer : transformers.PreTrainedTokenizerBase or None
            Tokenizer, needed for texts.

        Raises
        ------
        NashsimError
            For text without a tokenizer, or a sequence longer than the limit.
        """
        x, a, b = (ids_of(part, tokenizer) for part in (prompt, a, b))
        return self._within((*self.before, *x, *self.first, *a, *self.second, *b, *self.ask))

    def single(self, prompt, response, tokenizer=None) -> tuple[int, ...]:
        """Return the sequence whose end a reward is read off.

        Parameters
        ----------
        prompt, response : str or tuple of int
            Texts or token ids.
        tokenizer : transformers.PreTrainedTokenizerBase or None
            Tokenizer, needed for texts.
        """
        x, y = ids_of(prompt, tokenizer), ids_of(response, tokenizer)
        return self._within((*self.before, *x, *self.first, *y, *self.ask))

    def _within(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        if len(ids) > self.limit:
            raise NashsimError(
                f"pair: {len(ids)} tokens exceed the preference model's context of {self.limit}; shorten or drop it"
            )
        return ids


def ids_of(part: Hashable, tokenizer) -> tuple[int, ...]:
    """Return the token ids of text, of turns (role, content), or of ids themselves.

    Parameters
    ----------
    part : str, tuple of int or tuple of (str, str)
        Text, token ids, or turns.
    tokenizer : transformers.PreTrainedTokenizerBase or None
        Tokenizer, needed for texts.
    """
    if isinstance(part, tuple) and part and not isinstance(part[0], int):
        part = "\n\n".join(f"{role}: {content}" for role, content in part)
    if not isinstance(part, str):
        return tuple(part)
    if tokenizer is None:
        raise NashsimError("tokenizer: text needs one; found text and no tokenizer")
    return tuple(tokenizer(part, add_special_tokens=False)["input_ids"])
