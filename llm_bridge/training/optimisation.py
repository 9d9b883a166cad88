"""One optimiser step, for policies, fine-tuning and preference models: descend, clip, refuse what is no number."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch

from nashsim.errors import NashsimError

from ..parallel.processes import Processes
from ..parallel.sharding import whole
from ..policy.master_weights import round_to_live, take_gradients
from .settings import Settings


@dataclass(frozen=True)
class Descent:
    """What one optimiser step was.

    Attributes
    ----------
    loss : float
        Loss that was descended, all parts and processes together.
    grad_norm : float
        Norm of its gradient before clipping.
    learning_rate : float
    """

    loss: float
    grad_norm: float
    learning_rate: float


def make_optimiser(weights: Iterable[torch.nn.Parameter], settings: Settings) -> torch.optim.Optimizer:
    """Return a fresh optimiser.

    Parameters
    ----------
    weights : iterable of Parameter
    settings : Settings
        Its ``optimiser``, ``lr`` and ``momentum``.

    Raises
    ------
    NashsimError
        Where nothing trains.
    """
    weights = list(weights)
    if not weights:
        raise NashsimError(
            "model: none of its parameters trains; load an adapter with is_trainable=True, or call requires_grad_()"
        )
    if settings.optimiser == "sgd":
        return torch.optim.SGD(weights, lr=settings.lr, momentum=settings.momentum or 0.0)
    first = 0.9 if settings.momentum is None else settings.momentum
    return torch.optim.Adam(weights, lr=settings.lr, betas=(first, 0.999))


def descend(
    optimiser: torch.optim.Optimizer,
    losses: Iterable[torch.Tensor],
    live: Sequence[torch.nn.Parameter],
    *,
    rate: float,
    clip: float,
    blame: Callable[[float, float], str],
    processes: Processes | None = None,
    sharded: bool = False,
) -> Descent:
    """Do one optimiser step on the sum of losses, and return what it was.

    Parameters
    ----------
    optimiser : torch.optim.Optimizer
        Optimiser of the masters of a model's weights.
    losses : iterable of Tensor
        Parts of the loss, each freed before the next is computed.
    live : sequence of Parameter
        Weights that the model computes with, in the optimiser's order; their own masters in float32 and wider.
    rate : float
        Learning rate of this step.
    clip : float
        Largest gradient norm.
    blame : callable
        ``blame(loss, norm)``: the message where either is no finite number; the weights then are as before.
    processes : Processes or None
        Who else has parts of the loss; ``None`` is nobody.
    sharded : bool
        Whether processes hold shares of the weights.

    Raises
    ------
    NashsimError
        For a loss or a gradient that is no finite number.
    """
    processes = processes or Processes()
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad(set_to_none=True)
    loss = torch.zeros((), dtype=torch.float64, device=weights[0].device)
    for part in losses:
        if not (part.requires_grad or math.isfinite(part)):
            raise NashsimError(blame(float(part), math.nan))
        # Weights that are shared out have the mean over processes for a gradient, all others the sum.
        (part * processes.world if sharded else part).backward()
        take_gradients(weights, live)
        loss += part.detach()
    if not sharded:
        processes.add_gradients(weights)
    norm = float(whole(torch.nn.utils.clip_grad_norm_(weights, clip)))
    value = float(processes.total(loss))
    if not (math.isfinite(value) and math.isfinite(norm)):
        raise NashsimError(blame(value, norm))
    optimiser.step()
    round_to_live(weights, live)
    return Descent(value, norm, rate)
