"""The enumerable model that a loss is tried on: a tree of tokens with a softmax at every prefix, and preferences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from nashsim.rules import POLICY, REFERENCE

from ..tasks.enumeration import Enumeration


@dataclass(frozen=True, eq=False)
class Example:
    """Every response of a small vocabulary, named policies on them, and a preference between responses.

    Attributes
    ----------
    vocabulary, length : int
        Number of tokens, EOS = 0 among them, and most tokens of a response.
    seed : int
    """

    vocabulary: int
    length: int
    seed: int = 0

    @cached_property
    def enumeration(self) -> Enumeration:
        """Every response, as tokens."""
        return Enumeration.of(self.vocabulary, self.length)

    @cached_property
    def mask(self) -> torch.Tensor:
        """Which positions are tokens of the response, bool of shape (responses, T)."""
        return torch.arange(self.length)[None, :] < torch.as_tensor(self.enumeration.lengths)[:, None]

    @cached_property
    def _prefixes(self) -> tuple[torch.Tensor, int]:
        """Number of the prefix before every token, shape (responses, T), and how many there are."""
        number: dict[tuple[int, ...], int] = {}
        found = torch.zeros(len(self.enumeration), self.length, dtype=torch.long)
        for row, response in enumerate(self.enumeration.responses()):
            for t in range(len(response)):
                found[row, t] = number.setdefault(response[:t], len(number))
        return found, len(number)

    @cached_property
    def logits(self) -> dict[str, torch.Tensor]:
        """Logits of the named policies, one decimal each, shape (prefixes, vocabulary)."""
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, self.vocabulary, self.length]))
        shape = (self._prefixes[1], self.vocabulary)
        names = (POLICY, REFERENCE, "half", "start")
        return {name: torch.as_tensor(rng.normal(size=shape).round(1)) for name in names}

    def token_logps(self, logits: torch.Tensor) -> torch.Tensor:
        """Return log pi(y_t | y_<t), 0 after the end, shape (responses, T).

        Parameters
        ----------
        logits : Tensor, shape (prefixes, vocabulary)
        """
        table = logits.log_softmax(-1)[self._prefixes[0], torch.as_tensor(self.enumeration.tokens)]
        return torch.where(self.mask, table, 0.0)

    @cached_property
    def logps(self) -> dict[str, torch.Tensor]:
        """log pi(y) of the named policies, shape (responses,); "policy" is pi_t, where a step begins."""
        return {name: self.token_logps(logits).sum(-1) for name, logits in self.logits.items()}

    def mixture(self, weights: Mapping[str, Any]) -> torch.Tensor:
        """Return log q(y) of the geometric mixture of whole responses, shape (responses,).

        Parameters
        ----------
        weights : mapping of str to float
        """
        terms = (float(w) * self.logps[name] for name, w in weights.items() if float(w) != 0.0)
        return sum(terms, torch.zeros(len(self.enumeration), dtype=torch.float64)).log_softmax(-1)

    @cached_property
    def rewards(self) -> torch.Tensor:
        """r(y), one decimal each, shape (responses,)."""
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, 1, self.vocabulary, self.length]))
        return torch.as_tensor(rng.normal(size=len(self.enumeration)).round(1))

    @cached_property
    def preference(self) -> torch.Tensor:
        """P(y ≻ y'), not transitive, in tenths, shape (responses, responses)."""
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, 2, self.vocabulary, self.length]))
        upper = np.triu(rng.choice([-0.4, -0.3, -0.2, 0.2, 0.3, 0.4], size=2 * (len(self.enumeration),)), 1)
        return torch.as_tensor(0.5 + upper - upper.T)

    @property
    def bradley_terry(self) -> torch.Tensor:
        """P(y ≻ y') = sigma(r(y) - r(y')), shape (responses, responses)."""
        return torch.sigmoid(self.rewards[:, None] - self.rewards)

    def __str__(self) -> str:
        words = ", ".join(" ".join(map(str, response)) for response in self.enumeration.responses())
        return (
            f"{len(self.enumeration)} responses of at most {self.length} tokens (0 ends one): {words};"
            f" Example(vocabulary={self.vocabulary}, length={self.length}, seed={self.seed})"
        )


#: Examples in the order in which they are tried: the first that breaks a property is the smallest.
LADDER = ((2, 1), (2, 2), (3, 2))


def ladder(seed: int = 0) -> tuple[Example, ...]:
    """Return 2, 3 and 7 responses, of one and of two tokens."""
    return tuple(Example(vocabulary, length, seed) for vocabulary, length in LADDER)
