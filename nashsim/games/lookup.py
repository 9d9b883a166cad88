"""From a name with parameters, such as ``rps:n=5,strength=0.6``, to the game."""

from __future__ import annotations

from fractions import Fraction

from ..errors import NashsimError, unknown_name
from ..game import PreferenceGame
from .catalogue import ENTRIES


def get(name: str, *, defaults: dict | None = None, **parameters) -> PreferenceGame:
    """Return a game by its name.

    Parameters
    ----------
    name : str
        Such as ``"rps"``, or with parameters ``"rps:n=5,strength=0.6"``.
    defaults : dict or None
        Values for parameters that the game has and neither ``name`` nor ``parameters`` set; ``None`` values
        and parameters that it has not are passed over.
    **parameters
        The game's own; they take precedence over those in ``name``.

    Returns
    -------
    PreferenceGame

    Raises
    ------
    NashsimError
        For an unknown name (suggesting the nearest) or parameter, one given twice, or an unusable value.

    Notes
    -----
    The game's own name is the string that gets it again: ``name`` with every parameter that differs from its
    default, except tau, which the game itself carries.

    Examples
    --------
    >>> get("rps:n=5,strength=0.6")
    PreferenceGame('rps:n=5,strength=0.6', actions=5, tau=None)
    >>> get("p-eps:eps=1/3", defaults={"seed": 2})
    PreferenceGame('p-eps:eps=0.3333333333333333', actions=3, tau=None)
    """
    base, _, text = name.partition(":")
    by_name = {entry.name: entry for entry in ENTRIES}
    if base not in by_name:
        raise unknown_name("game", base, by_name)
    accepted = by_name[base].parameters
    given = {**_parse(text, name), **parameters}
    for key in given:
        if key not in accepted:
            known = ", ".join(accepted) or "none"
            raise NashsimError(f"game {base!r} has no parameter {key!r} (it has: {known})")
    filled = {k: v for k, v in (defaults or {}).items() if k in accepted and v is not None}
    chosen = {**filled, **given}
    return by_name[base].build(**chosen).replace(name=_spelled(base, accepted, chosen))


def _spelled(base: str, accepted: dict[str, object], chosen: dict[str, object]) -> str:
    """Return the name that says which member of its family a game is, so that no two share one in a table."""
    told = [
        f"{key}={chosen[key]}"
        for key in accepted
        if key != "tau" and chosen.get(key, accepted[key]) != accepted[key]
    ]
    return f"{base}:{','.join(told)}" if told else base


def _parse(text: str, name: str) -> dict[str, object]:
    parameters: dict[str, object] = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise NashsimError(f"game {name!r}: parameters are written key=value, found {part!r}")
        if key.strip() in parameters:
            raise NashsimError(f"game {name!r}: {key.strip()!r} is given twice")
        parameters[key.strip()] = _value(value.strip(), key.strip(), name)
    return parameters


def _value(text: str, key: str, name: str) -> int | float | bool:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float, lambda share: float(Fraction(share))):
        try:
            return kind(text)
        except (ValueError, ZeroDivisionError):
            continue
    raise NashsimError(f"game {name!r}: the value of {key!r} must be a number, true or false, found {text!r}")
