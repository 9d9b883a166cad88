"""The progress bar of every command and long computation."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(
    description: str, visible: bool = True, console=None
) -> Iterator[Callable[[float, float, str | None], None]]:
    """Yield ``tell(done, total, text=None)``, which moves a bar with count and time left; it goes at the end.

    Parameters
    ----------
    description : str
        Text beside the bar until ``tell`` gives another.
    visible : bool
        Whether there is a bar at all.
    console : rich.console.Console or None
        Place of the bar; ``None`` is stderr. Where it is no terminal, nothing is shown.
    """
    if not visible:  # rich takes longer to load than a short run
        yield lambda done, total, text=None: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = console or Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # rich would print what is written to stdout on the bar's console, past a pipe that stdout goes into.
    options = {"transient": True, "redirect_stdout": sys.stdout.isatty()}
    with Progress(*columns, console=console, disable=not console.is_terminal, **options) as bar:
        task = bar.add_task(description, total=None)

        def tell(done: float, total: float, text: str | None = None) -> None:
            if done < bar.tasks[0].completed:
                bar.reset(task)  # a second piece of work: the speed of the first says nothing about it
            bar.update(task, completed=done, total=total, description=text)

        yield tell


@contextmanager
def waiting(description: str, after: float = 2.0, console=None) -> Iterator[None]:
    """Show a moving sign with the seconds passed while work of unknown length goes on; it goes at the end.

    Parameters
    ----------
    description : str
        Text beside the sign.
    after : float
        Seconds after which it appears.
    console : rich.console.Console or None
        Place of the sign; ``None`` is stderr. Where it is no terminal, nothing is shown.
    """
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    bar = Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty())
    bar.add_task(description, total=None)
    timer = threading.Timer(after, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # a sign that is just appearing must have appeared to go
        bar.stop()
