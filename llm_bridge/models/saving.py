"""Models on disk, such that ``from_pretrained`` finds all of them from any folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from ..quiet import quiet
from .adapters import TRAINED, save_adapters

#: Folder of a base that is nowhere else on disk, in that of its adapters.
BASE = "base"


@quiet()
def save_model_files(
    model, folder: str | Path, home: str | Path, state: Mapping[str, torch.Tensor] | None = None
) -> None:
    """Write a model; of one with adapters the adapters as one, and the base where it is nowhere on disk.

    Parameters
    ----------
    model : transformers.PreTrainedModel or peft.PeftModel
        Model to write.
    folder : str or Path
        Folder to write to.
    home : str or Path
        Folder where the files will stand once they are whole.
    state : mapping of str to Tensor, or None
        Weights of the model, where its own are shared out over processes.
    """
    if not hasattr(model, "peft_config"):
        model.save_pretrained(folder, safe_serialization=True, state_dict=state)
        return
    config = model.peft_config[TRAINED]
    if not config.base_model_name_or_path:
        # A task's model, the text model of a wrapper, or one that an adapter was merged into.
        base = model.get_base_model()
        plain = {
            name.replace(".base_layer", ""): t
            for name, t in base.state_dict().items()
            if ".lora_" not in name
        }
        base.save_pretrained(Path(folder) / BASE, safe_serialization=True, state_dict=plain)
        config.base_model_name_or_path = str((Path(home) / BASE).absolute())
    save_adapters(model, folder)
