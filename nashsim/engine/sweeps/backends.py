"""Where the units of a sweep run: threads, processes, or the workers of an existing cluster."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib.util import find_spec

from ...errors import NashsimError, StepSizeWarning, unknown_name
from . import clusters
from .processes import on_processes

#: The places, each with the package it needs beside joblib.
BACKENDS = {"threads": None, "loky": None, "dask": "distributed", "ray": "ray"}


def check_backend(backend: str, jobs: int | None, scheduler: str | None) -> None:
    """Raise NashsimError for an unknown backend, one whose package is missing, or arguments it cannot use."""
    if backend not in BACKENDS:
        raise unknown_name("backend", str(backend), BACKENDS)
    package = BACKENDS[backend]
    if package and find_spec(package) is None:
        raise NashsimError(
            f"backend: {backend!r} needs the package {package}; install it by: pip install 'nashsim[cluster]'"
        )
    if jobs is not None and (jobs != int(jobs) or (jobs < 1 and jobs != -1)):
        raise NashsimError(f"jobs: at least 1 is needed, or -1 for all processors, found {jobs}")
    if scheduler is not None and package is None:
        raise NashsimError(f"scheduler: only the backends dask and ray have one, found backend {backend!r}")


@contextmanager
def parallel(backend: str, jobs: int | None = None, scheduler: str | None = None) -> Iterator:
    """Yield a function that runs a list of calls and gives their results as they come.

    Parameters
    ----------
    backend : "threads", "loky", "dask" or "ray"
    jobs : int or None
        Workers; ``None`` is one here and all of a cluster. A dask cluster always gives all of its own.
    scheduler : str or None
        Address of the cluster. ``None``: for dask the client of this process or else DASK_SCHEDULER_ADDRESS,
        for ray RAY_ADDRESS or else the cluster of this machine.

    Raises
    ------
    NashsimError
        If no cluster answers.
    """
    import joblib

    if backend == "dask":
        with clusters.dask_client(scheduler) as client:
            yield lambda work: clusters.on_dask(client, work)
    elif backend == "ray":
        with clusters.ray_cluster(scheduler):
            yield lambda work: clusters.on_ray(jobs, work)
    elif backend == "loky":
        with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
            yield lambda work: on_processes(jobs or 1, work)
    else:
        with joblib.parallel_config(backend="threading"):
            yield joblib.Parallel(n_jobs=jobs or 1, return_as="generator_unordered", batch_size=1)


@cache
def end_with(parent: int) -> None:
    """Let this worker process end, idle or not, as soon as its parent has.

    Parameters
    ----------
    parent : int
        Id of the process that started this one.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class _Calm:
    """While any unit runs in this process: BLAS on one thread, and no warnings of steps that were given already.

    BLAS adds in another order on more threads, so that the last bits of an equilibrium would depend on where it
    was found.
    """

    def __init__(self):
        self._lock, self._inside, self._stack = threading.Lock(), 0, None

    def __enter__(self) -> None:
        from threadpoolctl import threadpool_limits

        with self._lock:
            if self._inside == 0:
                import scipy.linalg  # noqa: F401  its BLAS must be there to be limited

                self._stack = ExitStack()
                self._stack.enter_context(threadpool_limits(1))
                self._stack.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore", StepSizeWarning)
            self._inside += 1

    def __exit__(self, *_) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._stack.close()


#: One for the process, as threads share what it sets.
calm = _Calm()
