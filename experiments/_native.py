"""The best C of the engine's benchmark: compiled on the spot by the system's compiler, called by ctypes."""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from benchmarking import compiler

SOURCE = Path(__file__).with_name("bench_engine.c")
FLAGS = ("-O3", "-march=native", "-shared", "-fPIC")
#: Doubles of a vector: the faster width counts, whichever the processor prefers.
LANES = (4, 8)

_DOUBLES, _LONG, _INT, _REAL = ctypes.POINTER(ctypes.c_double), ctypes.c_long, ctypes.c_int, ctypes.c_double
_ITERATE = [_INT, _INT, *[_DOUBLES] * 4, _REAL, _REAL, _LONG]
_SIGNATURES = {
    "packed_size": (_LONG, [_LONG]),
    "pack": (None, [_LONG, _DOUBLES, _DOUBLES]),
    "iterate": (None, [_LONG, *_ITERATE]),
    "games_packed_size": (_LONG, [_LONG, _LONG]),
    "games_pack": (None, [_LONG, _LONG, _DOUBLES, _DOUBLES]),
    "games_iterate": (None, [_LONG, _LONG, *_ITERATE]),
}


@cache
def library(lanes: int) -> ctypes.CDLL:
    """Return the compiled C with vectors of ``lanes`` doubles.

    Raises
    ------
    RuntimeError
        If there is no C compiler, or it fails.
    """
    path = compiler()
    if path is None:
        raise RuntimeError("no C compiler (cc, gcc or clang) on PATH: the C of the benchmark is skipped")
    folder = Path(tempfile.gettempdir()) / f"nashsim-bench-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    text = SOURCE.read_bytes() + repr((path, FLAGS, lanes)).encode()
    built = folder / f"{hashlib.sha256(text).hexdigest()[:16]}.so"
    if not built.exists():
        with tempfile.TemporaryDirectory(dir=folder) as place:
            target = Path(place) / built.name
            command = [path, *FLAGS, f"-DLANES={lanes}", "-o", target, SOURCE, "-lm"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(f"{path} failed on {SOURCE.name}: {done.stderr.strip().splitlines()[-1:]}")
            os.replace(target, built)
    found = ctypes.CDLL(str(built))
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    return found


class Native:
    """Mirror-step iterations in C on one game, or on games side by side.

    Parameters
    ----------
    skew : ndarray, shape (actions, actions) or (games, actions, actions)
    log_reference, log_policy : ndarray, shape (actions,) or (games, actions)
    rho, eta : float
        log pi+ = rho log pi + (1 - rho) log mu + eta A pi.
    calls : int
        1, or 2 with a half step from the same base.
    lanes : int
        Doubles of a vector.
    fixed : bool
        Whether n = 3 and n = 10 are known at compile time.
    average : bool
        Whether the asked policies are summed, as the engine does.

    Attributes
    ----------
    log_policy, total : ndarray
        State; ``total`` is the sum of the policies asked last in each iteration.
    """

    def __init__(self, skew, log_reference, log_policy, rho, eta, calls, lanes, fixed=True, average=True):
        self._library = library(lanes)
        skew = np.ascontiguousarray(skew, dtype=float)
        n = skew.shape[-1]
        self._sizes = (n,) if skew.ndim == 2 else (n, skew.shape[0])
        self._prefix = "" if skew.ndim == 2 else "games_"
        self._packed = _aligned(self._function("packed_size")(*self._sizes))
        self._function("pack")(*self._sizes, _pointer(skew), _pointer(self._packed))
        self._reference = np.ascontiguousarray(log_reference, dtype=float)
        self.log_policy = np.array(log_policy, dtype=float)
        self.total = np.zeros_like(self.log_policy)
        self._step = (rho, eta)
        self._options = (calls, int(fixed))
        self._average = average

    def advance(self, steps: int) -> None:
        """Do ``steps`` iterations."""
        total = _pointer(self.total) if self._average else None
        arrays = (_pointer(self._packed), _pointer(self._reference), _pointer(self.log_policy), total)
        self._function("iterate")(*self._sizes, *self._options, *arrays, *self._step, steps)

    def _function(self, name: str):
        return getattr(self._library, self._prefix + name)


def _pointer(array: np.ndarray):
    return array.ctypes.data_as(_DOUBLES)


def _aligned(size: int) -> np.ndarray:
    """Return zeros that begin on a cache line."""
    room = np.zeros(size + 8)
    start = -room.ctypes.data // 8 % 8
    return room[start : start + size]
