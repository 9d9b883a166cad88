"""A small English in styles, in stated proportions: what a small model is first taught, and its tokenizer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nashsim.errors import NashsimError

from .sentences import LONGEST, TOPICS, WORDS, WRITERS, reads

PAD, EOS_WORD, BOS, UNKNOWN = "<pad>", "<eos>", "<bos>", "<unk>"
#: The class of whatever opens without a style token.
OTHER = "other"


@dataclass(frozen=True)
class Grammar:
    """Prompts ``about the ship :``, and responses that open with the token of their style, ``<terse> ship waits .``

    Parameters
    ----------
    styles : tuple of str
        Styles among ``"formal"``, ``"playful"`` and ``"terse"``.
    weights : tuple of float
        Mass of every style, > 0; what is left of 1, > 0 too, is the mass of ``other``: plain sentences.
    topics : int
        Number of prompts, one a topic; 1 to 12.

    Raises
    ------
    NashsimError
        For an unknown style, weights that leave nothing to ``other``, or more topics than there are.
    """

    styles: tuple[str, ...] = ("formal", "playful", "terse")
    weights: tuple[float, ...] = (0.5, 0.3, 0.15)
    topics: int = 12

    def __post_init__(self):
        known = [style for style in WRITERS if style != OTHER]
        if not self.styles or set(self.styles) - set(known) or len(set(self.styles)) < len(self.styles):
            raise NashsimError(
                f"styles: different ones of {', '.join(known)} are needed, found {self.styles}"
            )
        if len(self.weights) != len(self.styles) or min(self.weights) <= 0 or sum(self.weights) >= 1:
            raise NashsimError(
                f"weights: one > 0 for each of {len(self.styles)} styles, of a sum < 1, found {self.weights}"
            )
        if not 1 <= self.topics <= len(TOPICS):
            raise NashsimError(f"topics: 1 to {len(TOPICS)} are needed, found {self.topics}")

    @property
    def names(self) -> tuple[str, ...]:
        """The classes: the styles, then ``other``."""
        return (*self.styles, OTHER)

    @property
    def masses(self) -> np.ndarray:
        """Mass of every class, shape (classes,)."""
        return np.array([*self.weights, 1 - sum(self.weights)])

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The vocabulary in the order of its ids."""
        return (PAD, EOS_WORD, BOS, UNKNOWN, *(f"<{style}>" for style in self.styles), *WORDS)

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of every word."""
        return {word: i for i, word in enumerate(self.words)}

    @cached_property
    def prompts(self) -> list[tuple[int, ...]]:
        """Token ids of every prompt, all of one length."""
        return [self.encode(f"{BOS} about the {topic} :") for topic in TOPICS[: self.topics]]

    @property
    def longest(self) -> int:
        """Tokens of the longest sentence, style token and EOS included."""
        return max(LONGEST[name] + (name != OTHER) + 1 for name in self.names)

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the ids of words separated by spaces, as the tokenizer does.

        Parameters
        ----------
        text : str
            Words separated by spaces.
        """
        return tuple(self.ids.get(word, self.ids[UNKNOWN]) for word in text.split())

    def decode(self, ids) -> str:
        """Return the words of token ids, separated by spaces.

        Parameters
        ----------
        ids : sequence of int
            Token ids.
        """
        return " ".join(self.words[i] for i in ids)

    def sentence(self, topic: str, name: str, rng: np.random.Generator) -> str:
        """Return a sentence of a class, its style token and EOS included.

        Parameters
        ----------
        topic : str
            Topic of the prompt.
        name : str
            Name of the class.
        rng : numpy.random.Generator
            Source of random numbers.

        Examples
        --------
        >>> Grammar().sentence("ship", "terse", np.random.default_rng(0))
        '<terse> ship waits . <eos>'
        """
        opening = "" if name == OTHER else f"<{name}> "
        return f"{opening}{WRITERS[name](topic, rng)} {EOS_WORD}"

    def examples(self, count: int, seed: int = 0) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Return pairs of prompt and response, every class equally often whatever its weight.

        Thus a rare style is written as well as a frequent one; the weights come in by the loss of the task.

        Parameters
        ----------
        count : int
            Number of pairs.
        seed : int
            Seed of topics and sentences.
        """
        rng = np.random.default_rng(seed)
        topics = rng.integers(self.topics, size=count)
        names = [self.names[k % len(self.names)] for k in range(count)]
        return [
            (self.prompts[at], self.encode(self.sentence(TOPICS[at], name, rng)))
            for at, name in zip(topics, names, strict=True)
        ]

    def classify(self, prompt, response) -> int:
        """Return the class of a response by its first token alone: a style, or ``other`` for anything else.

        Parameters
        ----------
        prompt : object
            Prompt, on which nothing depends.
        response : sequence of int
            Token ids, at least one.
        """
        return int(self.token_classes[response[0]])

    @cached_property
    def token_classes(self) -> np.ndarray:
        """The class that each token opens, shape (vocabulary,)."""
        classes = np.full(len(self.words), len(self.styles))
        for c, style in enumerate(self.styles):
            classes[self.ids[f"<{style}>"]] = c
        return classes

    def is_sentence(self, prompt, response) -> bool:
        """Return whether the grammar could have written this response to this prompt.

        Parameters
        ----------
        prompt, response : sequence of int
            Token ids.

        Examples
        --------
        >>> grammar = Grammar()
        >>> answers = "<terse> ship waits . <eos>", "<terse> poet waits . <eos>"
        >>> [grammar.is_sentence(grammar.prompts[1], grammar.encode(answer)) for answer in answers]
        [True, False]
        """
        words = self.decode(response).split()
        name = self.names[self.classify(prompt, response)]
        body = words[:-1] if name == OTHER else words[1:-1]
        return words[-1] == EOS_WORD and reads(name, self.words[prompt[3]], " ".join(body))

    def tokenizer(self):
        """Return the word-level tokenizer, a ``transformers.PreTrainedTokenizerFast``."""
        from tokenizers import Tokenizer, models, pre_tokenizers
        from transformers import PreTrainedTokenizerFast

        inner = Tokenizer(models.WordLevel(self.ids, unk_token=UNKNOWN))
        inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        return PreTrainedTokenizerFast(
            tokenizer_object=inner,
            bos_token=BOS,
            eos_token=EOS_WORD,
            pad_token=PAD,
            unk_token=UNKNOWN,
            padding_side="left",
            clean_up_tokenization_spaces=False,
        )
