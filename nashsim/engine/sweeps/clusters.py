"""Work on the workers of a cluster that is already there: dask's or ray's."""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ...errors import NashsimError, WorkersLost

#: Seconds that a cluster may be without workers, or a scheduler without an answer, before it counts as gone.
PATIENCE = 6.0
#: Pieces of work that every worker has in hand or waiting.
_AHEAD = 2
#: Seconds between two looks at what has finished.
_LOOK = 0.02


@contextmanager
def dask_client(scheduler: str | None) -> Iterator:
    """Yield a client of the dask cluster at an address: that of this process where none is given."""
    from distributed import Client, get_client

    address = scheduler or os.environ.get("DASK_SCHEDULER_ADDRESS")
    if scheduler is None:
        try:
            client = get_client()
        except ValueError:  # no client in this process
            pass
        else:
            yield client
            return
    if address is None:
        raise NashsimError(
            "scheduler: name the dask cluster by --scheduler tcp://HOST:8786 (scheduler=...)"
            " or in DASK_SCHEDULER_ADDRESS"
        )
    try:
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, ValueError) as error:
        raise NashsimError(f"scheduler: no dask scheduler answers at {address!r} ({error})") from None
    with _quiet("distributed"):
        try:
            yield client
        finally:
            # A scheduler that is gone answers no good-bye.
            with suppress(OSError, TimeoutError):
                client.close(timeout=2)


def on_dask(client, work: list) -> Iterator:
    """Yield the results of calls as they come; what a lost worker ran is given to another by the scheduler.

    Parameters
    ----------
    client : distributed.Client
    work : list
        Calls as ``joblib.delayed`` gives them.

    Raises
    ------
    WorkersLost
        If all workers or the scheduler are gone, or several workers die of one piece of work.
    """
    from distributed.scheduler import KilledWorker

    waiting, running, done = list(reversed(work)), set(), 0
    watch = _Watch(client)
    try:
        while waiting or running:
            while waiting and len(running) < _AHEAD * watch.workers:
                call, arguments, keywords = waiting.pop()
                running.add(client.submit(call, *arguments, **keywords, pure=False))
            finished = [future for future in running if future.done() and future.status != "cancelled"]
            for future in finished:
                result = _result(future)
                if result is not _AGAIN:
                    running.remove(future)
                    done += 1
                    yield result
            gone = watch.look()
            if gone:
                raise WorkersLost(f"scheduler: {gone}; {done} of {len(work)} pieces of work were done here")
            if not finished:
                time.sleep(_LOOK)
    except KilledWorker as error:
        raise WorkersLost(
            f"scheduler: the dask workers that ran one piece of work died, the last at {error.last_worker.address};"
            f" {done} of {len(work)} pieces of work were done here; give workers more memory"
        ) from None
    finally:
        if client.status == "running":
            client.cancel(list(running))


_AGAIN = object()


def _result(future):
    """Return the result of a future, or ``_AGAIN`` where its worker died with it and another makes it anew."""
    from distributed import TimeoutError

    try:
        return future.result(timeout=5)
    except TimeoutError:
        return _AGAIN


class _Watch:
    """How many threads a dask cluster has to work with, and since when it has none or does not answer."""

    def __init__(self, client):
        self._client, self._since, self._looked = client, None, -1.0
        self.workers = 1
        self.look()

    def look(self) -> str:
        """Return what is gone, once it has been for ``PATIENCE`` seconds; at most two looks a second are taken."""
        now = time.monotonic()
        if now - self._looked < 0.5:
            return ""
        self._looked, threads = now, {}
        answers = self._client.status == "running"
        if answers:
            try:
                threads = self._client.sync(self._client.scheduler.ncores, callback_timeout=5)
            except (OSError, TimeoutError):
                answers = False
        self.workers = max(1, sum(threads.values()))
        if threads:
            self._since = None
            return ""
        self._since = now if self._since is None else self._since
        if now - self._since < PATIENCE:
            return ""
        where = self._client.scheduler.address if self._client.scheduler else "its address"
        return (
            f"all dask workers of {where} are gone"
            if answers
            else f"the dask scheduler at {where} does not answer any more"
        )


@contextmanager
def ray_cluster(address: str | None) -> Iterator:
    """Join the ray cluster at an address, or use that of this process."""
    import ray

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


def on_ray(jobs: int | None, work: list) -> Iterator:
    """Yield the results of calls as they come; ray runs again what a lost worker ran, three times.

    Parameters
    ----------
    jobs : int or None
        Most calls at once; ``None`` or -1 is all of the cluster.
    work : list
        Calls as ``joblib.delayed`` gives them.

    Raises
    ------
    WorkersLost
        If workers die of one piece of work four times, or the cluster has no processor for ``PATIENCE`` seconds.
    """
    import ray

    remote = ray.remote(num_cpus=1, max_retries=3)(_call)
    waiting, running, done, since = list(reversed(work)), [], 0, None
    while waiting or running:
        processors = int(ray.cluster_resources().get("CPU", 0))
        if processors:
            since = None
        else:
            since = since or time.monotonic()
            if time.monotonic() - since > PATIENCE:
                raise WorkersLost(
                    f"scheduler: all ray workers are gone; {done} of {len(work)} pieces of work were done here"
                )
        most = jobs if jobs and jobs > 0 else _AHEAD * max(1, processors)
        while waiting and len(running) < most:
            running.append(remote.remote(*waiting.pop()))
        ready, running = ray.wait(running, num_returns=1, timeout=1.0)
        for reference in ready:
            try:
                result = ray.get(reference)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None
            except ray.exceptions.RayError as error:
                raise WorkersLost(
                    f"scheduler: ray workers died of one piece of work ({type(error).__name__}); {done} of {len(work)}"
                    " pieces of work were done here; give workers more memory"
                ) from None
            done += 1
            yield result


def _call(call, arguments, keywords):
    return call(*arguments, **keywords)


@contextmanager
def _quiet(package: str) -> Iterator[None]:
    """Keep from the user what a library logs, with tracebacks, of what is told in a line; and its advice to callers."""
    names = [name for name in logging.root.manager.loggerDict if f"{name}.".startswith(f"{package}.")]
    levels = {log: log.level for log in map(logging.getLogger, names)}
    for log in levels:
        log.setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sending large graph")
        try:
            yield
        finally:
            for log, level in levels.items():
                log.setLevel(level)
