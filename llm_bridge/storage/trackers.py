"""Where records go besides the run's own files: accelerate's trackers, when asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nashsim.errors import NashsimError, unknown_name


def make_trackers(names: Sequence[str], folder: str | Path, config: Mapping) -> list:
    """Return the trackers that a configuration asks for, each an ``accelerate.tracking.GeneralTracker``.

    Parameters
    ----------
    names : sequence of {"tensorboard", "wandb"}
    folder : str or Path
        Folder of the run; each tracker writes into a folder of its name in it.
    config : mapping
        Resolved configuration, which Weights & Biases shows.

    Raises
    ------
    NashsimError
        For an unknown name, or a package that is missing.
    """
    if not names:
        return []
    from accelerate import PartialState
    from accelerate.tracking import TensorBoardTracker, WandBTracker
    from torch.cuda import is_available

    PartialState(cpu=not is_available())  # accelerate's log asks it which process this is
    home = Path(folder) / "wandb"
    kinds = {
        "tensorboard": lambda: TensorBoardTracker("tensorboard", folder),
        "wandb": lambda: WandBTracker("nashsim", dir=str(home), config=dict(config)),
    }
    trackers = []
    for name in names:
        if name not in kinds:
            raise unknown_name("tracker", name, kinds)
        trackers.append(kinds[name]())
        if name == "wandb":
            home.mkdir(parents=True, exist_ok=True)
        try:
            trackers[-1].start()
        except ImportError:
            raise NashsimError(f"trackers: {name!r} is not installed; pip install {name}") from None
    return trackers
