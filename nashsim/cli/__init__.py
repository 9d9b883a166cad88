"""The command line: exit status 0 on success, 2 with one clear line on stderr for bad input."""

from __future__ import annotations

import copy
import gc
import shlex
import sys
from collections.abc import Sequence

#: More objects than a command makes by loading what it needs (numba: a quarter of a million).
_LOADED = 400_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Parameters
    ----------
    arguments : sequence of str or None
        ``None`` takes them from the process.
    """
    _collect_later()
    status = call(arguments)
    gc.freeze()  # the interpreter, as it ends, else looks through all that was loaded for garbage: a third of a second
    sys.exit(status)


def _collect_later() -> None:
    """Put off the collection of cyclic garbage until after what is loaded, which leaves none, as usual from then on."""
    usual = gc.get_threshold()

    def resume(phase: str, info: dict) -> None:
        if phase == "stop":
            gc.callbacks.remove(resume)
            gc.set_threshold(*usual)

    gc.callbacks.append(resume)
    gc.set_threshold(_LOADED, *usual[1:])


def call(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 2 for bad input, 130 when interrupted."""
    from typer.exceptions import TyperException

    from ..errors import NashsimError, WorkersLost
    from .app import app
    from .output import say, spoken_warnings

    arguments = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    named = [one for one in app.registered_commands if one.callback.__name__ == arguments[0]]
    if named:  # to build all the others takes as long as a short run
        app = copy.copy(app)
        app.registered_commands = named
    try:
        with spoken_warnings():
            status = app(args=arguments, prog_name="nashsim", standalone_mode=False) or 0
        if status == 130:
            say("nashsim: interrupted")
        return status
    except TyperException as error:
        problem = error.format_message() if hasattr(error, "format_message") else str(error)
    except WorkersLost as error:
        problem = str(error)
        if arguments[0] == "sweep":
            again = shlex.join(["nashsim", *arguments, *["--resume"] * ("--resume" not in arguments)])
            problem = f"{problem.removesuffix('by resume=True')}by: {again}"
    except (NashsimError, OSError) as error:
        problem = str(error)
    except MemoryError:
        problem = "memory: too little for a run of this size; take a smaller game, fewer seeds or fewer jobs"
    say(f"nashsim: {' '.join(problem.split())}")
    return 2
