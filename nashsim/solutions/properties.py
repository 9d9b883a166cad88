"""Axioms of social choice as measured properties: a number that is 0 where a policy obeys one on an instance.

An instance is a dictionary of arrays; every axiom draws its own, inside its premise, and mutations stay there.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..data.structure import smith_set
from ..game import PreferenceGame
from ..preferences import AnnotatorPreference

#: Least distance of a drawn P from 1/2: ties are cases of their own.
_CLEAR = 0.02

Instance = dict[str, np.ndarray]
Solve = Callable[[PreferenceGame], np.ndarray]


@dataclass(frozen=True, eq=False)
class Violation:
    """What an axiom measures on an instance.

    Attributes
    ----------
    size : float
        How far the policy is from obeying, in [0, 1]; 0 where it obeys.
    game : PreferenceGame
    changed : PreferenceGame or None
        Game that the axiom compares it with, where it compares two.
    said : str
        What happens there, in a sentence.
    """

    size: float
    game: PreferenceGame
    changed: PreferenceGame | None
    said: str


class Axiom(abc.ABC):
    """A property of solution concepts, with uniform references."""

    #: Name in lower case with hyphens.
    name: ClassVar[str]
    #: The axiom, and what is measured, in one line.
    definition: ClassVar[str]

    def sample(self, rng: np.random.Generator) -> Instance:
        """Return a random instance of 3 to 5 responses."""
        n = int(rng.integers(3, 6))
        return self.premise({"wins": rng.uniform(size=(n, n))}, rng)

    def mutate(self, instance: Instance, rng: np.random.Generator) -> Instance:
        """Return an instance near another."""
        scale = 10.0 ** rng.uniform(-2.5, -0.3)
        moved = {k: v + scale * self.scale(k) * rng.normal(size=v.shape) for k, v in instance.items()}
        return self.premise(moved, rng)

    def scale(self, part: str) -> float:
        """Return the size of a part's numbers."""
        return 1.0

    def premise(self, instance: Instance, rng: np.random.Generator) -> Instance:
        """Return the instance inside the premise: P in (0, 1), clear of ties, P + P^T = 1."""
        wins = np.clip(np.triu(instance["wins"], 1), 0.01, 0.99) - 0.5
        wins = np.triu(np.where(wins < 0, np.minimum(wins, -_CLEAR), np.maximum(wins, _CLEAR)), 1)
        return {**instance, "wins": 0.5 + wins - wins.T}

    @abc.abstractmethod
    def measure(self, solve: Solve, instance: Instance, tau: float) -> Violation:
        """Return how far a concept is from obeying on an instance."""


class Condorcet(Axiom):
    """A response that beats every other gets all mass."""

    name = "condorcet"
    definition = "where a response beats all others it has all mass; measured: 1 - pi(winner)"

    def sample(self, rng):
        """Return a random instance, in every other one of which the winner wins by little."""
        made = super().sample(rng)
        if rng.uniform() < 0.5:
            made["wins"][0] = 0.5 + 0.2 * (made["wins"][0] - 0.5)
        return self.premise(made, rng)

    def premise(self, instance, rng):
        """Return the instance with the first response beating all others."""
        made = super().premise(instance, rng)
        wins = made["wins"].copy()
        wins[0, 1:] = np.maximum(wins[0, 1:], 1 - wins[0, 1:])
        wins[1:, 0] = 1 - wins[0, 1:]
        return {**made, "wins": wins}

    def measure(self, solve, instance, tau):
        """Return 1 - pi(winner)."""
        game = PreferenceGame(instance["wins"], tau=tau)
        policy = solve(game)
        return Violation(
            self.size(policy), game, None, f"response 0 beats all others and has {policy[0]:.4f}"
        )

    def size(self, policy):
        """Return what is measured."""
        return float(1 - policy[0])


class CondorcetMode(Condorcet):
    """A response that beats every other has the most mass."""

    name = "condorcet-mode"
    definition = "where a response beats all others none has more mass; measured: max pi - pi(winner)"

    def size(self, policy):
        return float(policy.max() - policy[0])


class Smith(Axiom):
    """Only the Smith set has mass, the smallest whose members beat all others."""

    name = "smith"
    definition = "only the smallest set whose members beat all others has mass; measured: mass outside"

    def sample(self, rng):
        """Return a random instance, every other one a cycle of three by much that beats a fourth by little."""
        if rng.uniform() < 0.5:
            return super().sample(rng)
        wins = np.full((4, 4), 0.5)
        wins[[0, 1], [1, 2]] = rng.uniform(0.6, 0.99, 2)
        wins[0, 2] = 1 - rng.uniform(0.6, 0.99)
        wins[:3, 3] = rng.uniform(0.5, 0.7, 3)
        return self.premise({"wins": wins}, rng)

    def measure(self, solve, instance, tau):
        """Return the mass outside the Smith set."""
        game = PreferenceGame(instance["wins"], tau=tau)
        inside = smith_set(instance["wins"])
        outside = float(np.delete(solve(game), inside).sum())
        return Violation(outside, game, None, f"the Smith set is {inside}, the others have {outside:.4f}")


