"""The text model inside a multimodal wrapper: the same weights, without towers for images and sounds."""

from __future__ import annotations

import torch

from nashsim.errors import NashsimError


def text_model(model, key: str = "model.name"):
    """Return the causal language model of text that a wrapper is around; any other model as it is.

    Its log-probabilities of text are the wrapper's. What is saved of it is a model of text.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        Model that ``AutoModelForCausalLM`` loaded.
    key : str
        Argument that error messages name.

    Raises
    ------
    NashsimError
        For a wrapper around a decoder that transformers knows no language model of.
    """
    from transformers import AutoModelForCausalLM

    config = model.config.get_text_config()
    if config is model.config:
        return model
    refusal = NashsimError(
        f"{key}: {type(model).__name__} has no causal language model of text that is known"
    )
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        if getattr(config, name, None) is None:
            setattr(config, name, getattr(model.config, name, None))
    decoder, head = model.get_decoder(), model.get_output_embeddings()
    try:
        with torch.device("meta"):
            made = AutoModelForCausalLM.from_config(config, dtype=model.dtype)
    except (ValueError, KeyError):
        raise refusal from None
    if type(decoder) is not type(made.base_model) or head is None:
        raise refusal
    setattr(made, made.base_model_prefix, decoder)
    made.set_output_embeddings(head)
    config.tie_word_embeddings = head.weight is decoder.get_input_embeddings().weight
    if any(part.is_meta for part in (*made.parameters(), *made.buffers())):
        raise refusal
    made.generation_config = model.generation_config
    return made.eval()
