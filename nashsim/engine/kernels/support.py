"""Whether the vector kernels can be compiled here; the portable kernel runs where they cannot."""

from __future__ import annotations

import os
import platform
from functools import cache

import numpy as np


@cache
def vectors_work() -> bool:
    """Whether LLVM's vectors compile on this machine and give what they should.

    False too where the environment variable ``NASHSIM_PORTABLE`` is set to anything but 0.
    """
    if os.environ.get("NASHSIM_PORTABLE", "0") != "0":
        return False
    try:
        _load_numba()
        from .llvm_registers import has
        from .llvm_vectors import shape_of
        from .probe import probe

        if platform.machine() in ("x86_64", "AMD64") and not has("fma"):
            return False  # a fused product would be a call to a library there

        return probe(shape_of(1, 4), np.arange(1.0, 5.0)) == 2.0 + 4.0 + 8.0 + 16.0
    except Exception:  # whatever keeps them from compiling
        return False


def _load_numba() -> None:
    """Load what numba knows of arrays, but not ``scipy.linalg``, which takes longer than a short run.

    numba loads that only to ask whether there is a BLAS, and it is there: SciPy is a dependency. Kernels that call it
    load it when they are compiled.
    """
    from numba.np import linalg

    ask = linalg.ensure_blas
    linalg.ensure_blas = lambda: None
    try:
        import numba.np.arraymath  # noqa: F401
    finally:
        linalg.ensure_blas = ask
