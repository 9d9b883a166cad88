"""Every response of a small vocabulary, and its exact log-probability under a causal language model."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch

from nashsim.errors import NashsimError

#: The token that ends a response.
EOS = 0


@dataclass(frozen=True, eq=False)
class Enumeration:
    """All responses of at most ``length`` tokens: those that end with EOS, and those cut off at full length.

    With V tokens there are sum_{k < length} (V-1)^k that end, and (V-1)^length that are cut off. Their
    probabilities sum to 1 under any language model, whatever its weights.

    Attributes
    ----------
    vocabulary, length : int
        Number V <= 8 of tokens, EOS = 0 among them, and most tokens of a response, at most 5.
    tokens : ndarray of int, shape (responses, length)
        Token ids, padded with EOS.
    lengths : ndarray of int, shape (responses,)
        Number of tokens of each response, its EOS counted.
    """

    vocabulary: int
    length: int
    tokens: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, vocabulary: int, length: int) -> Enumeration:
        """Return the enumeration of a vocabulary.

        Raises
        ------
        NashsimError
            Unless 2 <= vocabulary <= 8 and 1 <= length <= 5.

        Examples
        --------
        >>> Enumeration.of(3, 2).responses()
        [(0,), (1, 0), (2, 0), (1, 1), (1, 2), (2, 1), (2, 2)]
        """
        if not (2 <= vocabulary <= 8 and 1 <= length <= 5):
            raise NashsimError(
                f"vocabulary, length: 2 to 8 tokens and a length of 1 to 5 can be enumerated,"
                f" found {vocabulary} and {length}"
            )
        words = range(1, vocabulary)
        ended = [(*body, EOS) for k in range(length) for body in product(words, repeat=k)]
        responses = ended + list(product(words, repeat=length))
        tokens = np.full((len(responses), length), EOS)
        for row, response in zip(tokens, responses, strict=True):
            row[: len(response)] = response
        return cls(vocabulary, length, tokens, np.array([len(response) for response in responses]))

    def responses(self) -> list[tuple[int, ...]]:
        """Return the responses as tuples of token ids, EOS included where they end."""
        return [tuple(map(int, row[:n])) for row, n in zip(self.tokens, self.lengths, strict=True)]

    def __len__(self) -> int:
        return len(self.tokens)

    def log_probs(self, model, prompts: torch.Tensor) -> torch.Tensor:
        """Return log pi(y | x) of every response, sums over its tokens with EOS, differentiably.

        One forward pass a prompt over the (V-1)^(length-1) longest contexts, which hold every shorter one.

        Parameters
        ----------
        model : callable
            Causal language model with ``model(input_ids=...).logits`` of shape (batch, positions, V).
        prompts : Tensor of int, shape (prompts, prompt tokens)
            Token ids of prompts of one length, at least 1 token.

        Returns
        -------
        Tensor, shape (prompts, responses)
        """
        contexts, carrier = self._contexts
        tails = torch.as_tensor(contexts, device=prompts.device)
        count, leaves = len(prompts), len(tails)
        ids = torch.cat([prompts.repeat_interleave(leaves, 0), tails.repeat(count, 1)], dim=1)
        # The logits that predict the response start at the prompt's last token.
        logits = model(input_ids=ids).logits[:, prompts.shape[1] - 1 :]
        table = logits.log_softmax(-1).view(count, leaves, self.length, self.vocabulary)
        position = np.arange(self.length)[None, :]
        inside = torch.as_tensor(position < self.lengths[:, None], device=prompts.device)
        chosen = table[:, carrier[:, None], position, self.tokens]
        return (chosen * inside).sum(-1)

    @property
    def _contexts(self) -> tuple[np.ndarray, np.ndarray]:
        """All contexts of full length, and for each response the first of them that begins like it."""
        words, depth = self.vocabulary - 1, self.length - 1
        contexts = np.array(list(product(range(1, self.vocabulary), repeat=depth))).reshape(
            words**depth, depth
        )
        place = words ** np.arange(depth)[::-1]
        digits = np.maximum(self.tokens[:, :depth] - 1, 0)
        return contexts.astype(np.int64), (digits * place).sum(axis=1).astype(np.int64)
