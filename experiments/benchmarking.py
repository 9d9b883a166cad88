"""How every benchmark times: works take turns in one process, medians over rounds, the machine stated.

Where a time itself is to be known, not a ratio, a yardstick is timed around every turn: fixed work that tells when
the machine is busy with somebody else's, whatever the works under test do.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from nashsim.files import versions

#: The first command found compiles the C of a benchmark.
COMPILERS = ("cc", "gcc", "clang")
#: Packages of the extra ``bench`` whose versions a result depends on.
PEERS = ("jax", "jaxlib", "open_spiel", "quantecon", "highspy")

#: A round is quiet whose every yardstick took at most so many times the least of the run.
QUIET = 1.15


@dataclass(frozen=True)
class Rounds:
    """Rounds of works that took turns.

    Attributes
    ----------
    seconds : dict of ndarray, shape (rounds,)
        Of a call of every work.
    returned : dict of list
        What the calls of every work returned, all kept rounds together.
    run : int
        Rounds that were run; those kept are the first quiet ones, or the quietest.
    least, disturbance : float
        Seconds of the yardstick at least, and how many times that at most in the rounds kept; NaN and 1 without one.
    """

    seconds: dict[str, np.ndarray]
    returned: dict[str, list]
    run: int
    least: float
    disturbance: float


def rounds(
    works: dict[str, Callable[[], object]],
    repeats: int,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, np.ndarray]:
    """Return the seconds a call of every work took, one number a round; in a round each work has one turn.

    A load that comes and goes on a shared machine so falls on all works alike.

    Parameters
    ----------
    works : dict of callable
        Each does its work once when called; the first call, which may compile, is not counted.
    repeats : int
        Rounds.
    seconds : float
        About how long one turn lasts: a work is called as often as fits, at least once.
    clock : callable
        ``time.process_time`` counts the processor's time over all threads, so that other processes on a busy machine
        and idle threads of its own do not count.

    Returns
    -------
    dict of ndarray, shape (repeats,)

    Examples
    --------
    >>> taken = rounds({"sleep": lambda: time.sleep(0.001)}, repeats=3, seconds=0.002)
    >>> bool((taken["sleep"] >= 0.001).all())
    True
    """
    return quiet_rounds(works, repeats, seconds, clock=clock).seconds


def quiet_rounds(
    works: dict[str, Callable[[], object]],
    repeats: int,
    seconds: float,
    yardstick: Callable[[], object] | None = None,
    patience: float = 0.0,
    clock: Callable[[], float] = time.perf_counter,
) -> Rounds:
    """Return rounds during which the machine was quiet: which they are depends on the yardstick alone.

    Parameters
    ----------
    works, repeats, seconds, clock
        As for ``rounds``.
    yardstick : callable or None
        A few milliseconds of fixed work, timed before and after every turn; ``None`` counts every round as quiet.
    patience : float
        Seconds after which no round is added to those that are wanted; the quietest are then kept.
    """
    calls = {name: _calls(work, seconds, clock) for name, work in works.items()}
    began, taken, marks = time.perf_counter(), [], []
    while True:
        marks.append([_mark(yardstick, clock)])
        taken.append({})
        for name, work in works.items():
            returned: list = []
            spent = _turn(work, calls[name], clock, returned) / calls[name]
            taken[-1][name] = spent, returned
            marks[-1].append(_mark(yardstick, clock))
        worst = np.max(marks, axis=1) / np.min(marks)
        late = time.perf_counter() - began >= patience
        if (worst <= QUIET).sum() >= repeats or (len(taken) >= repeats and late):
            break
    kept = sorted(np.argsort(np.maximum(worst, QUIET), kind="stable")[:repeats])
    return Rounds(
        {name: np.array([taken[r][name][0] for r in kept]) for name in works},
        {name: [value for r in kept for value in taken[r][name][1]] for name in works},
        len(taken),
        float(np.min(marks)) if yardstick else float("nan"),
        float(worst[kept].max()),
    )


def _mark(yardstick: Callable[[], object] | None, clock: Callable[[], float]) -> float:
    """Return the median seconds of the yardstick: a hiccup of one call is no load."""
    return 1.0 if yardstick is None else float(np.median([_turn(yardstick, 1, clock) for _ in range(5)]))


def interleave(works: dict[str, Callable[[], object]], repeats: int, seconds: float) -> dict[str, float]:
    """Return the median seconds a call of every work; see ``rounds``."""
    return {name: float(np.median(taken)) for name, taken in rounds(works, repeats, seconds).items()}


def ratio(taken: dict[str, np.ndarray], work: str, base: str) -> float:
    """Return the median over rounds of how many times longer ``work`` took than ``base`` in the same round."""
    return float(np.median(taken[work] / taken[base]))


def machine() -> dict:
    """Return what a time depends on: processor, cores, memory, system, compiler and versions."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "vectors": _vectors(),
        "memory_gib": _memory(),
        "system": f"{platform.system()} {platform.machine()}",
        "compiler": _compiler(),
        "versions": {**versions(), **{name: found for name in PEERS if (found := _version(name))}},
    }


def compiler() -> str | None:
    """Return the path of the system's C compiler, or None."""
    return next((found for name in COMPILERS if (found := shutil.which(name))), None)


def _turn(
    work: Callable[[], object], calls: int, clock: Callable[[], float], returned: list | None = None
) -> float:
    began = clock()
    for _ in range(calls):
        value = work()
        if returned is not None:
            returned.append(value)
    return clock() - began


def _calls(work: Callable[[], object], seconds: float, clock: Callable[[], float]) -> int:
    """Return how many calls last about ``seconds``, by doubling; the first call is not timed."""
    work()
    calls = 1
    while (taken := _turn(work, calls, clock)) < 0.25 * seconds:
        calls *= 2
    return max(1, round(calls * seconds / taken))


def _processor() -> str:
    fields = _cpuinfo()
    name = fields.get("model name") or platform.processor() or platform.machine()
    if {"cpu family", "model"} <= fields.keys():
        name += f" (family {fields['cpu family']}, model {fields['model']})"
    return name


def _vectors() -> str:
    flags = _cpuinfo().get("flags", "").split()
    return next((name for name in ("avx512f", "avx2", "avx") if name in flags), "unknown")


def _cpuinfo() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first, _, _ = path.read_text().partition("\n\n")
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _compiler() -> str | None:
    path = compiler()
    if path is None:
        return None
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return (done.stdout.splitlines() or [path])[0]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
