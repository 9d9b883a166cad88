"""Where the units of a sweep run: threads, processes, or the workers of an existing cluster, all through joblib."""

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

#: The places, each with the package it needs beside joblib.
BACKENDS = {"threads": None, "loky": None, "dask": "distributed", "ray": "ray"}
#: Units of each worker between two returns of results, where a backend cannot return them one by one.
_WAVE = 8


def check_backend(backend: str, jobs: int | None, scheduler: str | None) -> None:
    """Raise NashsimError for an unknown backend, one whose package is missing, or arguments it cannot use.

    Parameters
    ----------
    backend : str
    jobs : int or None
    scheduler : str or None
    """
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
    """Yield a function that runs a list of ``joblib.delayed`` calls and gives their results as they come.

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

    with ExitStack() as stack:
        settings, count = {"backend": backend}, jobs
        if backend == "threads":
            settings["backend"] = "threading"
        elif backend == "loky":
            settings["inner_max_num_threads"] = 1
        elif backend == "dask":
            settings["client"] = stack.enter_context(_dask_client(scheduler))
        else:
            stack.enter_context(_ray_cluster(scheduler))
        if count is None:
            count = 1 if BACKENDS[backend] is None else -1
        stack.enter_context(joblib.parallel_config(**settings))
        if backend == "ray":
            pool = stack.enter_context(joblib.Parallel(n_jobs=count, batch_size=1))
            yield lambda work: _in_waves(pool, work)
        else:
            yield joblib.Parallel(n_jobs=count, return_as="generator_unordered", batch_size=1)


def _in_waves(pool, work: list) -> Iterator:
    """Yield results wave by wave: ray's backend for joblib has none before the last of a call."""
    import joblib

    size = _WAVE * joblib.effective_n_jobs(pool.n_jobs)
    for first in range(0, len(work), size):
        yield from pool(work[first : first + size])


@contextmanager
def _dask_client(scheduler: str | None) -> Iterator:
    from distributed import Client, get_client

    address = scheduler or os.environ.get("DASK_SCHEDULER_ADDRESS")
    if scheduler is None:
        try:
            yield get_client()
            return
        except ValueError:  # no client in this process
            pass
    if address is None:
        raise NashsimError(
            "scheduler: name the dask cluster by --scheduler tcp://HOST:8786 (scheduler=...)"
            " or in DASK_SCHEDULER_ADDRESS"
        )
    try:
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise NashsimError(f"scheduler: no dask scheduler answers at {address!r} ({error})") from None
    with client:
        yield client


@contextmanager
def _ray_cluster(address: str | None) -> Iterator:
    import ray
    from ray.util.joblib import register_ray

    register_ray()
    if ray.is_initialized():
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS", "auto")
    try:
        ray.init(address=address, log_to_driver=False, logging_level="warning")
    except (ConnectionError, ValueError) as error:
        reason = str(error).split("\n")[0]
        raise NashsimError(
            f"scheduler: no ray cluster answers at {address!r} ({reason}); start one by `ray start --head`"
        ) from None
    try:
        yield
    finally:
        ray.shutdown()


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
