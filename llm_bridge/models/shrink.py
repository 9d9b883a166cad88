"""A model made small: its own architecture and vocabulary, few layers, small widths, random weights."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path

import torch

from nashsim.errors import NashsimError, first_line

from .adapters import adapter_base
from .gguf import local_name
from .loading import load_model, load_tokenizer

#: Most parameters of a model that is tried as it is.
SMALL = 5_000_000
#: Hidden width of a model made small, and the most of its inner widths and of its low ranks.
WIDTH, INNER, RANK = 64, 32, 32
INNER_WIDTHS = re.compile(r"intermediate_size|ffn|ff_dim|n_inner|ffw")
WIDTHS = re.compile(r"(?<!vocab_)(?<!window_)(?<!chunk_)(size|dim|width|embd|model)$")


def parameter_count(model) -> int:
    """Return the number of a model's parameters, tied ones once.

    Parameters
    ----------
    model : torch.nn.Module
        Model, which may stand on the device "meta".
    """
    return sum(p.numel() for p in model.parameters())


class DoesNotLoad(NashsimError):
    """A model or tokenizer that is not there, or that its libraries refuse."""


def save_small(name: str, folder: str | Path, load: Callable = load_model, kind=None) -> str | None:
    """Write a small model like one on disk, with its tokenizer; return what it lacks, None where that one is small.

    Of an adapter the base is made small, and the adapter on it has the same layers and ranks.

    Parameters
    ----------
    name : str
        Folder or hub name of a model, or of an adapter.
    folder : str or Path
        Folder for the small model.
    load : callable
        Function that loads a model by its name, with options of ``from_pretrained``.
    kind : type or None
        Class of transformers that builds the model from its configuration, where the hub's cache has no weights;
        ``None`` is ``AutoModelForCausalLM``.

    Raises
    ------
    DoesNotLoad
        Where there is no such model or tokenizer.
    NashsimError
        Where no small model of the architecture computes.
    """
    try:
        name = local_name(name)
        tokenizer, base = load_tokenizer(name), adapter_base(name)
        model = _skeleton(base or name, load, kind)
    except NashsimError as error:
        raise DoesNotLoad(str(error)) from None
    count = parameter_count(model)
    if count <= SMALL:
        return None
    where = Path(folder) / "base" if base else Path(folder)
    said = f"{count:,} in {type(model).__name__}; random ones stand in ({shrink(model, where)})"
    if base:
        said += f", and on them a random adapter like {name}"
        _save_adapter_like(name, where, folder)
    tokenizer.save_pretrained(folder)
    return said


def _skeleton(name: str, load: Callable, kind):
    """A model without numbers: its files are there and fit, or the hub's cache has its configuration alone."""
    from transformers import AutoConfig, AutoModelForCausalLM

    if Path(name).is_dir():
        return load(name, device_map="meta")
    try:
        return load(name, device_map="meta", local_files_only=True)
    except NashsimError as error:
        try:
            config = AutoConfig.from_pretrained(name, trust_remote_code=False, local_files_only=True)
            with torch.device("meta"):
                return (kind or AutoModelForCausalLM).from_config(config)
        except (OSError, ValueError):
            raise error from None


def _save_adapter_like(name: str, base: Path, folder: str | Path) -> None:
    """Write an adapter of the same settings as one on disk, with random numbers, on another base."""
    from peft import PeftConfig, get_peft_model

    settings = PeftConfig.from_pretrained(name)
    settings.base_model_name_or_path, settings.inference_mode = str(base), False
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = get_peft_model(load_model(str(base)), settings)
    made.save_pretrained(folder)


def shrink(model, folder: str | Path) -> str:
    """Write a model of the same architecture made small; return what was reduced.

    Every kind of layer stays: the first layers, up to where each kind was seen. Widths go down with the number of heads
    or beside it, whichever computes; where neither does, the model has fewer layers alone.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        Model as it was loaded, which may stand on the device "meta".
    folder : str or Path
        Folder for the model.

    Raises
    ------
    NashsimError
        Where no small model of the architecture computes.
    """
    shallow = _shallow(model)
    layers = f"{_layers(shallow)} of {_layers(model.config)} layers"
    tried = (
        (lambda: _narrow(shallow, beside=True), "small widths"),
        (lambda: _narrow(shallow, beside=False), "small widths"),
        (lambda: shallow, "its own widths, which could not be reduced"),
    )
    for make, widths in tried:
        try:
            made = _built(type(model), make()).to(model.dtype)
            made.save_pretrained(folder)
            type(model.config).from_pretrained(folder)
        except Exception as error:  # architectures have many ways to refuse a width
            failed = error
            continue
        if getattr(model, "generation_config", None) is not None:
            model.generation_config.to_json_file(Path(folder) / "generation_config.json")
        return f"{layers}, {widths}"
    raise NashsimError(
        f"dry run: no small {type(model).__name__} computes ({first_line(failed)[:160]}); try the model itself by"
        " llm-bridge check"
    )


