"""How many threads a command computes with: as many as are asked for, or what a quick measurement finds fastest."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from nashsim.errors import NashsimError

#: The option of every command that computes.
Threads = Annotated[
    int | None, typer.Option(help="Threads; by default what a quick measurement finds fastest, 1 or all.")
]


def check_threads(asked: int | None) -> None:
    """Raise NashsimError for less than one thread.

    Parameters
    ----------
    asked : int or None
        Value of ``--threads``.
    """
    if asked is not None and asked < 1:
        raise NashsimError(f"threads: a whole number >= 1 is needed, found {asked}")


@contextmanager
def using_threads(asked: int | None, run: Path | None = None) -> Iterator[str]:
    """Compute with a number of threads for a while; yields the line that says it.

    Parameters
    ----------
    asked : int or None
        Number of threads. ``None`` is that of the run that goes on, whose bits it may change; else what
        ``OMP_NUM_THREADS`` says; else what a quick measurement finds fastest.
    run : Path or None
        Folder of a run that goes on.

    Raises
    ------
    NashsimError
        For less than one thread.
    """
    import torch

    check_threads(asked)
    before, why = torch.get_num_threads(), "as asked for"
    if asked is None and run is not None and (asked := _threads_of(run)):
        why = "as the run began"
    elif asked is None and os.environ.get("OMP_NUM_THREADS"):
        asked, why = before, "OMP_NUM_THREADS"
    elif asked is None:
        rates = product_rates()
        asked = fastest(rates)
        why = f"products a second: {', '.join(f'{rate:,.0f} on {n}' for n, rate in rates.items())}"
    torch.set_num_threads(asked)
    try:
        yield f"{asked} thread{'s' if asked > 1 else ''} ({why})"
    finally:
        torch.set_num_threads(before)


def _threads_of(run: Path) -> int | None:
    """Return the number of threads that a run computed with last, if that is known."""
    import yaml

    from ..storage.run_folder import CONFIG

    file = run / CONFIG
    return yaml.safe_load(file.read_text(encoding="utf-8")).get("threads") if file.exists() else None


def product_rates(seconds: float = 0.15) -> dict[int, float]:
    """Return the products a second of a decode's shapes on 1 thread, and on as many as there are processors.

    Where other work is on the processors, threads wait for the slowest of them.

    Parameters
    ----------
    seconds : float
        Time for each measurement.
    """
    import torch

    before, rates = torch.get_num_threads(), {}
    rows, weights = torch.ones(16, 576), torch.ones(1536, 576)
    try:
        for count in dict.fromkeys((1, os.cpu_count() or 1)):
            torch.set_num_threads(count)
            torch.nn.functional.linear(rows, weights)
            done, began = 0, time.perf_counter()
            while time.perf_counter() - began < seconds:
                torch.nn.functional.linear(rows, weights)
                done += 1
            rates[count] = done / (time.perf_counter() - began)
    finally:
        torch.set_num_threads(before)
    return rates


def fastest(rates: dict[int, float]) -> int:
    """Return the number of threads of the largest rate; one that gains less than a tenth over a single one is left.

    Parameters
    ----------
    rates : dict of int to float
        Rate of every number of threads, that of 1 among them.

    Examples
    --------
    >>> fastest({1: 100.0, 2: 109.0}), fastest({1: 100.0, 2: 170.0})
    (1, 2)
    """
    return max(rates, key=lambda count: rates[count] / (1.0 if count == 1 else 1.1))
