"""Runs that survive a kill: state and records on disk, and back to the same bits."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import NashsimError
from ..files import atomic_path, read_arrays
from ..preferences import Preference

#: Seconds between two writes.
INTERVAL = 5.0


class Checkpoint:
    """One stretch of a run on disk, a ``.npz`` that is replaced whole.

    Parameters
    ----------
    path : Path
    fingerprint : str
        Hash of everything the result depends on; a file of another run is refused.
    interval : float
        Seconds between two writes; 0 writes at every record.
    """

    def __init__(self, path: Path, fingerprint: str, interval: float = INTERVAL):
        self._path, self._fingerprint, self._interval = path, fingerprint, interval
        self._written = time.monotonic()

    def load(self) -> dict[str, np.ndarray] | None:
        """Return the saved arrays, or None where nothing was saved yet.

        Raises
        ------
        NashsimError
            If the file belongs to a run with other settings, or is no checkpoint.
        """
        if not self._path.exists():
            return None
        arrays = read_arrays("checkpoint", self._path, "remove it")
        if str(arrays.pop("fingerprint", "")) != self._fingerprint:
            raise NashsimError(
                f"checkpoint: {str(self._path)!r} belongs to a run with other settings; choose another folder"
            )
        return arrays

    def save(self, arrays: Callable[[], dict[str, np.ndarray]], force: bool = False) -> None:
        """Write what ``arrays()`` returns if the interval is over, or if ``force``."""
        if not force and time.monotonic() - self._written < self._interval:
            return
        with atomic_path(self._path) as temporary:
            np.savez(temporary, fingerprint=np.array(self._fingerprint), **arrays())
        self._written = time.monotonic()


def identity(preference: Preference) -> tuple:
    """Return what tells a preference from every other: its storage's type and arrays, or else its matrix."""
    arrays = preference.arrays() if hasattr(preference, "arrays") else (preference.dense(),)
    return type(preference).__name__, *arrays


def fingerprint(*parts) -> str:
    """Return a digest of arrays and of the texts of everything else.

    Parameters
    ----------
    *parts
        Arrays count by shape and bytes, other objects by their ``repr``.
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(repr((part.shape, part.dtype.str)).encode())
            digest.update(np.ascontiguousarray(part))
        else:
            digest.update(repr(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()
