"""One loop that fits either model to pairs, by the logistic loss against P(a ≻ b)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from nashsim.errors import NashsimError

from ..data.pairs import Pair
from ..judges import Comparison


@dataclass(frozen=True)
class FitSettings:
    """How a preference model is fitted.

    Attributes
    ----------
    epochs : int
    batch : int
        Pairs an optimiser step.
    lr : float
        Peak, reached over the first tenth of the steps and falling linearly to zero.
    clip : float
        Largest gradient norm.
    weight_decay : float
    seed : int
        Of the order of pairs.
    """

    epochs: int = 1
    batch: int = 32
    lr: float = 1e-5
    clip: float = 1.0
    weight_decay: float = 0.0
    seed: int = 0

    def __post_init__(self):
        if self.epochs < 1 or self.batch < 1 or not (self.lr > 0 and self.clip > 0) or self.weight_decay < 0:
            raise NashsimError("epochs, batch, lr, clip: each must be > 0, and weight_decay >= 0")


def loss_of(margins: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return -mean[p log sigma(s) + (1 - p) log sigma(-s)], nats; its minimum over s is at logit p.

    Parameters
    ----------
    margins, targets : Tensor, shape (batch,)
    """
    return (torch.nn.functional.softplus(margins) - targets * margins).mean()


def fit(
    model,
    pairs: Sequence[Pair],
    settings: FitSettings | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> list[float]:
    """Fit a model in place; return the loss of every step, nats.

    Parameters
    ----------
    model : PreferenceModel or RewardModel
        Its trainable parameters are fitted: all, or those of its adapters and head.
    pairs : sequence of Pair
    settings : FitSettings or None
    progress : callable or None
        Called with (steps done, steps, loss).

    Raises
    ------
    NashsimError
        For no pairs, or a loss that is no number; the pairs of the batch are named.
    """
    settings = settings or FitSettings()
    if not pairs:
        raise NashsimError("pairs: at least one is needed, found none")
    weights = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=settings.lr, weight_decay=settings.weight_decay)
    steps = settings.epochs * -(-len(pairs) // settings.batch)
    warm = max(steps // 10, 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda t: min((t + 1) / warm, (steps - t) / max(steps - warm, 1))
    )
    losses: list[float] = []
    for epoch in range(settings.epochs):
        order = np.random.default_rng([settings.seed, epoch]).permutation(len(pairs))
        for start in range(0, len(pairs), settings.batch):
            chosen = order[start : start + settings.batch]
            margins = model.margins([Comparison(pairs[i].prompt, pairs[i].a, pairs[i].b) for i in chosen])
            loss = loss_of(margins, torch.tensor([pairs[i].probability for i in chosen]).to(margins))
            if not torch.isfinite(loss):
                raise NashsimError(
                    f"fit: the loss of step {len(losses) + 1} is {loss.item()}, on pairs"
                    f" {sorted(int(i) for i in chosen)[:8]}; lower lr, or look at these pairs"
                )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, settings.clip)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
            if progress:
                progress(len(losses), steps, losses[-1])
    return losses