def _built(kind: type, config):
    """A model of random weights that computes finite numbers; torch's own stream is left as it was."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        made = kind(config).float().eval()
        if not torch.isfinite(made(input_ids=torch.arange(4)[None]).logits).all():
            raise ValueError("its numbers are not finite")
    return made


def _parts(config) -> list:
    """The configurations of a model's parts: text, images, sounds, each with layers of its own."""
    parts = [config, *(getattr(config, name, None) for name in getattr(config, "sub_configs", ()))]
    return [part for part in parts if isinstance(getattr(part, "num_hidden_layers", None), int)]


def _layers(config) -> int:
    return config.get_text_config().num_hidden_layers


def _shallow(model):
    """The configuration of a model's first layers, as many as have every kind of layer in them."""
    config = copy.deepcopy(model.config)
    for part in _parts(config):
        old, lists = part.num_hidden_layers, {k: v for k, v in part.to_dict().items() if isinstance(v, list)}
        by_layer = {
            k: v for k, v in lists.items() if len(v) == old and not re.search("token_id|idx|indices", k)
        }
        count = min(old, _first_of_every_kind(model, old, by_layer.values()))
        for name, values in lists.items():
            numbers = all(type(value) is int and value < old for value in values)
            if name in by_layer:
                setattr(part, name, values[:count])
            elif numbers and re.search("layer|idx|indices", name):
                setattr(part, name, [value for value in values if value < count])
        if "attention_types" in lists:  # GPT-Neo's: kinds and how often they are repeated
            part.attention_types = [[list(part.attention_layers), 1]]
        part.num_hidden_layers = count
    return config


def _first_of_every_kind(model, count: int, by_layer) -> int:
    """The number of first layers, two at least, among which every kind is: parts of one name, one word of each list."""
    stacks = [m for m in model.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == count]
    seen: dict[str, int] = {}
    for i in range(count):
        names = [sorted(name for name, _ in stack[i].named_parameters()) for stack in stacks]
        seen.setdefault(repr((names, [values[i] for values in by_layer])), i)
    return max(1, *seen.values()) + 1


def _narrow(config, beside: bool):
    """The configuration with small widths: the hidden one beside the heads' or made of few heads of their own width."""
    config = copy.deepcopy(config)
    for part in _parts(config):
        old, heads = part.hidden_size, getattr(part, "num_attention_heads", 1)
        groups = [name for name in ("num_key_value_heads", "num_kv_heads") if getattr(part, name, None)]
        shared = getattr(part, groups[0]) if groups else heads
        few, few_shared = (2, 2) if shared == heads else (2, 1) if shared == 1 else (4, 2)
        head = getattr(part, "head_dim", None) or old // heads
        hidden = WIDTH if beside else few * head
        for name, value in part.to_dict().items():
            if type(value) is not int:
                continue
            if INNER_WIDTHS.search(name):
                setattr(part, name, min(value, INNER))
            elif name.endswith("lora_rank"):
                setattr(part, name, min(value, RANK))
            elif value == old and WIDTHS.search(name):
                setattr(part, name, hidden)
        for name, value in (("num_attention_heads", few), *((name, few_shared) for name in groups)):
            if hasattr(part, name):
                setattr(part, name, value)
        if beside and not isinstance(getattr(type(part), "head_dim", None), property):
            part.head_dim = head
        _narrow_mamba(part, hidden)
    return config


def _narrow_mamba(part, hidden: int) -> None:
    """State-space layers: their inner width is the hidden one times a factor, and so is heads times their width."""
    if getattr(part, "mamba_d_ssm", None) is not None:
        return
    for heads, width, factor, groups in (
        ("mamba_n_heads", "mamba_d_head", "mamba_expand", "mamba_n_groups"),
        ("num_heads", "head_dim", "expand", "n_groups"),
    ):
        if all(hasattr(part, name) for name in (heads, width, factor)):
            setattr(part, heads, max(1, int(getattr(part, factor) * hidden) // getattr(part, width)))
            setattr(part, groups, 1)
    if hasattr(part, "expand") and hasattr(part, "intermediate_size"):
        part.intermediate_size = int(part.expand * hidden)
