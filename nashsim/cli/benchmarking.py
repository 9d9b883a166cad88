"""What ``nashsim bench`` does: find the benchmarks, run them one after the other, gather what they reached."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from ..errors import ConvergenceError, unknown_name
from .output import say
from .reproducing import experiments_folder

#: Every benchmark is of one thread: these pin the linear algebra of all libraries in its process.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def find_benchmarks() -> dict[str, Path]:
    """Return the benchmark scripts by their name: exact for ``bench_exact.py``.

    Examples
    --------
    >>> "exact" in find_benchmarks()
    True
    """
    return {
        path.stem.removeprefix("bench_").replace("_", "-"): path
        for path in sorted(experiments_folder().glob("bench_*.py"))
    }


def run_benchmarks(names: list[str], *, quick: bool, out: str, quiet: bool) -> list[dict]:
    """Run the named benchmarks (all when none is named) and return one row a finding.

    One at a time, each in a process of its own and with one thread, so that none disturbs another.

    Parameters
    ----------
    names : list of str
    quick : bool
        Small settings.
    out : str
        Folder for the files of every benchmark.
    quiet : bool
        Whether to leave out the progress on stderr.

    Returns
    -------
    list of dict
        With the keys benchmark, work, measured, target and reached.

    Raises
    ------
    NashsimError
        For a name that no benchmark has.
    ConvergenceError
        If a benchmark ends with an error.
    """
    known = find_benchmarks()
    for name in names:
        if name not in known:
            raise unknown_name("benchmark", name, known)
    chosen = {name: known[name] for name in (names or known)}
    rows = []
    for count, (name, path) in enumerate(chosen.items(), 1):
        began = time.perf_counter()
        if not quiet:
            say(f"[{count}/{len(chosen)}] {name}: running")
        rows += [{"benchmark": name, **row} for row in _run_one(path, quick, Path(out).resolve(), quiet)]
        if not quiet:
            say(f"[{count}/{len(chosen)}] {name}: {time.perf_counter() - began:.0f} s")
    return rows


def _run_one(path: Path, quick: bool, out: Path, quiet: bool) -> list[dict]:
    """Run one script as a user would alone, and read what it found from the file it left."""
    package = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, **ONE_THREAD}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, str(path), "--out", str(out), *(["--quick"] if quick else [])]
    told = subprocess.PIPE if quiet else None
    done = subprocess.run(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=told, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr or "").strip().splitlines()[-1:] or ["its error stands above"]
        raise ConvergenceError(f"bench: {path.name} ended with status {done.returncode}: {last[0]}")
    saved = json.loads((out / f"{path.stem.replace('_', '-')}.json").read_text())
    return [
        {"work": f["finding"], "measured": f["measured"], "target": f["expected"], "reached": f["holds"]}
        for f in saved["findings"]
    ]
