"""Gradient checkpointing that works in evaluation mode: layers are computed again backwards, whatever the mode.

That of transformers is on in training mode alone, which is the mode of dropout too.
"""

from __future__ import annotations

from functools import partial

import torch
from torch.utils.checkpoint import checkpoint

from nashsim.errors import NashsimError


def checkpoint_layers(model: torch.nn.Module) -> int:
    """Let every layer of a model keep its input alone for the backward pass; return the number of layers.

    A layer with a cache, or without gradients, is computed once as ever. Outputs and gradients are the same numbers.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        Model whose layers have no random part, as in evaluation mode.

    Raises
    ------
    NashsimError
        For a model whose layers transformers does not mark.
    """
    layers: dict[str, torch.nn.Module] = {}
    for name, module in model.named_modules():
        marked = any(kind.__name__ == "GradientCheckpointingLayer" for kind in type(module).__mro__)
        if marked and not any(name.startswith(f"{outer}.") for outer in layers):
            layers[name] = module
    if not layers:
        raise NashsimError(
            f"model.gradient_checkpointing: {type(model).__name__} has no layers that can be computed again; leave it"
            " false, and set training.rows"
        )
    for layer in layers.values():
        # A partial of a bound method: copies of the model get copies of it, bound to their own layers.
        layer.forward = partial(_computed_again, layer.forward)
    return len(layers)


def _computed_again(forward, *args, **kwargs):
    # A cache would be written to a second time.
    cached = any(hasattr(part, "get_seq_length") for part in (*args, *kwargs.values()))
    if cached or not torch.is_grad_enabled():
        return forward(*args, **kwargs)
    return checkpoint(forward, *args, use_reentrant=False, preserve_rng_state=False, **kwargs)
