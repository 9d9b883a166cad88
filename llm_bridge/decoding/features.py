"""Features of responses for the elliptical oracle: classes, or pooled hidden states of the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from nashsim.errors import NashsimError
from nashsim.rules import POLICY, REFERENCE

from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import Sequences


class Features(Protocol):
    """phi(x, y), a vector a response, that stands still while the policy trains."""

    #: The first tokens of every class, where phi is the indicator of the first token's class.
    openings: Sequence[Sequence[int]] | None

    def width(self, policy: CausalPolicy) -> int:
        """Return the dimension of phi."""

    def __call__(self, policy: CausalPolicy, prompts: Sequence, responses: Sequence) -> np.ndarray:
        """Return phi of every response, shape (responses, width)."""


@dataclass(frozen=True, eq=False)
class ClassFeatures:
    """phi(x, y) = e_{c(y)}.

    Parameters
    ----------
    classify : callable
        Function ``classify(prompt, response) -> int``.
    classes : int
        Number of classes.
    openings : sequence of sequences of int, or None
        The first tokens of every class, where the first token decides it: classes are then looked for by constrained
        decoding, which finds them however rare.

    Raises
    ------
    NashsimError
        For openings of another number of classes, or a class without any.
    """

    classify: Callable
    classes: int
    openings: Sequence[Sequence[int]] | None = None

    def __post_init__(self):
        if self.openings is not None and (
            len(self.openings) != self.classes or not all(map(len, self.openings))
        ):
            raise NashsimError(f"openings: at least one token for each of {self.classes} classes is needed")

    def width(self, policy: CausalPolicy) -> int:
        """Return the number of classes."""
        return self.classes

    def __call__(self, policy: CausalPolicy, prompts: Sequence, responses: Sequence) -> np.ndarray:
        """Return the indicator of every response's class, shape (responses, classes)."""
        classes = [self.classify(x, y) for x, y in zip(prompts, responses, strict=True)]
        return np.eye(self.classes)[np.asarray(classes, dtype=int)]

    def masses(self, policy: CausalPolicy, prompts: Sequence, of: str = POLICY) -> np.ndarray:
        """Return the exact mass of every class from the first token's distribution, shape (prompts, classes).

        Parameters
        ----------
        policy : CausalPolicy
            Policy with that name.
        prompts : sequence of tuple of int
            Token ids of every prompt.
        of : str
            Name of a policy.
        """
        with torch.no_grad():
            table = policy.first_log_probs(prompts, of).double().softmax(1).cpu().numpy()
        return np.stack([table[:, list(tokens)].sum(1) for tokens in self.openings], axis=1)


@dataclass(frozen=True)
class HiddenFeatures:
    """phi(x, y), the mean last hidden state of the reference over the response.

    Parameters
    ----------
    rows : int
        Most responses run at once, if the policy allows as many.
    """

    rows: int = 64
    openings = None

    def width(self, policy: CausalPolicy) -> int:
        """Return the width of the model."""
        return policy.config.hidden_size

    def __call__(self, policy: CausalPolicy, prompts: Sequence, responses: Sequence) -> np.ndarray:
        """Return the pooled state of every response, shape (responses, width)."""
        every = Sequences.of(prompts, responses, policy.pad).to(policy.device)
        rows, found = min(self.rows, policy.rows or self.rows), []
        for i in range(0, len(every), rows):
            batch = every[i : i + rows]
            with torch.no_grad():
                hidden = policy.run(REFERENCE, "hidden", *batch.packed())[:, -batch.response.shape[1] :]
            real = batch.response_mask[..., None]
            found.append(((hidden * real).sum(1) / real.sum(1)).double().cpu().numpy())
        return np.concatenate(found)
