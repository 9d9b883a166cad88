"""Rules whose steps are changed, and the change that every claim on a rule is tried on: the same rule, never moving."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...rules import POLICY, MirrorStep, Rule

#: From a rule's steps to others, ``change(steps, tau)``.
Change = Callable[[tuple, float], tuple]


@dataclass(frozen=True, eq=False)
class Mutated(Rule):
    """A rule whose steps are changed, otherwise the same: what negative controls run.

    Attributes
    ----------
    rule : Rule
    change : callable
        Function from the steps of an iteration and tau to other steps.
    """

    rule: Rule
    change: Change
    theorems = ()

    def __post_init__(self):
        for name in ("name", "update", "condition", "regularised", "target", "played", "fixed_point"):
            object.__setattr__(self, name, getattr(self.rule, name))

    def steps(self, tau, t):
        """Return the changed steps of iteration ``t``."""
        return self.change(self.rule.steps(tau, t), tau)

    def largest_eta(self, tau):
        """Return that of the rule."""
        return self.rule.largest_eta(tau)


def standing(algorithm: Any) -> Any:
    """Return what a claim measures with every step of its rules left out: each writes the policy as it is.

    Of a tuple of rules, which are said to be the same map, the last one stands; of a list all do.

    Parameters
    ----------
    algorithm : object
        A rule, a tuple or list of rules, or a function that returns one of these.
    """
    if isinstance(algorithm, Rule):
        return Mutated(algorithm, _left_out)
    if isinstance(algorithm, tuple):
        return (*algorithm[:-1], standing(algorithm[-1]))
    if isinstance(algorithm, list):
        return [standing(one) for one in algorithm]
    return lambda *given: standing(algorithm(*given))


def _left_out(steps: tuple, tau: float) -> tuple:
    """Ask what the rule asks, and stay."""
    return tuple(MirrorStep({POLICY: 1.0}, step.opponent, 0.0, into=step.into) for step in steps)
