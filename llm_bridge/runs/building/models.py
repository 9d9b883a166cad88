"""The model and the policy that a configuration asks for: dtype, quantisation, adapters, shards."""

from __future__ import annotations

import torch

from nashsim.errors import NashsimError
from nashsim.rules import REFERENCE

from ...data import Encoder
from ...models.adapters import BENEATH, TRAINED, with_adapters
from ...models.config import ModelConfig
from ...models.loading import check_ids, find_device, load_language_model
from ...parallel import sharding
from ...parallel.processes import Processes
from ...policy.causal_policy import CausalPolicy, end_tokens
from ...policy.gradient_checkpointing import checkpoint_layers
from ...policy.master_weights import NARROW
from ..configuration.config import Config


def load_causal(config: Config):
    """Return the language model that a configuration names, in its dtype, quantised or not, with its adapter.

    Parameters
    ----------
    config : Config
        Configuration with ``model.name``.

    Raises
    ------
    NashsimError
        Where it is not there, or quantisation is not installed.
    """
    model, options = config.model, {}
    if model.quantise:
        try:
            import bitsandbytes  # noqa: F401
        except ImportError:
            raise NashsimError("model.quantise: it needs bitsandbytes; pip install bitsandbytes") from None
        options |= {"quantization_config": _quantisation(model), "device_map": {"": str(find_device())}}
    merge = not model.lora.rank
    loaded = load_language_model(model.name, merge=merge, dtype=getattr(torch, model.dtype), **options)
    for layer in loaded.modules():
        # On the CPU bitsandbytes packs what does not train for a kernel that passes no gradient on to earlier layers.
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            layer.support_avx512bf16_for_cpu = False
    return loaded


def _quantisation(model: ModelConfig):
    """NormalFloat of 4 bits with its constants quantised too, as in QLoRA (arXiv 2305.14314 [recalled]); or 8 bits."""
    from transformers import BitsAndBytesConfig

    if model.quantise == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, model.dtype),
    )


def load_policy(config: Config, encoder: Encoder) -> CausalPolicy:
    """Return the policy of the model that a configuration names; the encoder learns what ends the model's responses.

    Parameters
    ----------
    config : Config
        Configuration with ``model.name``.
    encoder : Encoder
        Encoder of the model's tokenizer, whose ends come first.
    """
    check_ids(config.model.name, [[*encoder.ends, encoder.pad]], encoder.tokenizer)
    causal = load_causal(config)
    encoder.add_ends(end_tokens(causal))
    return make_policy(config, causal, eos=encoder.ends, pad=encoder.pad)


def make_policy(config: Config, model, **tokens) -> CausalPolicy:
    """Return the policy of a model: on its device, with adapters, checkpointing and shards where they are asked for.

    Parameters
    ----------
    config : Config
        Configuration of the run.
    model : transformers.PreTrainedModel
        Loaded model, or a task's own.
    **tokens
        Token ids ``eos``, one or all, and ``pad``, where the model's configuration does not name them.

    Raises
    ------
    NashsimError
        For adapters that do not fit the model, or a decode engine that shards do not allow.
    """
    wanted, lora = config.model, config.model.lora
    if not wanted.quantise:
        model = model.to(find_device())
        if wanted.name is None:
            model = model.to(getattr(torch, wanted.dtype))
    if wanted.gradient_checkpointing:
        checkpoint_layers(model)
    if lora.rank:
        model = with_adapters(
            model, lora.rank, alpha=lora.alpha, targets=lora.targets, seed=config.training.seed
        )  # fmt: skip
    policy = CausalPolicy(
        model, temperature=wanted.temperature, rows=config.training.rows, padding=wanted.padding, **tokens
    )
    if BENEATH in getattr(model, "peft_config", ()):
        # Switching adapters off would switch both; the trained one is exactly 0 now.
        policy.snapshot(REFERENCE)
    if sharding.wanted():
        if config.sampling.engine == "compiled":
            raise NashsimError(
                "sampling.engine: compiled decoding needs whole weights; leave it eager under FSDP"
            )
        Processes.current()  # they must know each other before they share anything
        policy.shard()
    return policy


def trained_text(policy: CausalPolicy) -> str:
    """Return what of a policy's model trains, in one line, with the memory that it takes.

    Parameters
    ----------
    policy : CausalPolicy
        Policy of the run.
    """
    model, weights = policy.model, policy.parameters()
    count, total = sum(p.numel() for p in weights), sum(p.numel() for p in model.parameters())
    # The weight, its gradient and Adam's two moments; of fewer bits, a float32 master too.
    size = sum(p.numel() * (18 if p.element_size() == 2 else 4 * p.element_size()) for p in weights) / 2**30
    memory = f"{size:.2g} GiB with gradients and Adam's moments"
    if not hasattr(model, "peft_config"):
        masters = ", float32 master weights" if model.dtype in NARROW else ""
        return f"trains: all {count:,} parameters in {str(model.dtype).removeprefix('torch.')}{masters}, {memory}"
    own = {name.partition(".lora_")[0] for name, p in model.named_parameters() if p.requires_grad}
    # The second of two parameters of one module hangs on the first.
    kinds = sorted({name.removesuffix(".base_layer").rpartition(".")[2] for name in own})
    beneath = ", on top of the adapter that the model comes with" if BENEATH in model.peft_config else ""
    return (
        f"trains: adapters of rank {model.peft_config[TRAINED].r} on {', '.join(kinds)} ({len(own)} layers){beneath},"
        f" {count:,} of {total:,} parameters, {memory}"
    )
