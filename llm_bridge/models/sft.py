"""Supervised fine-tuning: the likelihood of given responses, by teacher forcing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from nashsim.errors import NashsimError
from nashsim.progress import progress_bar

from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import Sequences
from ..training.optimisation import descend, make_optimiser
from ..training.settings import Settings, share_of_rate


def token_loss(policy: CausalPolicy, batch: Sequences) -> torch.Tensor:
    """Return -sum_t log pi(y_t | x, y_<t) / (number of response tokens), over the whole batch.

    Parameters
    ----------
    policy : CausalPolicy
    batch : Sequences
    """
    return -policy.sequence_log_probs(batch).sum() / batch.response_mask.sum()


@torch.enable_grad()  # whatever the caller is in the middle of
def sft(
    policy: CausalPolicy,
    examples: Sequence[tuple[Sequence[int], Sequence[int]]],
    *,
    steps: int,
    batch: int = 32,
    lr: float = 3e-3,
    warmup: float = 0.05,
    clip: float = 1.0,
    seed: int = 0,
    loss: Callable[[CausalPolicy, Sequences], torch.Tensor] = token_loss,
    progress: bool = False,
) -> np.ndarray:
    """Train a policy on given responses, in place, and return the loss of every step, shape (steps,).

    Adam; the learning rate rises linearly over the first ``warmup`` of all steps, then falls by a half cosine to zero.
    The batch of a step is a function of seed and step alone. The policy's reference stays what it was.

    Parameters
    ----------
    policy : CausalPolicy
    examples : sequence of (prompt, response)
        Token ids; a response holds its EOS.
    steps, batch : int
        Optimiser steps, and examples in each.
    lr : float
        The largest learning rate.
    warmup : float
        In [0, 1).
    clip : float
        Largest gradient norm.
    seed : int
    loss : callable
        ``loss(policy, batch)``; the mean over tokens unless told otherwise.
    progress : bool
        Whether to show a bar.

    Raises
    ------
    NashsimError
        Without examples, for settings out of range, or where the loss stops being finite.
    """
    if not len(examples):
        raise NashsimError("examples: at least one pair of prompt and response is needed, found none")
    if steps < 1 or batch < 1 or not (lr > 0 and clip > 0 and 0 <= warmup < 1):
        raise NashsimError(
            "steps, batch, lr, clip, warmup: > 0, and warmup in [0, 1), are needed,"
            f" found {steps}, {batch}, {lr}, {clip}, {warmup}"
        )
    optimiser = make_optimiser(policy.masters(), Settings(lr=lr))
    losses = np.empty(steps)
    for k in _shown(range(steps), progress):
        rows = np.random.default_rng([seed, k]).integers(len(examples), size=batch)
        prompts, responses = zip(*(examples[i] for i in rows), strict=True)
        chosen = Sequences.of(prompts, responses, policy.pad).to(policy.device)
        rate = lr * share_of_rate("cosine", (k + 1) / steps, warmup)
        told = f"at step {k}; take one below {lr:g}"
        losses[k] = descend(
            optimiser,
            [loss(policy, chosen)],
            policy.parameters(),
            rate=rate,
            clip=clip,
            blame=lambda value, norm, told=told: f"lr: the loss became {value}, its gradient {norm} {told}",
        ).loss
    return losses


def _shown(steps: range, progress: bool) -> Iterator[int]:
    with progress_bar("fine-tuning", progress) as tell:
        for k in steps:
            yield k
            tell(k + 1, len(steps))
