"""The pairwise contract: a batch of comparisons in, one probability a comparison out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np


class Comparison(NamedTuple):
    """One question to a judge: which of two responses to a prompt is better?

    Attributes
    ----------
    prompt, a, b : hashable
        Prompt and its two responses: strings, or tuples of token ids.
    metadata : mapping or None
        Further facts of the prompt's row for the judge; two rows with one prompt are two questions.
    """

    prompt: Hashable
    a: Hashable
    b: Hashable
    metadata: Mapping | None = None

    def swapped(self) -> Comparison:
        """Return the same question with the responses in the other order."""
        return self._replace(a=self.b, b=self.a)


class Judge(Protocol):
    """Anything that maps comparisons to P(a ≻ b | prompt)."""

    def __call__(self, comparisons: Sequence[Comparison]) -> np.ndarray:
        """Return the probabilities that ``a`` is preferred, shape (batch,), each in [0, 1]."""
        ...
