"""Float32 master weights: what an optimiser moves where the model computes with weights of fewer bits.

bfloat16 keeps 8 bits of a number, so that a step below 1/512 of a weight is rounded away: at a learning rate of 5e-7
nearly all are. Steps add up in a float32 copy, and the model computes with its rounding (Micikevicius et al., arXiv
1710.03740, section 3.1). A weight then takes 2 bytes in the model, 4 in its copy, 4 for its gradient and 8 for Adam's
moments.

Rounding to nearest would still show nothing of a whole fit whose way is below half the spacing, as weights begin on the
grid. The threshold of each weight therefore stands at another place between its two neighbours, evenly spread: of a way
of a tenth of the spacing a tenth of the weights show a whole spacing, and the model goes that way on average, as by
stochastic rounding (Gupta et al., arXiv 1502.02551) but without a random number. [ours]
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from ..parallel.sharding import like

#: Types of weights whose steps are rounded away.
NARROW = (torch.bfloat16, torch.float16)


def widened(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor in float32 where it has fewer bits, else itself.

    Parameters
    ----------
    tensor : Tensor
        Tensor of any type.
    """
    return tensor.float() if tensor.dtype in NARROW else tensor


def master_of(weight: torch.nn.Parameter) -> torch.nn.Parameter:
    """Return a float32 copy of a weight of fewer bits, and any other weight itself.

    Parameters
    ----------
    weight : Parameter
        Trainable weight of a model.
    """
    return torch.nn.Parameter(weight.detach().float()) if weight.dtype in NARROW else weight


@torch.no_grad()
def rounded(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return a tensor in a type; from float32 to bfloat16 up where more than a share u of the spacing is left over.

    u of the i-th weight is the fractional part of i times the golden ratio: evenly spread, however many there are.

    Parameters
    ----------
    tensor : Tensor
        Tensor of any type, which may be a share of processes.
    dtype : torch.dtype
        Type to round to.

    Examples
    --------
    >>> int((rounded(torch.full((400,), 1.0 + 2.0**-9), torch.bfloat16) > 1).sum())  # a quarter of the spacing
    99
    """
    if (tensor.dtype, dtype) != (torch.float32, torch.bfloat16):
        return tensor.to(dtype)
    index = torch.arange(tensor.numel(), dtype=torch.int32, device=tensor.device).view(tensor.shape)
    made = torch.empty_like(tensor)
    bits, dither, out = (_own(part) for part in (tensor, like(index, tensor, torch.int32), made))
    # A bfloat16 number is the upper half of a float32's bits; -1640531527/2^32 is the golden ratio, modulo 1.
    dither = dither * -1640531527 >> 16 & 0xFFFF
    out.copy_(((bits.view(torch.int32) + dither) & -0x10000).view(torch.float32))
    return made.to(dtype)


@torch.no_grad()
def take_gradients(masters: Iterable[torch.nn.Parameter], live: Iterable[torch.nn.Parameter]) -> None:
    """Add the gradients of live weights to their masters', in float32, and free them.

    Parameters
    ----------
    masters : iterable of Parameter
        Masters of the live weights.
    live : iterable of Parameter
        Weights that the model computes with.
    """
    for master, weight in zip(masters, live, strict=True):
        if master is not weight and weight.grad is not None:
            gradient, weight.grad = weight.grad.float(), None
            master.grad = gradient if master.grad is None else master.grad.add_(gradient)


@torch.no_grad()
def round_to_live(masters: Iterable[torch.nn.Parameter], live: Iterable[torch.nn.Parameter]) -> None:
    """Write the rounding of every master into its live weight.

    Parameters
    ----------
    masters : iterable of Parameter
        Masters of the live weights.
    live : iterable of Parameter
        Weights that the model computes with.
    """
    for master, weight in zip(masters, live, strict=True):
        if master is not weight:
            weight.copy_(rounded(master, weight.dtype))


def _own(tensor: torch.Tensor) -> torch.Tensor:
    """This process's share of a tensor."""
    return tensor.to_local() if hasattr(tensor, "to_local") else tensor
