"""The line of every rule and learner: its place in the registry gives colour and dashes, its class the printed name."""

from __future__ import annotations

from collections.abc import Iterable

from .style import PALETTE, shown

# Rules that are one map at a constant step stand side by side in the registry: a dash more sets them apart.
_COLOURS = (
    ("vermilion", 0), ("green", 0), ("orange", 0), ("sky", 1), ("blue", 0), ("purple", 1), ("black", 0),
)  # fmt: skip
_DASHES = ("solid", (0, (4, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (7, 2)))


def cycle(place: int) -> dict:
    """Return colour and dashes of the line at a place; the first 35 differ.

    Examples
    --------
    >>> cycle(0)
    {'color': '#D55E00', 'linestyle': 'solid'}
    """
    turn, at = divmod(place, len(_COLOURS))
    colour, shift = _COLOURS[at]
    return {"color": PALETTE[colour], "linestyle": _DASHES[(turn + shift) % len(_DASHES)]}


def rule_line(name: str) -> dict:
    """Return the keyword arguments of ``plot`` for a rule's curve, the same in all figures: colour, dashes, label."""
    from ..rules import RULES

    return _line(name, RULES)


def learner_line(name: str) -> dict:
    """Return the keyword arguments of ``plot`` for a learner's curve, the same in all figures."""
    from ..online.learners import LEARNERS

    return _line(name, LEARNERS)


def lines_of(names: Iterable[str], kind: str) -> list[dict]:
    """Return a line a curve, each another one: that of its rule or learner, or the next that is free.

    Parameters
    ----------
    names : iterable of str
        Name of each curve's rule or learner; names may repeat, unknown ones are welcome, and "" has any line.
    kind : "rule" or "learner"
    """
    given, taken, found = list(names), [], []
    line = rule_line if kind == "rule" else learner_line
    own = [_key(line(name)) for name in dict.fromkeys(given) if name]
    for name in given:
        one = line(name)
        if _key(one) in taken or not name:
            reserved = taken + own
            free = (cycle(place) for place in range(35) if _key(cycle(place)) not in reserved)
            one |= next(free, {})
        taken.append(_key(one))
        found.append(one)
    return found


def _key(line: dict) -> tuple:
    return line["color"], line["linestyle"]


def _line(name: str, classes) -> dict:
    known = {cls.name: (place, cls) for place, cls in enumerate(classes)}
    place, cls = known.get(name, (len(classes), None))
    return {**cycle(place), "label": shown(name if cls is None else printed(cls))}


def printed(cls: type) -> str:
    """Return the name of a rule or learner in the letters of its class: ``nash-md-pg`` of NashMDPG is Nash-MD-PG."""
    letters, lower = cls.__name__, cls.__name__.lower()
    parts = [(part, lower.find(part)) for part in cls.name.split("-")]
    return "-".join(letters[at : at + len(part)] if at >= 0 else part for part, at in parts)
