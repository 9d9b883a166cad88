"""What every builder asks of its parameters, with one kind of message."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import NashsimError


def whole_number(name: str, value, least: int = 1) -> int:
    """Return an int from a whole number, also one written as a float.

    Parameters
    ----------
    name : str
        The argument, for the message.
    value : int or float
    least : int

    Raises
    ------
    NashsimError
        If ``value`` is no whole number or below ``least``.

    Examples
    --------
    >>> whole_number("n", 5.0, least=3)
    5
    """
    try:
        whole = int(value)
    except (TypeError, ValueError, OverflowError):
        whole = None
    # True is an int to Python; as a number of actions it is a slip.
    if whole is None or isinstance(value, bool) or whole != value or whole < least:
        raise NashsimError(f"{name}: a whole number >= {least} is needed, found {value!r}")
    return whole


def number(name: str, value, accepted: str, within: Callable[[float], bool]) -> float:
    """Return a float for which ``within`` holds; NaN satisfies no comparison and is refused with the rest.

    Parameters
    ----------
    name : str
        The argument, for the message.
    value : float
    accepted : str
        ``within`` in words, such as ``"in [0, 1]"``.
    within : callable

    Raises
    ------
    NashsimError
        If ``value`` is no number or lies outside.

    Examples
    --------
    >>> number("dial", 1, "in [0, 1]", lambda x: 0 <= x <= 1)
    1.0
    """
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = float("nan")
    if not within(found):
        raise NashsimError(f"{name}: a number {accepted} is needed, found {value!r}")
    return found
