"""Which solution obeys which axiom: a search for the instance on which each is violated most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import NashsimError, unknown_name
from ..game import check_tau
from .concept import Concept, Table
from .properties import AXIOMS, Axiom, Violation

if TYPE_CHECKING:
    import pandas as pd

#: Violations below this are rounding: lotteries and equilibria are exact to 1e-12, and an axiom adds two of them.
ROUNDING = 1e-9
#: Share of the evaluations that are independent draws; the rest are mutations of the worst.
_DRAWN = 0.4


@dataclass(frozen=True, eq=False)
class AxiomTable:
    """What a search found of each axiom and solution.

    Attributes
    ----------
    worst : dict of (str, str) to Violation
        Largest violation found, by names of axiom and solution; ``holds`` says whether it is rounding.
    definitions : dict of str to str
        Each axiom in a line.
    evaluations : int
        Instances measured for each axiom and solution.
    tau : float
    """

    worst: dict[tuple[str, str], Violation]
    definitions: dict[str, str]
    evaluations: int
    tau: float

    def holds(self, axiom: str, solution: str) -> bool:
        """Whether no counterexample was found, which is no proof."""
        return self.worst[axiom, solution].size <= ROUNDING

    @property
    def violations(self) -> pd.DataFrame:
        """Largest violation found, solutions as rows and axioms as columns."""
        import pandas as pd

        sizes = pd.Series({key: found.size for key, found in self.worst.items()})
        names = list(dict.fromkeys(solution for _, solution in self.worst))
        return sizes.unstack(0).loc[names, list(self.definitions)]

    def _repr_html_(self) -> str:
        from ..html import card

        rows = {
            name: ", ".join(f"{axiom} {size:.2g}" for axiom, size in row.items() if size > ROUNDING) or "none"
            for name, row in self.violations.iterrows()
        }
        return card(
            "Counterexamples found", rows, note=f"{self.evaluations} instances each, tau = {self.tau:g}"
        )

    def to_dict(self) -> dict:
        """Return everything as plain values, ready for JSON: the games of counterexamples too."""
        found: dict = {}
        for (axiom, solution), one in self.worst.items():
            holds = self.holds(axiom, solution)
            found.setdefault(solution, {})[axiom] = {
                "violation": one.size,
                "counterexample_found": not holds,
                **({} if holds else {"said": one.said, "game": _plain(one.game)}),
                **({} if holds or one.changed is None else {"changed": _plain(one.changed)}),
            }
        return {
            "tau": self.tau, "evaluations": self.evaluations, "axioms": self.definitions, "solutions": found,
        }  # fmt: skip


def _plain(game) -> dict:
    return {"preference": game.probabilities[0].tolist(), "reference": game.reference[0].tolist()}


def axioms(
    solutions: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    *,
    tau: float = 0.1,
    evaluations: int = 100,
    seed: int = 0,
) -> AxiomTable:
    """Search, for every axiom and solution, the instance on which the solution violates the axiom most.

    Instances have 3 to 5 responses and uniform references. Random ones are drawn first, then the worst is mutated.
    Where nothing is found nothing is proved.

    Parameters
    ----------
    solutions : sequence of str or None
        Names of solution concepts; ``None`` is all.
    names : sequence of str or None
        Names of axioms; ``None`` is all.
    tau : float
        Regularisation > 0 of the concepts that take one; beta = 1/tau, tau_F = tau_L = tau.
    evaluations : int
        Instances measured for each axiom and solution, >= 1.
    seed : int
        Seed of the search; the same seed gives the same table.

    Returns
    -------
    AxiomTable

    Raises
    ------
    NashsimError
        For an unknown name or a number outside its range.

    Examples
    --------
    >>> found = axioms(["lottery", "borda"], ["condorcet"], evaluations=40)
    >>> found.holds("condorcet", "lottery"), found.holds("condorcet", "borda")
    (True, False)
    """
    from .registry import CONCEPTS  # which imports every module of this folder

    tau = check_tau(tau)
    if evaluations != int(evaluations) or evaluations < 1:
        raise NashsimError(f"evaluations: a whole number >= 1 is needed, found {evaluations!r}")
    concepts = _named("solution", solutions, CONCEPTS)
    chosen = _named("axiom", names, AXIOMS)
    worst = {
        (axiom.name, concept.name): _search(axiom(), concept(), tau, int(evaluations), seed)
        for axiom in chosen
        for concept in concepts
    }
    return AxiomTable(worst, {axiom.name: axiom.definition for axiom in chosen}, int(evaluations), tau)


def _named(kind: str, names: Sequence[str] | None, known: Sequence[type]) -> list[type]:
    by_name = {one.name: one for one in known}
    for name in names or ():
        if name not in by_name:
            raise unknown_name(kind, name, by_name)
    return [by_name[name] for name in (by_name if names is None else dict.fromkeys(names))]


def _search(axiom: Axiom, concept: Concept, tau: float, evaluations: int, seed: int) -> Violation:
    rng = np.random.default_rng(np.random.SeedSequence([seed, *map(ord, axiom.name)]))

    def solve(game):
        return concept.policy(Table(game, beta=1 / tau, tau_follower=tau, tau_leader=tau))[0]

    worst, at = None, None
    for k in range(evaluations):
        drawn = at is None or k < _DRAWN * evaluations
        instance = axiom.sample(rng) if drawn else axiom.mutate(at, rng)
        found = axiom.measure(solve, instance, tau)
        if worst is None or found.size > worst.size or (not drawn and found.size == worst.size):
            worst, at = found, instance
    return worst
