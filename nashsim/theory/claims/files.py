"""Instances on disk: JSON that gives back the same bits."""

from __future__ import annotations

import json
from pathlib import Path

from ...errors import NashsimError
from ...files import to_json, write_text
from .instance import Instance


def is_instance(path: str | Path) -> bool:
    """Whether a file is meant to hold a saved instance: its name ends in ``.json`` and it speaks of a skew part."""
    path = Path(path)
    if path.suffix != ".json" or not path.is_file():
        return False
    return b'"skew"' in path.read_bytes()


def save_instance(path: str | Path, instance: Instance) -> None:
    """Write an instance, every digit of it."""
    write_text(path, to_json(instance.to_dict()) + "\n")


def load_instance(path: str | Path) -> Instance:
    """Return a saved instance.

    Raises
    ------
    NashsimError
        If there is no such file, or it holds something else.
    """
    try:
        return Instance.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
    except OSError:
        raise NashsimError(f"game: there is no file {str(path)!r} that can be read") from None
    except (ValueError, KeyError, TypeError):
        raise NashsimError(
            f"game: {str(path)!r} is not a saved instance (skew, log_reference, log_start, tau, step, name)"
        ) from None
