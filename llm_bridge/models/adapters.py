"""Low-rank adapters: fresh ones that train, those of an earlier fine-tuning beneath them, and both written as one.

W + (alpha/rank) B A, with B = 0 at first. A training that begins from an adapter has base + adapter for its reference.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch

from nashsim.errors import NashsimError, first_line

from ..quiet import quiet
from .gguf import local_name

#: Targets of adapters that stand for every linear layer but the output's.
ALL_LINEAR = "all-linear"
#: Types of models whose fused kernels take the weights of ``out_proj`` past its forward: peft does not adapt it.
FUSED_OUTPUT = ("falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h")
#: Names of the adapter that trains, and of the one beneath it that a training began from.
TRAINED, BENEATH = "default", "beneath"
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
MERGE_FIRST = (
    "merge it into its base first (peft: merge_and_unload, save_pretrained) and name the merged model"
)


def adapter_base(name: str, key: str = "model.name") -> str | None:
    """Return the base model of an adapter by its folder or hub name; None for a model that is no adapter.

    Parameters
    ----------
    name : str
        Folder or hub name.
    key : str
        Argument that error messages name.

    Raises
    ------
    NashsimError
        For an adapter that names no base, or without peft.
    """
    from transformers.utils import find_adapter_config_file

    name = local_name(name, key)
    try:
        found = (Path(name) / CONFIG).is_file() if Path(name).is_dir() else find_adapter_config_file(name)
    except OSError:
        found = None  # loading the model says what is wrong with the name
    if not found:
        return None
    base = _peft(key).PeftConfig.from_pretrained(name).base_model_name_or_path
    if base is None:
        raise NashsimError(f"{key}: the adapter {name!r} names no base model (base_model_name_or_path)")
    # A relative path is meant from where the adapter was made, most likely a folder above it.
    homes = (Path(), *Path(name).absolute().parents)
    return next((str((home / base).absolute()) for home in homes if (home / base).exists()), base)


@quiet()
def load_adapter(model, name: str, key: str = "model.name", *, merge: bool):
    """Return a model with an adapter from disk: merged into its weights, which train; or frozen beneath others.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        Base of the adapter.
    name : str
        Folder or hub name of the adapter.
    key : str
        Argument that error messages name.
    merge : bool
        Whether to add it to the weights.

    Raises
    ------
    NashsimError
        For an adapter that does not fit the model, or one that cannot stand beneath another.
    """
    peft = _peft(key)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Found missing adapter keys")
        try:
            model = peft.PeftModel.from_pretrained(model, name, adapter_name=BENEATH)
        except (ValueError, RuntimeError, OSError, UserWarning) as error:
            raise NashsimError(
                f"{key}: the adapter {name!r} does not fit its base ({first_line(error)})"
            ) from None
    if merge:
        merged = model.merge_and_unload().requires_grad_(True)
        # Adapters on it are not adapters on what has this name.
        merged.name_or_path = merged.config.name_or_path = ""
        return merged
    config = model.peft_config[BENEATH]
    plain = config.peft_type == "LORA" and config.bias == "none" and not config.modules_to_save
    if not plain or config.use_dora or not all(_is_plain(layer, BENEATH) for _, layer in _layers(model)):
        raise NashsimError(f"{key}: {name!r} is more than low-rank adapters of linear layers; {MERGE_FIRST}")
    return model


@quiet()
def with_adapters(
    model,
    rank: int,
    *,
    alpha: float | None = None,
    targets: Sequence[str] = (ALL_LINEAR,),
    seed: int = 0,
    key: str = "model.lora",
):
    """Return a model with low-rank adapters that train: at first the model as it was.

    Parameters
    ----------
    model : transformers.PreTrainedModel or peft.PeftModel
        Base, or base with an adapter of :func:`load_adapter`; its weights do not train any more.
    rank : int
        Rank of the adapters, >= 1.
    alpha : float or None
        Numerator of their scale; ``None`` is twice the rank [ours], so that another rank has the same scale.
    targets : sequence of str
        Names of the layers that get one; ``"all-linear"`` is every linear layer but the output's.
    seed : int
        Seed of A, whatever ran before.
    key : str
        Argument that error messages name.

    Raises
    ------
    NashsimError
        For a rank below 1, a target that is no layer, or a missing peft.
    """
    if rank < 1:
        raise NashsimError(f"{key}: a rank >= 1 is needed, found {rank}")
    peft = _peft(key)
    if ALL_LINEAR not in targets:
        _check_targets(model, targets, key)
    fused = ALL_LINEAR in targets and model.config.model_type in FUSED_OUTPUT
    settings = peft.LoraConfig(
        r=rank,
        lora_alpha=2 * rank if alpha is None else alpha,
        target_modules=ALL_LINEAR if ALL_LINEAR in targets else list(targets),
        exclude_modules=["out_proj"] if fused else None,
        task_type="CAUSAL_LM",
    )
    beneath = isinstance(model, peft.PeftModel)
    if beneath:
        settings.base_model_name_or_path = model.get_base_model().name_or_path
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            if beneath:
                model.add_adapter(TRAINED, settings)
            else:
                model = peft.get_peft_model(model, settings)
        except ValueError as error:
            raise NashsimError(f"{key}: {first_line(error)}") from None
    if beneath:
        if not all(_is_plain(layer, TRAINED) for _, layer in _layers(model)):
            raise NashsimError(f"{key}: layers of experts have no two adapters; {MERGE_FIRST}")
        model.base_model.set_adapter([BENEATH, TRAINED])
        for name, weight in model.named_parameters():
            weight.requires_grad_(f".{TRAINED}." in name)
    return model


def save_adapters(model, folder: str | Path) -> None:
    """Write the adapters of a model as one on its base, which peft loads: B = [B_1, B_2] and A = [A_1; A_2] of two.

    Parameters
    ----------
    model : peft.PeftModel
        Model whose adapters are written.
    folder : str or Path
        Folder for them.
    """
    from safetensors.torch import save_file

    config = model.peft_config[TRAINED]
    if os.path.exists(config.base_model_name_or_path or ""):
        config.base_model_name_or_path = os.path.abspath(config.base_model_name_or_path)
    if BENEATH not in model.peft_config:
        return model.save_pretrained(folder, safe_serialization=True)
    tensors, ranks = {}, {}
    for name, layer in _layers(model):
        parts = [each for each in (BENEATH, TRAINED) if each in layer.lora_A]
        a = torch.cat([layer.lora_A[each].weight for each in parts])
        b = torch.cat([layer.lora_B[each].weight * layer.scaling[each] for each in parts], 1)
        ranks[name] = len(a)
        for part, tensor in (("lora_A", a), ("lora_B", b)):
            tensors[f"base_model.model.{name}.{part}.weight"] = tensor.detach().contiguous().cpu()
    rank = max(ranks.values())
    others = {name: each for name, each in ranks.items() if each != rank}
    made = _peft("final").LoraConfig(
        r=rank,
        lora_alpha=rank,
        rank_pattern=others,
        alpha_pattern=dict(others),
        target_modules=list(ranks),
        fan_in_fan_out=config.fan_in_fan_out,
        task_type="CAUSAL_LM",
        base_model_name_or_path=config.base_model_name_or_path,
        inference_mode=True,
    )
    made.save_pretrained(folder)
    save_file(tensors, Path(folder) / WEIGHTS, metadata={"format": "pt"})


def trained_part(model, folder: str | Path, key: str = "run") -> dict[str, torch.Tensor]:
    """Return what :func:`save_adapters` wrote of the adapter that trained, by the names of the model's parameters.

    Parameters
    ----------
    model : peft.PeftModel
        Model with adapters like those that were written.
    folder : str or Path
        Folder of the adapters.
    key : str
        Argument that error messages name.

    Raises
    ------
    NashsimError
        For adapters on another base, or of other layers.
    """
    peft = _peft(key)
    theirs = peft.PeftConfig.from_pretrained(str(folder)).base_model_name_or_path
    ours = model.peft_config[TRAINED].base_model_name_or_path
    if ours and os.path.abspath(theirs or "") != os.path.abspath(ours):
        raise NashsimError(
            f"{key}: the adapters of {str(folder)!r} are on {theirs!r}, the first run's on {ours!r}"
        )
    read = {
        name.removeprefix("base_model.model."): tensor
        for name, tensor in peft.load_peft_weights(str(folder), device="cpu").items()
    }
    found = {}
    for name, layer in _layers(model):
        for part in ("lora_A", "lora_B"):
            tensor = read.pop(f"{name}.{part}.weight", None)
            if TRAINED not in layer.lora_A or tensor is None:
                continue
            if BENEATH in model.peft_config:
                below = layer.r.get(BENEATH, 0)
                tensor = tensor[below:] if part == "lora_A" else tensor[:, below:] / layer.scaling[TRAINED]
            found[f"{name}.{part}.{TRAINED}.weight"] = tensor
    wanted = {n: p.shape for n, p in model.base_model.model.named_parameters() if p.requires_grad}
    if {name: tensor.shape for name, tensor in found.items()} != wanted or read:
        raise NashsimError(f"{key}: the adapters of {str(folder)!r} are of other layers than the first run's")
    return found


def _layers(model):
    """The names of a model's layers with adapters, relative to the base, and the layers."""
    from peft.tuners.lora import LoraLayer

    return [(n, m) for n, m in model.base_model.model.named_modules() if isinstance(m, LoraLayer)]


def _is_plain(layer, adapter: str) -> bool:
    """Whether a layer's adapter is B A of one matrix: no embedding, no bias, no stack of experts."""
    own = adapter not in layer.lora_embedding_A and not layer.lora_bias.get(adapter, False)
    return own and type(layer).__name__ != "ParamWrapper"


def _check_targets(model, targets: Sequence[str], key: str) -> None:
    names = [name for name, _ in model.named_modules() if name and ".lora_" not in name]
    unknown = [t for t in targets if not any(n == t or n.endswith(f".{t}") for n in names)]
    if unknown:
        kinds = (torch.nn.Linear, *_conv1d())
        linear = sorted({n.rpartition(".")[2] for n, m in model.named_modules() if isinstance(m, kinds)})
        raise NashsimError(
            f"{key}.targets: no layer is named {', '.join(map(repr, unknown))}; the linear ones are"
            f" {', '.join(linear)}, and {ALL_LINEAR} is all of them but the output's"
        )


def _conv1d() -> tuple[type, ...]:
    from transformers.pytorch_utils import Conv1D

    return (Conv1D,)


def _peft(key: str):
    try:
        import peft
    except ImportError:
        raise NashsimError(f"{key}: adapters need peft; pip install peft") from None
    return peft
