"""Every game by name, with what is known about it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from ..errors import NashsimError, unknown_name
from ..game import PreferenceGame
from . import annotators, cyclic, hard, papers, random, tables


@dataclass(frozen=True)
class Entry:
    """A game of the catalogue.

    Attributes
    ----------
    name : str
    build : callable
        Returns the PreferenceGame; its parameters are those of the name's ``name:key=value`` form.
    source : str
    lottery : dict of str to Fraction
        The unique maximal lottery at the default parameters, where known in closed form; absent labels have mass 0.
    known : str
        Other known answers, in words.
    """

    name: str
    build: Callable[..., PreferenceGame]
    source: str
    lottery: dict[str, Fraction] = field(default_factory=dict)
    known: str = ""

    @property
    def summary(self) -> str:
        """The first line of the builder's docstring."""
        return self.build.__doc__.splitlines()[0].rstrip(".")

    @property
    def parameters(self) -> dict[str, object]:
        """The builder's parameters with their defaults."""
        return {name: p.default for name, p in inspect.signature(self.build).parameters.items()}

    def describe(self) -> dict:
        """Return everything for a listing: name, summary, parameters, actions, lottery, known, source."""
        lottery = ", ".join(f"{label} {_share(share)}" for label, share in self.lottery.items())
        texts = [f"lottery: {lottery}"] if lottery else []
        return {
            "name": self.name,
            "summary": self.summary,
            "parameters": self.parameters,
            "actions": self.build().actions,
            "lottery": {label: float(share) for label, share in self.lottery.items()},
            "known": "; ".join(texts + ([self.known] if self.known else [])),
            "source": self.source,
        }


def _share(share: Fraction) -> str:
    return str(share) if share.denominator < 1000 else f"{float(share):.6f}"


def _thirds(*labels: str) -> dict[str, Fraction]:
    return dict.fromkeys(labels, Fraction(1, 3))


def _cycle(
    labels, first: tuple[int, int], second: tuple[int, int], third: tuple[int, int]
) -> dict[str, Fraction]:
    """Return the lottery of a cycle 0 ≻ 1 ≻ 2 ≻ 0 from its win counts: each margin weighs the action it leaves out."""
    margins = [Fraction(w, w + l) - Fraction(1, 2) for w, l in (second, third, first)]
    return {label: margin / sum(margins) for label, margin in zip(labels, margins, strict=True)}


_NLHF = "NLHF, arXiv 2312.00886"
_RPS = ("rock", "paper", "scissors")
_SURE = Fraction(1)

ENTRIES: tuple[Entry, ...] = (
    Entry("rps", cyclic.rps, "folklore", _thirds(*_RPS), "uniform at every tau for a uniform reference"),
    Entry(
        "biased-rps",
        cyclic.biased_rps,
        "folklore",
        dict(zip(_RPS, (Fraction(1, 16), Fraction(5, 8), Fraction(5, 16)), strict=True)),
    ),
    Entry("dice", papers.dice, _NLHF, _thirds("2-4-9", "1-6-8", "3-5-7"), "each beats the next with 5/9"),
    Entry(
        "three-humans", papers.three_humans, _NLHF, _thirds("y1", "y2", "y3"), "each beats the next with 2/3"
    ),
    Entry(
        "p-eps",
        papers.p_eps,
        _NLHF,
        {"y1": Fraction(23, 60), "y2": Fraction(23, 60), "y3": Fraction(7, 30)},
        "lottery (1/3 + eps/2, 1/3 + eps/2, 1/3 - eps); reward maximisation picks y1 for any eps > 0",
    ),
    Entry(
        "reward-preference",
        papers.reward_preference,
        _NLHF,
        {"y2": _SURE},
        "with pi(y1) = 2 pi(y2): reward optimum (2/3, 1/3, 0), preference optimum y3, preferred with 50/99",
    ),
    Entry(
        "comal",
        papers.comal,
        "COMAL, arXiv 2410.23223",
        {"a": Fraction(4, 11), "b": Fraction(3, 11), "c": Fraction(4, 11)},
    ),
    Entry("condorcet-annotators", annotators.condorcet_annotators, "Condorcet 1785", _thirds("a", "b", "c")),
    Entry("annotators", annotators.random_annotators, "random family"),
    Entry("uniform", random.uniform, "EGPO, arXiv 2503.08942 (simulations)"),
    Entry("sign", random.sign, "random family", known="a unique lottery for every seed"),
    Entry("sparse", random.sparse, "random family"),
    Entry("dial", random.dial, "random family", known="dial 0 is Bradley-Terry; dial 1 has cyclic mass 1"),
    Entry("low-rank", random.low_rank, "random family"),
    Entry("hard-a", hard.hard_a, "derived", _thirds("a", "b", "c"), "c_beats_b=0: lottery b"),
    Entry(
        "hard-b",
        hard.hard_b,
        "derived",
        {"c": _SURE},
        "log-odds of c over b rise by 1/(2 tau) from mu to pi*",
    ),
    Entry("hard-c", hard.hard_c, "derived", {"c": _SURE}),
    Entry("tldr", tables.tldr, f"{_NLHF}, Table 1", {"MD1": _SURE}, "cyclic mass .026"),
    Entry(
        "glasgow",
        tables.glasgow,
        "PrefLib 00008-00000009",
        _cycle(("Dornan", "Flanagan", "Hunter"), (2992, 2390), (3654, 3568), (3578, 3557)),
    ),
    Entry(
        "minneapolis",
        tables.minneapolis,
        "public ballot counts, ward 2, 2021",
        _cycle(("Worlobah", "Arab", "Gordon"), (4056, 4037), (4324, 4099), (3708, 3635)),
    ),
)


def entries() -> tuple[Entry, ...]:
    """Return the catalogue."""
    return ENTRIES


def names() -> tuple[str, ...]:
    """Return the names of the catalogue."""
    return tuple(entry.name for entry in ENTRIES)


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
        For an unknown name (suggesting the nearest) or parameter, or an unusable value.

    Examples
    --------
    >>> get("rps:n=5,strength=0.6")
    PreferenceGame('rps-5', actions=5, tau=None)
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
    return by_name[base].build(**{**filled, **given})


def _parse(text: str, name: str) -> dict[str, object]:
    parameters = {}
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise NashsimError(f"game {name!r}: parameters are written key=value, found {part!r}")
        parameters[key.strip()] = _value(value.strip(), key.strip(), name)
    return parameters


def _value(text: str, key: str, name: str) -> int | float | bool:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise NashsimError(f"game {name!r}: the value of {key!r} must be a number, true or false, found {text!r}")
