"""Work on processes of this machine that outlives the loss of some of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from ...errors import WorkersLost

#: Times in a row that a worker may be lost before any result comes.
ATTEMPTS = 3


def on_processes(jobs: int, work: list) -> Iterator:
    """Yield the results of ``joblib.delayed`` calls as they come; what a lost worker ran is run again.

    Parameters
    ----------
    jobs : int
        Processes, -1 for as many as processors.
    work : list
        Calls as ``joblib.delayed`` gives them.

    Raises
    ------
    WorkersLost
        If workers are lost ``ATTEMPTS`` times in a row without a result between.
    """
    import joblib
    from joblib.externals.loky.process_executor import BrokenProcessPool

    left, lost = dict(enumerate(work)), 0
    while left:
        calls = [joblib.delayed(_numbered)(number, *call) for number, call in left.items()]
        with warnings.catch_warnings():
            # loky replaces a worker that has grown or idled, and says so in words for its own users.
            warnings.filterwarnings("ignore", message="A worker stopped while some jobs")
            try:
                pool = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
                for number, result in pool(calls):
                    del left[number]
                    lost = 0
                    yield result
            except BrokenProcessPool:
                lost += 1
        if lost == ATTEMPTS:
            raise WorkersLost(
                f"jobs: worker processes were lost {ATTEMPTS} times in a row (killed, or out of memory), with"
                f" {len(left)} of {len(work)} pieces of work to do; take fewer jobs or smaller games"
            )
        if left:
            warnings.warn("a worker process was lost; what it ran is run again", stacklevel=2)


def _numbered(number: int, call, arguments, keywords):
    return number, call(*arguments, **keywords)
