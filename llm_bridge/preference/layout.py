"""How a prompt and two responses are laid out as one sequence of tokens."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from nashsim.errors import NashsimError

from ..data.pairs import cut_to_fit
from ..data.turns import read_turns, rendered

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
        a, b = ids_of(a, tokenizer), ids_of(b, tokenizer)
        return self._within((*self._begun(prompt, tokenizer), *self.first, *a, *self.second, *b, *self.ask))

    def single(self, prompt, response, tokenizer=None) -> tuple[int, ...]:
        """Return the sequence whose end a reward is read off.

        Parameters
        ----------
        prompt, response : str or tuple of int
            Texts or token ids.
        tokenizer : transformers.PreTrainedTokenizerBase or None
            Tokenizer, needed for texts.
        """
        y = ids_of(response, tokenizer)
        return self._within((*self._begun(prompt, tokenizer), *self.first, *y, *self.ask))

    def length(self, prompt, *lengths: int, tokenizer=None) -> int:
        """Return the number of tokens of a prompt with one response or two.

        Parameters
        ----------
        prompt : str, tuple of int or tuple of (str, str)
            Text, token ids or turns.
        *lengths : int
            Tokens of each response.
        tokenizer : transformers.PreTrainedTokenizerBase or None
            Tokenizer, needed for texts.
        """
        marks = len(self.first) + (len(self.second) if len(lengths) == 2 else 0) + len(self.ask)
        return len(self._begun(prompt, tokenizer)) + marks + sum(lengths)

    def cut(self, prompt, a, b, tokenizer=None) -> tuple[tuple[int, ...], ...]:
        """Return prompt and responses in token ids, cut until their sequence fits (``cut_to_fit``).

        Parameters
        ----------
        prompt, a, b, tokenizer
            Arguments of :meth:`pair`.

        Raises
        ------
        NashsimError
            Where the limit has no room for a token of each.
        """
        x, room = self._begun(prompt, tokenizer)[len(self.before) :], self.limit
        room -= len(self.before) + len(self.first) + len(self.second) + len(self.ask)
        if room < 4:
            raise NashsimError(f"context: {self.limit} tokens leave no room for a prompt and two responses")
        x, (a, b) = cut_to_fit(x, [ids_of(a, tokenizer), ids_of(b, tokenizer)], room, joint=True)
        return x, a, b

    def _begun(self, prompt, tokenizer) -> tuple[int, ...]:
        """What stands before the first response's mark."""
        ids = ids_of(prompt, tokenizer)
        # A chat template writes the beginning-of-text token too.
        twice = _is_turns(prompt) and self.before and ids[:1] == self.before[:1]
        return (*self.before, *(ids[1:] if twice else ids))

    def _within(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        if len(ids) > self.limit:
            raise NashsimError(
                f"pair: {len(ids)} tokens exceed the preference model's context of {self.limit}; shorten or drop it"
            )
        return ids


def ids_of(part: Hashable, tokenizer) -> tuple[int, ...]:
    """Return the token ids of text, of turns (role, content) by the chat template, or of ids themselves.

    Parameters
    ----------
    part : str, tuple of int or tuple of (str, str)
        Text, token ids, or turns.
    tokenizer : transformers.PreTrainedTokenizerBase or None
        Tokenizer, needed for texts.

    Raises
    ------
    NashsimError
        For text without a tokenizer, or turns without a chat template.
    """
    if not isinstance(part, str) and not _is_turns(part):
        return tuple(part)
    if tokenizer is None:
        raise NashsimError("tokenizer: text needs one; found text and no tokenizer")
    if not isinstance(part, str):
        part = rendered(tokenizer, read_turns(part, "prompt"), "prompt")
    return tuple(tokenizer(part, add_special_tokens=False)["input_ids"])


def _is_turns(part: Hashable) -> bool:
    return isinstance(part, tuple) and len(part) > 0 and isinstance(part[0], tuple)
