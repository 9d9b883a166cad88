"""Models that a configuration names, and the policies they become: dtype, quantisation, adapters, shards."""

from __future__ import annotations

import os

import torch

from nashsim.errors import NashsimError, first_line

from ..parallel import sharding
from ..parallel.processes import Processes
from ..policy.causal_policy import CausalPolicy
from .config import Config, ModelConfig


def load_tokenizer(name: str):
    """Return the tokenizer of a local folder or hub name.

    Parameters
    ----------
    name : str

    Raises
    ------
    NashsimError
        Where there is none.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise NashsimError(
            f"model.name: {name!r} has no tokenizer that loads ({first_line(error)})"
        ) from None


def load_causal(config: Config):
    """Return the language model that a configuration names, in its dtype, quantised or not.

    Parameters
    ----------
    config : Config

    Raises
    ------
    NashsimError
        Where it is not there, or quantisation is not installed.
    """
    from transformers import AutoModelForCausalLM

    model, options = config.model, {}
    if model.quantise:
        try:
            import bitsandbytes  # noqa: F401
        except ImportError:
            raise NashsimError("model.quantise: it needs bitsandbytes; pip install bitsandbytes") from None
        options |= {"quantization_config": _quantised(model), "device_map": {"": _device()}}
    try:
        loaded = AutoModelForCausalLM.from_pretrained(
            model.name, dtype=getattr(torch, model.dtype), trust_remote_code=False, **options
        )
    except (OSError, ValueError) as error:
        raise NashsimError(f"model.name: {model.name!r} does not load ({first_line(error)})") from None
    for layer in loaded.modules():
        # On the CPU bitsandbytes packs what does not train for a kernel that passes no gradient on to earlier layers.
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            layer.support_avx512bf16_for_cpu = False
    return loaded


def _quantised(model: ModelConfig):
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


def _device() -> str:
    """Each process of a node has a GPU of its own."""
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"


def wrapped(config: Config, model, **tokens) -> CausalPolicy:
    """Return the policy of a model: on its device, with adapters, checkpointing and shards where they are asked for.

    Parameters
    ----------
    config : Config
    model : transformers.PreTrainedModel
    **tokens : int
        ``eos`` and ``pad``, where the model's configuration does not name them.

    Raises
    ------
    NashsimError
        For adapters that do not fit the model, or a decode engine that shards do not allow.
    """
    wanted, lora = config.model, config.model.lora
    if not wanted.quantise:
        model = model.to(_device())
        if wanted.name is None:
            model = model.to(getattr(torch, wanted.dtype))
    if wanted.gradient_checkpointing:
        model.gradient_checkpointing_enable()
        model.enable_input_require_grads()
    if lora.rank:
        model = _adapted(model, config)
    policy = CausalPolicy(model, temperature=wanted.temperature, rows=config.training.rows, **tokens)
    if sharding.wanted():
        if config.sampling.engine == "compiled":
            raise NashsimError(
                "sampling.engine: compiled decoding needs whole weights; leave it eager under FSDP"
            )
        Processes.current()  # they must know each other before they share anything
        policy.shard()
    return policy


def _adapted(model, config: Config):
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError:
        raise NashsimError("model.lora: it needs peft; pip install peft") from None
    lora = config.model.lora
    # The adapter's fresh weights are the seed's, whatever ran before.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.training.seed)
        try:
            return get_peft_model(
                model,
                LoraConfig(
                    r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=list(lora.targets)
                ),
            )  # fmt: skip
        except ValueError as error:
            raise NashsimError(f"model.lora: {first_line(error)}") from None
