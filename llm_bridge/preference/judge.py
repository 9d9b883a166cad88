"""A fitted model as a judge: batched, cached, and exact in P(a ≻ b) + P(b ≻ a) = 1."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch

from nashsim.errors import NashsimError

from ..judges import Comparison, check_probabilities


class ModelJudge:
    """P(a ≻ b) = 1/2 + tanh(s(a, b)/2)/2 of a preference or reward model.

    A pair is put to the model in one order, whichever way it is asked, and the margin's sign is turned: P(a ≻ b)
    and P(b ≻ a) add up to 1 in floating-point arithmetic as long as the pair stays in the cache. Equal responses count
    exactly 1/2 and are never asked.

    Parameters
    ----------
    model : PreferenceModel or RewardModel
        Fitted model.
    batch : int
        Pairs put to the model at once.
    cache : int
        Number of pairs to remember, the latest used ones.

    Attributes
    ----------
    asked : int
        Pairs put to the model so far.
    bradley_terry : bool
        Whether its preferences are those of a reward, and so cannot be cyclic.
    """

    def __init__(self, model, *, batch: int = 64, cache: int = 100_000):
        if batch < 1 or cache < 0:
            raise NashsimError(f"batch, cache: >= 1 and >= 0 are needed, found {batch} and {cache}")
        self.model, self.batch, self.cache = model, batch, cache
        self.bradley_terry = model.bradley_terry
        self.asked = 0
        self._known: OrderedDict[tuple, float] = OrderedDict()

    def __call__(self, comparisons: Sequence[Comparison]) -> np.ndarray:
        """Return P(a ≻ b) for every comparison, shape (batch,)."""
        keys = [_canonical(c) for c in comparisons]
        fresh = list(dict.fromkeys(key for key, _ in keys if key[1] != key[2] and key not in self._known))
        new = dict(zip(fresh, self._margins(fresh), strict=True))
        margins = np.array([sign * self._margin(key, new) for key, sign in keys], dtype=np.float64)
        if self.cache:
            self._known.update(new)
            while len(self._known) > self.cache:
                self._known.popitem(last=False)
        # tanh is odd to the last bit, and 1/2 + x and 1/2 - x round to numbers whose sum rounds to 1
        return check_probabilities(0.5 + 0.5 * np.tanh(0.5 * margins), len(keys))

    def tokens_needed(self, prompt, length: int) -> tuple[int, int | None]:
        """Return the tokens of a prompt with responses of some length, and the most that the model takes.

        Parameters
        ----------
        prompt : str, tuple of int or tuple of (str, str)
            Text, token ids or turns.
        length : int
            Tokens of a response.
        """
        layout, tokenizer = self.model.layout, self.model.tokenizer
        lengths = [length] if self.bradley_terry else [length, length]
        return layout.length(prompt, *lengths, tokenizer=tokenizer), layout.limit

    def _margin(self, key: tuple, new: dict) -> float:
        if key[1] == key[2]:
            return 0.0
        if key in new:
            return new[key]
        self._known.move_to_end(key)
        return self._known[key]

    def _margins(self, keys: list[tuple]) -> list[float]:
        values: list[float] = []
        with torch.inference_mode():
            for start in range(0, len(keys), self.batch):
                asked = [Comparison(*key) for key in keys[start : start + self.batch]]
                values += self.model.margins(asked).double().tolist()
        self.asked += len(keys)
        return values


def _canonical(comparison: Comparison) -> tuple[tuple, float]:
    x, a, b = comparison[:3]
    return ((x, b, a), -1.0) if b < a else ((x, a, b), 1.0)
