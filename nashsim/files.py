"""Files go out whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import json
import math
import os
import platform
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from .errors import NashsimError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it takes the place of ``path``, on failure it is removed.

    Parameters
    ----------
    path : str or Path
        Folders that are missing are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last: writers choose a format by it.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``path``; on success it takes the place of ``path``, on failure it goes.

    Parameters
    ----------
    path : str or Path
        A folder that stands there already is replaced.

    Raises
    ------
    NashsimError
        Where the disk is full or the folder cannot be written; what was there before stays.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-"))
        try:
            yield temporary
            temporary.chmod(0o755)
            if path.exists():
                # A folder cannot be renamed over another; the old one steps aside until the new one stands.
                aside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-old-"))
                os.replace(path, aside / "old")
                os.replace(temporary, path)
                shutil.rmtree(aside)
            else:
                os.replace(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise NashsimError(
            f"out: {str(path)!r} cannot be written ({error.strerror or error}); what was written before stands,"
            " make room and resume"
        ) from error


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path`` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_frame(path: str | Path, frame) -> None:
    """Write a DataFrame to ``path`` as CSV, atomically and with every digit."""
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.17g")


def read_arrays(name: str, path: str | Path, remedy: str) -> dict[str, np.ndarray]:
    """Return the arrays of a ``.npz``; nothing in the file is executed.

    Parameters
    ----------
    name : str
        Argument that the file was given as.
    path : str or Path
    remedy : str
        What to do where it cannot be read.

    Raises
    ------
    NashsimError
        If there is no such file, or it is no archive of plain arrays.
    """
    if not Path(path).is_file():
        raise NashsimError(f"{name}: there is no file {str(path)!r}; {remedy}")
    try:
        with np.load(path, allow_pickle=False) as saved:
            return dict(saved)
    except (OSError, ValueError, EOFError, TypeError, AttributeError, BadZipFile, zlib.error):
        # what NumPy says of a file it does not know ends in the advice to unpickle it
        raise NashsimError(
            f"{name}: {str(path)!r} cannot be read as a .npz of plain arrays; {remedy}"
        ) from None


def to_json(value, indent: int | None = None) -> str:
    """Return strict JSON: numpy values as numbers, NaN and infinities as null."""
    return json.dumps(_plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def versions(packages: Iterable[str] = ("nashsim", "numpy", "scipy", "numba", "cvxpy")) -> dict[str, str]:
    """Return the versions that a result may depend on, of what is installed.

    Parameters
    ----------
    packages : iterable of str
    """
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for package in packages:
        # The module cvxpy comes by either of two distributions.
        for distribution in (f"{package}-base", package) if package == "cvxpy" else (package,):
            with suppress(PackageNotFoundError):
                found[package] = version(distribution)
    return found


def _plain(value):
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, np.bool_ | bool):
        return bool(value)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value


def _umask() -> int:
    # os.umask can only be read by setting it.
    mask = os.umask(0)
    os.umask(mask)
    return mask
