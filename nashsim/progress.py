"""The progress bar of every command and long computation."""

from __future__ import annotations

import sys
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
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = console or Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # rich would print what is written to stdout on the bar's console, past a pipe that stdout goes into.
    options = {"transient": True, "redirect_stdout": sys.stdout.isatty()}
    with Progress(*columns, console=console, disable=not (visible and console.is_terminal), **options) as bar:
        task = bar.add_task(description, total=None)

        def tell(done: float, total: float, text: str | None = None) -> None:
            if done < bar.tasks[0].completed:
                bar.reset(task)  # a second piece of work: the speed of the first says nothing about it
            bar.update(task, completed=done, total=total, description=text)

        yield tell
