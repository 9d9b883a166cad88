"""The errors and warnings of the package: each names the argument, what was found, what is accepted."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType


class NashsimError(ValueError):
    """Bad input. The message says what was found and what would be accepted."""


class ConvergenceError(NashsimError):
    """A solver could not reach the accuracy it promises."""


class EquilibriumDisagreement(NashsimError):
    """Two independent equilibrium solvers differ by more than their certified accuracies."""


class WorkersLost(NashsimError):
    """The workers that work was given to are gone; what was finished is kept where there was a folder for it."""


class StepSizeWarning(UserWarning):
    """A step size lies outside the condition of its rule's theorem; the run goes on."""


def unknown_name(kind: str, name: str, known: Iterable[str], hint: str = "") -> NashsimError:
    """Return the error for an unknown name, suggesting the nearest known one.

    Parameters
    ----------
    kind : str
        What is being looked up, e.g. ``"rule"``.
    name : str
        What was asked for.
    known : iterable of str
        The accepted names.
    hint : str
        What is said in place of the nearest name.

    Examples
    --------
    >>> str(unknown_name("learner", "inpo", ["xpo", "inpo-online"]))
    "unknown learner 'inpo'; did you mean 'inpo-online'? (known: inpo-online, xpo)"
    """
    known = sorted(known)
    near = nearest_name(name, known)
    hint = hint or (f"did you mean {near!r}?" if near else "")
    return NashsimError(f"unknown {kind} {name!r}{'; ' if hint else ''}{hint} (known: {', '.join(known)})")


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that another most resembles: one that begins with it before one of like letters.

    Parameters
    ----------
    name : str
    known : iterable of str
    """
    known, name = sorted(known), name.lower()
    longer = [one for one in known if name and one.lower().startswith(name)]
    near = difflib.get_close_matches(name, longer or known, n=1, cutoff=0.0)
    return near[0] if near else None


def import_optional(package: str, what: str, extra: str) -> ModuleType:
    """Return a package that only some need, or raise the error that says how it is installed.

    Parameters
    ----------
    package : str
        Name of the package.
    what : str
        What needs it, for the message.
    extra : str
        Name of the extra of nashsim that brings it.

    Raises
    ------
    NashsimError
        If it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError:
        raise NashsimError(f"{what} needs {package}; pip install 'nashsim[{extra}]'") from None


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its kind where it says nothing.

    Parameters
    ----------
    error : BaseException

    Examples
    --------
    >>> first_line(ValueError("no such file")), first_line(KeyError())
    ('no such file', 'KeyError')
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
