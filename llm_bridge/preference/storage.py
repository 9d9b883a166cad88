"""A preference model on disk: the backbone as ``save_pretrained`` writes it, the head in safetensors, no pickle."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import torch

from nashsim.errors import NashsimError
from nashsim.files import atomic_folder

from ..models.saving import save_model_files
from .layout import Layout
from .model import PreferenceModel, RewardModel, make_model

DESCRIPTION, HEAD = "preference_model.json", "head.safetensors"


def save_model(model: PreferenceModel | RewardModel, folder: str | Path) -> None:
    """Write a model, whole or not at all.

    Parameters
    ----------
    model : PreferenceModel or RewardModel
        Model to write.
    folder : str or Path
        Folder for it.
    """
    from safetensors.torch import save_file

    described = {"kind": model.kind, "layout": asdict(model.layout), "tokenizer": model.tokenizer is not None}
    with atomic_folder(folder) as temporary:
        save_model_files(model.backbone, temporary, folder)
        if model.tokenizer is not None:
            model.tokenizer.save_pretrained(temporary)
        if model.head is not None:
            save_file({"weight": model.head.weight.detach().contiguous()}, temporary / HEAD)
        (temporary / DESCRIPTION).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def load_model(folder: str | Path, *, dtype=None, device="cpu") -> PreferenceModel | RewardModel:
    """Return a model that :func:`save_model` wrote.

    Parameters
    ----------
    folder : str or Path
        Folder of the model.
    dtype : torch.dtype or None
        Precision of the weights; ``None`` is that on disk.
    device : torch.device or str
        Device of the model.

    Raises
    ------
    NashsimError
        For a folder that holds none.
    """
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = Path(folder)
    if not (folder / DESCRIPTION).is_file():
        raise NashsimError(f"{str(folder)!r}: no preference model is there ({DESCRIPTION} is missing)")
    described = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    parts = {
        key: tuple(value) if isinstance(value, list) else value for key, value in described["layout"].items()
    }
    backbone = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=False, dtype=dtype)
    tokenizer = AutoTokenizer.from_pretrained(folder) if described["tokenizer"] else None
    model = make_model(described["kind"], backbone, Layout(**parts), tokenizer)
    if model.head is not None:
        model.head.load_state_dict(load_file(folder / HEAD))
    return model.to(device)


def describe_small(judge: str | Path, folder: str | Path) -> None:
    """Make a small backbone the like of a preference model: its layout, and a random head of the small width.

    Parameters
    ----------
    judge : str or Path
        Folder of a model that :func:`save_model` wrote.
    folder : str or Path
        Folder of the small backbone.
    """
    from safetensors.torch import save_file
    from transformers import AutoConfig

    judge, folder = Path(judge), Path(folder)
    shutil.copy(judge / DESCRIPTION, folder)
    if (judge / HEAD).is_file():
        width = AutoConfig.from_pretrained(folder).hidden_size
        weight = torch.randn(1, width, generator=torch.Generator().manual_seed(0))
        save_file({"weight": weight}, folder / HEAD)
