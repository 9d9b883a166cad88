"""One game of the catalogue, with what is known about it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from ..game import PreferenceGame


@dataclass(frozen=True)
class Entry:
    """A game of the catalogue.

    Attributes
    ----------
    name : str
    build : callable
        Returns the PreferenceGame; its parameters are those of the name's ``name:key=value`` form.
    source : str
        Where the game is from, with how far that can be trusted: [paper] read there, [code] read in its authors'
        code, [derived] worked out and checked by this project, [recalled] from memory.
    lottery : dict of str to Fraction
        The unique maximal lottery at the default parameters, where known in closed form; absent labels have mass 0.
    known : str
        Other known answers, in words.
    equilibrium : callable or None
        From the game with a tau and its own reference to {label: p}: the regularised equilibrium at the default
        parameters, where known in closed form.

    Examples
    --------
    >>> from nashsim.games import rps
    >>> entry = Entry("rps", rps, "folklore", {"rock": Fraction(1, 3)})
    >>> entry.parameters
    {'n': 3, 'strength': 1.0}
    """

    name: str
    build: Callable[..., PreferenceGame]
    source: str
    lottery: dict[str, Fraction] = field(default_factory=dict)
    known: str = ""
    equilibrium: Callable[[PreferenceGame], dict[str, float]] | None = None

    @property
    def condorcet_winner(self) -> str | None:
        """The action that beats every other, where the known lottery is that action; else ``None``."""
        return next(iter(self.lottery)) if len(self.lottery) == 1 else None

    @property
    def summary(self) -> str:
        """The first line of the builder's docstring."""
        return (self.build.__doc__ or "").split("\n", 1)[0].rstrip(".")

    @property
    def parameters(self) -> dict[str, object]:
        """The builder's parameters with their defaults."""
        return {name: p.default for name, p in inspect.signature(self.build).parameters.items()}

    def describe(self) -> dict:
        """Return everything for a listing, of values that JSON can hold.

        Returns
        -------
        dict
            ``name, summary, parameters, actions, lottery {label: p}, condorcet_winner, known, source``; ``known``
            is every known answer as one line of text.
        """
        return {
            "name": self.name,
            "summary": self.summary,
            "parameters": self.parameters,
            "actions": self.build().actions,
            "lottery": {label: float(share) for label, share in self.lottery.items()},
            "condorcet_winner": self.condorcet_winner,
            "known": "; ".join(filter(None, (self._lottery_text(), self.known))),
            "source": self.source,
        }

    def _lottery_text(self) -> str:
        if self.condorcet_winner is not None:
            return f"Condorcet winner: {self.condorcet_winner}"
        shares = ", ".join(f"{label} {_share(share)}" for label, share in self.lottery.items())
        return f"lottery: {shares}" if shares else ""


def _share(share: Fraction) -> str:
    return str(share) if share.denominator < 1000 else f"{float(share):.6f}"
