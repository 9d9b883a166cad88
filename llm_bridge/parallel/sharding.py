"""Weights shared out over processes by fully sharded data parallelism, where ``accelerate launch`` asks for it.

Between passes each process holds its share of the live weights, their gradients, the optimiser's state and every past
iterate. A pass with gradients gathers a layer at a time. Policies that are evaluated without gradients are gathered
whole for as long: a decode evaluates them a thousand times.
"""

from __future__ import annotations

import os
import warnings

import torch

from nashsim.errors import NashsimError


def wanted() -> bool:
    """Return whether ``accelerate launch`` was configured for FSDP, and has more than one process."""
    asked = os.environ.get("ACCELERATE_USE_FSDP", "false").lower() in ("1", "true")
    return asked and int(os.environ.get("WORLD_SIZE", "1")) > 1


def shard(module: torch.nn.Module, causal: torch.nn.Module) -> None:
    """Replace a module's parameters by this process's shares of them, layer by layer.

    Parameters
    ----------
    module : Module
        Module that is called.
    causal : transformers.PreTrainedModel
        Model inside it, which names its layers.

    Raises
    ------
    NashsimError
        Where no processes were started.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    if not torch.distributed.is_initialized():
        raise NashsimError("FSDP: it needs several processes; start them by accelerate launch")
    device = next(module.parameters()).device.type
    mesh = init_device_mesh(device, (torch.distributed.get_world_size(),))
    layers = set(getattr(causal, "_no_split_modules", None) or ())
    for part in list(causal.modules()):
        if type(part).__name__ in layers:
            fully_shard(part, mesh=mesh)
    fully_shard(module, mesh=mesh)
    # Nothing here writes into what a pass returns.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor")


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor put together from all processes, which must all ask; one that is not shared out as it is.

    Parameters
    ----------
    tensor : Tensor
        Tensor that may be a share.
    """
    return tensor.full_tensor() if _is_shared(tensor) else tensor


def like(tensor: torch.Tensor, model: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
    """Return a tensor as another is: its dtype, its device, and shared out if that one is.

    Parameters
    ----------
    tensor : Tensor
        Tensor that is whole and the same in all processes, or shared out already.
    model : Tensor
        Tensor to follow.
    dtype : torch.dtype or None
        Another type than that tensor's.
    """
    tensor = tensor.to(device=model.device, dtype=dtype or model.dtype)
    if not _is_shared(model) or _is_shared(tensor):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor, model.device_mesh, model.placements, src_data_rank=None)


def whole_state(state):
    """Return nested dictionaries and lists with every tensor whole.

    Parameters
    ----------
    state : dict
        State of an optimiser.
    """
    if isinstance(state, torch.Tensor):
        return whole(state)
    if isinstance(state, dict):
        return {key: whole_state(value) for key, value in state.items()}
    return [whole_state(value) for value in state] if isinstance(state, list) else state


def shared_state(state: dict, parameters: list[torch.nn.Parameter]) -> dict:
    """Return the state of an optimiser as its parameters are, shared out or not.

    Parameters
    ----------
    state : dict
        State of ``Optimizer.state_dict``, with whole tensors.
    parameters : list of Parameter
        Parameters of the optimiser, in its order.
    """
    entries = {
        number: {
            key: like(value, parameters[number]) if _has_shape(value, parameters[number]) else value
            for key, value in entry.items()
        }
        for number, entry in state["state"].items()
    }
    return {**state, "state": entries}


def _has_shape(value, parameter: torch.nn.Parameter) -> bool:
    return isinstance(value, torch.Tensor) and value.dim() > 0 and value.shape == parameter.shape


def _is_shared(tensor: torch.Tensor) -> bool:
    return hasattr(tensor, "full_tensor")
