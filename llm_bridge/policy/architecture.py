"""What an architecture allows: where its padding may go, and how long its rows may be."""

from __future__ import annotations

import inspect

import torch

#: Where padding may go: on the left, so that rows decode together from a cache, or on the right, where no causal model
#: sees it.
PADDINGS = ("left", "right")
#: Types of models whose caches, in transformers 5.23, do not continue what their plain forward computes.
WRONG_CACHES = ("minimax", "nemotron_h", "recurrent_gemma", "zamba2")


def padding_of(causal) -> str:
    """Return the side of padding under which a model's numbers are those of its unpadded rows.

    Parameters
    ----------
    causal : transformers.PreTrainedModel
        Model with a head over the vocabulary.

    Returns
    -------
    str
        ``"left"`` for models with position ids and a cache that continues their forward; else ``"right"``.

    Notes
    -----
    Attention that is not fused hides tokens by the least number of the model's type and takes the softmax in float32:
    of float64 that is -inf, and a row of padding, which sees nothing, is NaN.
    """
    takes = inspect.signature(causal.forward).parameters
    unfused = (
        getattr(causal.config, "_attn_implementation", None) == "eager" and causal.dtype == torch.float64
    )
    cached = {"position_ids", "past_key_values"} <= set(takes)
    return "left" if cached and not unfused and causal.config.model_type not in WRONG_CACHES else "right"


def compiles(causal) -> bool:
    """Return whether one compiled step, over a cache of fixed shapes, decodes what a model's forward computes.

    Parameters
    ----------
    causal : transformers.PreTrainedModel
        Model with a head over the vocabulary.

    Notes
    -----
    transformers knows which of its models a cache of fixed shapes fits, but for two of its parts: a bias by distance is
    made as wide as the mask and not as the cache, and dynamic NTK branches on the length in Python.
    """
    biased = getattr(causal.config, "alibi", False)
    dynamic = any("dynamic" in str(table.get("rope_type")) for table in _rope_tables(causal.config))
    return bool(getattr(causal, "_can_compile_fullgraph", False)) and not biased and not dynamic


def _rope_tables(config) -> list[dict]:
    """The rotary parameters of a model, those of each type of layer where they differ."""
    given = getattr(config, "rope_parameters", None) or {}
    return [given, *(table for table in given.values() if isinstance(table, dict))]


def fixed_positions(config) -> int | None:
    """Return the most tokens of a row whose rotary positions do not depend on the longest row of its batch.

    Parameters
    ----------
    config : transformers.PretrainedConfig
        Configuration of the model.

    Returns
    -------
    int or None
        Where LongRoPE's factors switch, or where dynamic NTK begins to stretch; ``None`` is no bound.
    """
    bounds = []
    for table in _rope_tables(config):
        if table.get("rope_type") == "longrope":
            bounds.append(table.get("original_max_position_embeddings") or config.max_position_embeddings)
        elif "dynamic" in str(table.get("rope_type")):
            bounds.append(config.max_position_embeddings)
    return min(bounds, default=None)
