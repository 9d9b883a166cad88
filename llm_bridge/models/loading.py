"""Models and tokenizers by name, the device they go to, and the adapters they are given."""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch

from nashsim.errors import NashsimError, first_line

#: Targets of adapters that stand for every linear layer but the output's.
ALL_LINEAR = "all-linear"
#: Types of models whose fused kernels take the weights of ``out_proj`` past its forward: peft does not adapt it.
FUSED_OUTPUT = ("falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h")


def find_device(name: str = "auto") -> torch.device:
    """Return a device that can be used; ``"auto"`` is this process's own GPU where there is one.

    Parameters
    ----------
    name : str
        ``"auto"``, or what torch calls a device.

    Raises
    ------
    NashsimError
        For a device that is not there.
    """
    if name == "auto":
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise NashsimError(f"device: {name!r} cannot be used: {first_line(error)[:200]}") from None


def load_tokenizer(name: str, key: str = "model.name"):
    """Return the tokenizer of a local folder or hub name.

    Parameters
    ----------
    name : str
        Folder or hub name.
    key : str
        Argument that error messages name.

    Raises
    ------
    NashsimError
        Where there is none.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise NashsimError(f"{key}: {name!r} has no tokenizer that loads ({first_line(error)})") from None


def load_model(name: str, loader=None, key: str = "model.name", **options):
    """Return the model of a local folder or hub name; code from the hub is never run.

    Parameters
    ----------
    name : str
        Folder or hub name.
    loader : type or None
        Class whose ``from_pretrained`` loads it; ``None`` is ``AutoModelForCausalLM``.
    key : str
        Argument that error messages name.
    **options
        Further arguments of ``from_pretrained``.

    Raises
    ------
    NashsimError
        Where there is none.
    """
    from transformers import AutoModelForCausalLM

    try:
        return (loader or AutoModelForCausalLM).from_pretrained(name, trust_remote_code=False, **options)
    except (OSError, ValueError) as error:
        raise NashsimError(f"{key}: {name!r} does not load ({first_line(error)})") from None


def with_adapters(
    model,
    rank: int,
    *,
    alpha: float | None = None,
    dropout: float = 0.0,
    targets: Sequence[str] = (ALL_LINEAR,),
    seed: int = 0,
    key: str = "model.lora",
):
    """Return a model with low-rank adapters, W + (alpha/rank) B A with B = 0 at first: the model as it was.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        Base, whose weights do not train any more.
    rank : int
        Rank of the adapters, >= 1.
    alpha : float or None
        Numerator of their scale; ``None`` is twice the rank [ours], so that another rank has the same scale.
    dropout : float
        Share of their inputs that is dropped in training mode.
    targets : sequence of str
        Names of the layers that get one; ``"all-linear"`` is every linear layer but the output's.
    seed : int
        Seed of A, whatever ran before.
    key : str
        Argument that error messages name.

    Raises
    ------
    NashsimError
        For a rank below 1, layers that are not there, or a missing peft.
    """
    if rank < 1:
        raise NashsimError(f"{key}: a rank >= 1 is needed, found {rank}")
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError:
        raise NashsimError(f"{key}: adapters need peft; pip install peft") from None
    settings = LoraConfig(
        r=rank,
        lora_alpha=2 * rank if alpha is None else alpha,
        lora_dropout=dropout,
        target_modules=ALL_LINEAR if ALL_LINEAR in targets else list(targets),
        exclude_modules=["out_proj"]
        if ALL_LINEAR in targets and model.config.model_type in FUSED_OUTPUT
        else None,
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return get_peft_model(model, settings)
        except ValueError as error:
            raise NashsimError(f"{key}: {first_line(error)}") from None