class Clones(Axiom):
    """A copy of a response changes no mass but that of the response, which the two share."""

    name = "clones"
    definition = (
        "a copy of a response, of whose mu the two have halves, changes no mass; measured: total variation after"
        " merging the two"
    )

    def measure(self, solve, instance, tau):
        """Return the largest change over the response that is copied."""
        wins, n = instance["wins"], len(instance["wins"])
        game = PreferenceGame(wins, tau=tau)
        before, worst = solve(game), None
        for y in range(n):
            order = [*range(n), y]
            reference = np.full(n + 1, 1 / n)
            reference[[y, n]] /= 2
            copied = PreferenceGame(wins[np.ix_(order, order)], reference=reference, tau=tau)
            after = solve(copied)
            merged = after[:n].copy()
            merged[y] += after[n]
            size = float(np.abs(merged - before).sum() / 2)
            if worst is None or size > worst.size:
                said = f"a copy of {y} moves {size:.4f} of all mass: {before[y]:.4f} before, {merged[y]:.4f} both"
                worst = Violation(size, game, copied, said)
        return worst


class Monotonicity(Axiom):
    """A response that wins more often against another loses no mass."""

    name = "monotonicity"
    definition = "a larger P(y ≻ z) takes no mass from y; measured: the mass it takes"

    def measure(self, solve, instance, tau):
        """Return the largest loss over pairs and two increases."""
        wins, n = instance["wins"], len(instance["wins"])
        game = PreferenceGame(wins, tau=tau)
        before, worst = solve(game), None
        for y, z in ((y, z) for y in range(n) for z in range(n) if y != z):
            for share in (0.2, 1.0):
                raised = wins.copy()
                raised[y, z] += share * (0.99 - wins[y, z])
                raised[z, y] = 1 - raised[y, z]
                changed = PreferenceGame(raised, tau=tau)
                loss = float(before[y] - solve(changed)[y])
                if worst is None or loss > worst.size:
                    said = (
                        f"P({y} ≻ {z}) from {wins[y, z]:.4f} to {raised[y, z]:.4f} takes {loss:.4f} from {y}"
                    )
                    worst = Violation(max(loss, 0.0), game, changed, said)
        return worst


class _OfCrowd(Axiom):
    """Common part of axioms on users with utilities; P(i ≻ j) = mean over users of sigma(U_ui - U_uj)."""

    def sample(self, rng):
        """Return utilities of 3 to 5 users, and a report of one."""
        users, n = int(rng.integers(3, 6)), int(rng.integers(3, 5))
        size = 10.0 ** rng.uniform(-0.5, 1)
        made = {"utilities": size * rng.normal(size=(users, n)), "report": size * rng.normal(size=n)}
        return self.premise(made, rng)

    def scale(self, part):
        return 3.0

    def premise(self, instance, rng):
        """Return the instance with utilities in [-10, 10]."""
        return {k: np.clip(v, -10, 10) for k, v in instance.items()}


class Pareto(_OfCrowd):
    """A response that every user likes less than another has no mass."""

    name = "pareto"
    definition = "a response that every user likes less than another has no mass; measured: its mass"

    def premise(self, instance, rng):
        """Return the instance in which every user likes response 1 less than response 0."""
        made = super().premise(instance, rng)["utilities"].copy()
        made[:, :2] = -np.sort(-made[:, :2], axis=1)
        made[:, 0] = np.maximum(made[:, 0], made[:, 1] + _CLEAR)
        return {**instance, "utilities": made}

    def measure(self, solve, instance, tau):
        """Return what the dominated response has."""
        game = PreferenceGame(AnnotatorPreference(instance["utilities"]), tau=tau)
        policy = solve(game)
        said = f"every user likes 0 better than 1, which have {policy[0]:.4f} and {policy[1]:.4f}"
        return Violation(self.size(policy), game, None, said)

    def size(self, policy):
        """Return what is measured."""
        return float(policy[1])


class ParetoOrder(Pareto):
    """A response that every user likes less than another has no more mass than that."""

    name = "pareto-order"
    definition = (
        "a response that every user likes less than another has no more mass; measured: what it has more"
    )

    def size(self, policy):
        return float(max(policy[1] - policy[0], 0.0))


class StrategyProofness(_OfCrowd):
    """No user gains by reporting other utilities than their own."""

    name = "strategy-proofness"
    definition = (
        "no user gains by reporting other utilities; measured: the gain of one, of utilities scaled to [0, 1]"
    )

    def measure(self, solve, instance, tau):
        """Return the largest gain of the first user from the drawn report, or from raising or burying one response."""
        true = instance["utilities"]
        width = np.ptp(true[0])
        mine = true[0] / width if width > 0 else 0 * true[0]
        honest = PreferenceGame(AnnotatorPreference(true), tau=tau)
        before, worst = float(mine @ solve(honest)), None
        extremes = 10 * np.eye(true.shape[1])
        for report in (instance["report"], *extremes, *-extremes):
            reported = true.copy()
            reported[0] = report
            told = PreferenceGame(AnnotatorPreference(reported), tau=tau)
            gain = float(mine @ solve(told)) - before
            if worst is None or gain > worst.size:
                said = (
                    f"one of {len(true)} users gains {gain:.4f} by reporting {np.round(report, 2).tolist()}"
                )
                worst = Violation(max(gain, 0.0), honest, told, said)
        return worst


#: Every axiom, in the order of tables.
AXIOMS: tuple[type[Axiom], ...] = (
    Condorcet, CondorcetMode, Smith, Clones, Monotonicity, Pareto, ParetoOrder, StrategyProofness,
)  # fmt: skip
