"""Where records go besides the run's own files: TensorBoard and Weights & Biases, when asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from nashsim.errors import NashsimError, unknown_name

#: Names that a configuration may ask for.
TRACKERS = ("tensorboard", "wandb")


class Tracker(Protocol):
    """Is told every record of a run."""

    def record(self, record: Mapping) -> None:
        """Take in one record: ``step`` and every metric."""
        ...

    def close(self) -> None:
        """Write out what is left."""
        ...


class TensorBoardTracker:
    """Scalars for TensorBoard, by torch's own writer.

    Parameters
    ----------
    folder : str or Path
    """

    def __init__(self, folder: str | Path):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise NashsimError("trackers: 'tensorboard' is not installed; pip install tensorboard") from None
        self.writer = SummaryWriter(str(folder))

    def record(self, record: Mapping) -> None:
        """Write every number of a record."""
        for name, value in _numbers(record):
            self.writer.add_scalar(name, value, record["step"])

    def close(self) -> None:
        """Write out what is left."""
        self.writer.close()


class WandbTracker:
    """Scalars for Weights & Biases.

    Parameters
    ----------
    folder : str or Path
        Where it keeps its files.
    config : mapping
        The run's resolved configuration.
    """

    def __init__(self, folder: str | Path, config: Mapping):
        try:
            import wandb
        except ImportError:
            raise NashsimError("trackers: 'wandb' is not installed; pip install wandb") from None
        Path(folder).mkdir(parents=True, exist_ok=True)
        self.run = wandb.init(project="nashsim", dir=str(folder), config=dict(config))

    def record(self, record: Mapping) -> None:
        """Log every number of a record."""
        self.run.log(dict(_numbers(record)), step=record["step"])

    def close(self) -> None:
        """Finish the run."""
        self.run.finish()


def make_trackers(names, folder: str | Path, config: Mapping) -> list[Tracker]:
    """Return the trackers that a configuration asks for.

    Parameters
    ----------
    names : sequence of str
    folder : str or Path
        Of the run.
    config : mapping

    Raises
    ------
    NashsimError
        For an unknown name, or a package that is missing.
    """
    folder = Path(folder)
    made: list[Tracker] = []
    for name in names:
        if name not in TRACKERS:
            raise unknown_name("tracker", name, TRACKERS)
        if name == "tensorboard":
            made.append(TensorBoardTracker(folder / name))
        else:
            made.append(WandbTracker(folder / name, config))
    return made


def _numbers(record: Mapping) -> list[tuple[str, float]]:
    return [(k, v) for k, v in record.items() if k != "step" and isinstance(v, int | float)]
