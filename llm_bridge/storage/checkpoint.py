"""States of a training on disk: whole or not at all, the last few kept, back to the same bits.

A state is a tree of dictionaries and lists whose leaves are tensors, numbers, texts, booleans or None. Tensors go into
one safetensors file, everything else into JSON beside it: nothing is ever unpickled.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch

from nashsim.errors import NashsimError
from nashsim.files import atomic_folder, to_json

#: Beginning of the name of a folder that holds a state.
PREFIX = "step-"
#: Key that stands for a tensor in the JSON part, with its name in the safetensors file.
TENSOR = "__tensor__"


def save_state(folder: str | Path, state) -> None:
    """Write a state to a folder, atomically.

    Parameters
    ----------
    folder : str or Path
        Folder of the state.
    state : dict
        Tree of dictionaries and lists with tensors, numbers, texts, booleans and None as leaves.

    Raises
    ------
    NashsimError
        For any other leaf, or a folder that cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as out:
    ...     save_state(f"{out}/step-1", {"step": 1, "weights": [torch.tensor([1.0, 2.0])]})
    ...     load_state(f"{out}/step-1")
    {'step': 1, 'weights': [tensor([1., 2.])]}
    """
    from safetensors.torch import save_file

    tensors: dict[str, torch.Tensor] = {}
    outline = _outline(state, tensors, "")
    with atomic_folder(folder) as temporary:
        try:
            save_file(tensors, temporary / "tensors.safetensors")
        except Exception as error:  # its own error type hides the operating system's
            if "No space" in str(error) or "os error" in str(error).lower():
                raise OSError(str(error)) from error
            raise
        (temporary / "state.json").write_text(to_json(outline), encoding="utf-8")


def load_state(folder: str | Path, device="cpu"):
    """Return the state that a folder holds, to the same bits.

    Parameters
    ----------
    folder : str or Path
        Folder of the state.
    device : torch.device or str
        Device of the tensors.

    Raises
    ------
    NashsimError
        Where there is no state, or one that cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = Path(folder)
    try:
        outline = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / "tensors.safetensors", device=str(device))
        return _filled(outline, tensors)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise NashsimError(f"resume: {str(folder)!r} holds no state that can be read ({error})") from None


class Checkpoints:
    """The last few states of a training, one folder a step.

    Parameters
    ----------
    folder : str or Path
        Folder of all states.
    keep : int
        Number of states that stay; older ones go once the newest stands.

    Raises
    ------
    NashsimError
        For ``keep`` below 1.
    """

    def __init__(self, folder: str | Path, keep: int = 2):
        if keep < 1:
            raise NashsimError(f"keep: at least one checkpoint must stay, found {keep}")
        self.folder, self.keep = Path(folder), keep

    def steps(self) -> list[int]:
        """Return the steps whose states stand, in order."""
        if not self.folder.is_dir():
            return []
        names = [p.name.removeprefix(PREFIX) for p in self.folder.glob(f"{PREFIX}*") if p.is_dir()]
        return sorted(int(name) for name in names if name.isdigit())

    def path(self, step: int) -> Path:
        """Return the folder of a step's state.

        Parameters
        ----------
        step : int
        """
        return self.folder / f"{PREFIX}{step:08d}"

    def save(self, step: int, state) -> None:
        """Write the state of a step, then drop what is too old and what a kill left half-written.

        Parameters
        ----------
        step : int
            Number of the state.
        state : dict
            Tree as :func:`save_state` takes it.
        """
        save_state(self.path(step), state)
        for old in self.steps()[: -self.keep]:
            shutil.rmtree(self.path(old))
        for broken in self.folder.glob(f".{PREFIX}*"):
            shutil.rmtree(broken, ignore_errors=True)

    def latest(self, device="cpu"):
        """Return the newest state and its step, or None where none was written yet.

        Parameters
        ----------
        device : torch.device or str
        """
        steps = self.steps()
        return (steps[-1], load_state(self.path(steps[-1]), device)) if steps else None


def _outline(value, tensors: dict[str, torch.Tensor], path: str):
    """Return the tree with its tensors taken out, which go into ``tensors``."""
    if isinstance(value, torch.Tensor):
        name = path or "."
        # A clone of its own: safetensors refuses tensors that share memory, as tied weights do.
        tensors[name] = value.detach().to("cpu", copy=True).contiguous()
        return {TENSOR: name}
    if isinstance(value, dict):
        if TENSOR in value:
            raise NashsimError(f"state: {TENSOR!r} is no name for an entry")
        # JSON knows texts as keys only; optimisers number theirs.
        return {_key(k): _outline(v, tensors, f"{path}/{_key(k)}") for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_outline(item, tensors, f"{path}/{i}") for i, item in enumerate(value)]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        # Decimal JSON would lose NaN and infinities, and hex says every bit.
        return {"__float__": value.hex()}
    raise NashsimError(f"state: {path!r} is a {type(value).__name__}; tensors, numbers and texts can be kept")


def _key(key) -> str:
    return f"#{key}" if isinstance(key, int) else str(key)


def _filled(outline, tensors: dict[str, torch.Tensor]):
    if isinstance(outline, dict):
        if TENSOR in outline:
            return tensors[outline[TENSOR]]
        if "__float__" in outline:
            return float.fromhex(outline["__float__"])
        return {int(k[1:]) if k.startswith("#") else k: _filled(v, tensors) for k, v in outline.items()}
    if isinstance(outline, list):
        return [_filled(item, tensors) for item in outline]
    return outline
