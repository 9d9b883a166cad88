"""The language of claims: a statement, where it holds, what is measured against what, and how it is made to fail.

A claim measures two numbers on an instance, one that theory bounds and the bound itself, and holds where their
ratio is at most one. Rates and identities are written the same way: predicted decay over the fastest that the
fitted interval allows, error over the rounding it may have. Its negative control changes the algorithm, or a
condition, and must break it; the bound stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...errors import NashsimError
from .domain import Domain
from .instance import Instance, Stack, stacks
from .standing import standing

#: Kinds of claims.
KINDS = ("bound", "rate", "identity", "statistical")
#: What a fact's source was: only the first three are asserted.
TAGS = ("paper", "code", "derived", "recalled")
#: File of proofs in Lean of NLHF's theorems, of the repository nikhgarg/AppliedModelingLib.
LEAN = "AppliedModelingLib/GameTheory/PreferenceGame/NashMD.lean"


@dataclass(frozen=True, eq=False)
class Evidence:
    """What was measured on a stack of instances, beside what theory allows.

    Of a rate the ratio is the predicted decay over the fastest that the fit allows, ``Fit.most``.

    Attributes
    ----------
    x : ndarray, shape (records,)
        Steps, queries, or whatever the measurements are taken along.
    measured, bound : ndarray, shape (instances, records)
    slack : float or ndarray
        What rounding may add to the measured side; derived where it is set.
    fits : tuple of Fit
        One fit an instance for a rate; empty otherwise.
    x_label : str
    before : ndarray or None
        What would be measured if nothing moved, where the bound is to be a decrease of it.
    """

    x: np.ndarray
    measured: np.ndarray
    bound: np.ndarray
    slack: float | np.ndarray = 0.0
    fits: tuple = ()
    x_label: str = "iterations"
    before: np.ndarray | None = None

    def tightness(self) -> np.ndarray:
        """Return how tight the bound is at its worst, shape (instances,); above 1 where it is broken.

        Where it claims a decrease: the claimed rate log(before/bound) over the measured one log(before/measured), and 0
        where it claims none, so that a bound near what is measured because nothing moves is not tight. Otherwise the
        ratio.
        """
        if self.before is None or self.fits:
            return self.ratios()
        measured, bound, before = np.broadcast_arrays(
            np.maximum(self.measured - self.slack, 0.0), self.bound, self.before
        )
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            claimed, found = np.log(before / bound), np.log(before / measured)
            tightness = np.where(found > 0, claimed / found, np.inf)
        tightness = np.where((claimed > 0) & (measured > 0), tightness, 0.0).max(axis=1)
        ratios = self.ratios()
        return np.where(ratios > 1, np.maximum(tightness, ratios), np.minimum(tightness, 1.0))

    def ratios(self) -> np.ndarray:
        """Return the worst measured/bound of every instance, shape (instances,); inf where it is not a number."""
        if self.fits:
            return np.array([fit.predicted / fit.most if fit.most > 0 else np.inf for fit in self.fits])
        measured, bound = np.broadcast_arrays(np.maximum(self.measured - self.slack, 0.0), self.bound)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            # a bound of no positive value admits nothing but 0
            ratio = np.where(measured == 0, 0.0, np.where(bound > 0, measured / bound, np.inf))
        return np.where(np.isfinite(ratio), ratio, np.inf).max(axis=1)


@dataclass(frozen=True)
class Control:
    """A named mutation of the algorithm or of a condition under which the claim must fail.

    Attributes
    ----------
    name : str
        What is wrong with it, in a few words.
    algorithm : object or None
        What is measured in place of the claim's algorithm; ``None`` leaves it.
    domain : Domain or None
        Conditions under which it is measured in place of the claim's conditions; ``None`` leaves them.
    games : int
        How many instances a verification draws to find the violation.
    """

    name: str
    algorithm: Any = None
    domain: Domain | None = None
    games: int = 40

    def __post_init__(self):
        if self.algorithm is None and self.domain is None:
            raise NashsimError(f"control {self.name!r}: it must change the algorithm or a condition")


@dataclass(frozen=True, eq=False)
class Claim:
    """One machine-checked statement of the theory.

    Attributes
    ----------
    id : str
        Lower case with hyphens.
    statement : str
        Statement in mathematics.
    source : str
        Paper and place.
    kind : str
        ``bound``, ``rate``, ``identity`` or ``statistical``.
    conditions : str
        Conditions on game and step, in words of mathematics.
    quantity : str
        What is measured, for the axis of its figure.
    measure : callable
        ``measure(stack, algorithm) -> Evidence``.
    algorithm : object
        What is measured: a function from (tau, step) to a Rule, or whatever ``measure`` takes.
    control : Control
    domain : Domain
    tag : str
        ``paper``, ``code`` or ``derived``, the default: asserted. ``recalled``: measured and reported.
    predicted : str
        The bound or rate, in mathematics.
    rules : tuple of str
        Names of the rules it runs.
    games : int or None
        The most games it is measured on; a statistical claim has its named games and seeds. ``None`` is any number.
    remark : callable or None
        Function from the worst ratio to a sentence that a report may add, such as a sharper constant.
    formal : str
        File and theorem of a proof in Lean, where there is one: read, not compiled.
    still : object or None
        What does not move in place of ``algorithm``, where it is not the same rules with every step left out: a second
        control, under which the claim must fail too. None and no rules: nothing moves in this claim.
    """

    id: str
    statement: str
    source: str
    kind: str
    conditions: str
    quantity: str
    measure: Callable[[Stack, Any], Evidence]
    algorithm: Any
    control: Control
    domain: Domain = field(default_factory=Domain)
    tag: str = "derived"
    predicted: str = "1"
    rules: tuple[str, ...] = ()
    games: int | None = None
    remark: Callable[[float], str] | None = None
    formal: str = ""
    still: Any = None

    def __post_init__(self):
        for name, known in (("kind", KINDS), ("tag", TAGS)):
            if getattr(self, name) not in known:
                raise NashsimError(f"{name}: one of {known} is needed, found {getattr(self, name)!r}")

    @property
    def asserted(self) -> bool:
        """Whether a violation is a failure; what is only recalled is measured and reported."""
        return self.tag != "recalled"

    def _repr_html_(self) -> str:
        from ...html import card

        names = ("statement", "conditions", "source", "tag", "kind", "quantity", "predicted", "rules")
        facts = {name: getattr(self, name) for name in names}
        return card(f"Claim {self.id}", {**facts, "negative control": self.control.name})

    def sample(self, seed: int) -> Instance:
        """Return a random instance inside the conditions; the same seed gives the same bits.

        Parameters
        ----------
        seed : int
        """
        return self.domain.sample(seed)

    def clip(self, instance: Instance) -> Instance:
        """Return the instance brought inside the conditions.

        Parameters
        ----------
        instance : Instance
        """
        return self.domain.clip(instance)

    def instances(self, games: int, seed: int = 0) -> tuple[Instance, ...]:
        """Return the instances of a verification, ``games`` of them or as many as the claim has.

        Parameters
        ----------
        games, seed : int
        """
        return self.domain.instances(min(games, self.games or games), seed)

    def evidence(self, stack: Stack) -> Evidence:
        """Return what is measured on a stack.

        Parameters
        ----------
        stack : Stack
        """
        with np.errstate(all="ignore"):
            return self.measure(stack, self.algorithm)

    def ratios(self, instances: Sequence[Instance]) -> np.ndarray:
        """Return measured/bound of every instance, shape (instances,); at most 1 where the claim holds.

        Parameters
        ----------
        instances : sequence of Instance
        """
        return self.scores(instances)[0]

    def scores(self, instances: Sequence[Instance]) -> np.ndarray:
        """Return measured/bound and the tightness of every instance, shape (2, instances).

        Parameters
        ----------
        instances : sequence of Instance
        """
        found = np.empty((2, len(instances)))
        for members, stack in stacks(instances):
            evidence = self.evidence(stack)
            found[:, members] = evidence.ratios(), evidence.tightness()
        return found

    def ratio(self, instance: Instance) -> float:
        """Return measured/bound on one instance.

        Parameters
        ----------
        instance : Instance
        """
        return float(self.ratios([instance])[0])

    def standing(self) -> Claim | None:
        """Return the claim on rules that never move, one that must be found to fail; None where nothing moves."""
        if self.still is None and not self.rules:
            return None
        algorithm = standing(self.algorithm) if self.still is None else self.still
        return replace(self, id=f"{self.id} (does not move)", algorithm=algorithm)

    def planted(self) -> Claim:
        """Return the same claim under its negative control: one that must be found to fail."""
        return replace(
            self,
            id=f"{self.id} ({self.control.name})",
            algorithm=self.algorithm if self.control.algorithm is None else self.control.algorithm,
            domain=self.control.domain or self.domain,
        )
