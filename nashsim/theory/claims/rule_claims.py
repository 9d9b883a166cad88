"""What claims on rules share: iterates of a stack, and mutations of a rule's numbers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ...engine import run
from ...errors import StepSizeWarning
from ...rules import POLICY, REFERENCE, MirrorStep, Rule
from .instance import Stack

#: Forward step for a game: ``rule(tau, share)``.
RuleOf = Callable[[float, float], Rule]
#: From a rule's steps to others, ``change(steps, tau)``.
Change = Callable[[tuple, float], tuple]


@dataclass(frozen=True, eq=False)
class Mutated(Rule):
    """A rule whose steps are changed, otherwise the same: what negative controls run.

    Attributes
    ----------
    rule : Rule
    change : callable
        From the steps of an iteration and tau to other steps.
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


def mutated(rule_of: RuleOf, change: Change) -> RuleOf:
    """Return the rules of ``rule_of`` with their steps changed.

    Parameters
    ----------
    rule_of : callable
    change : callable
    """
    return lambda tau, share: Mutated(rule_of(tau, share), change)


def flipped(steps: tuple, tau: float) -> tuple:
    """Return the steps with the sign of every forward step flipped: away from what is preferred."""
    return tuple(replace(step, eta=-step.eta) for step in steps)


def unanchored(steps: tuple, tau: float) -> tuple:
    """Return the steps without the pull to the reference: its weight goes to the policy."""

    def moved(mixture):
        kept = {name: weight for name, weight in mixture.items() if name != REFERENCE}
        lost = mixture.get(REFERENCE, 0.0)
        return {**kept, POLICY: kept.get(POLICY, 0.0) + lost} if np.any(lost) else mixture

    return tuple(
        replace(step, base=moved(step.base)) if isinstance(step, MirrorStep) and step.opponent else step
        for step in steps
    )


def against_reference(steps: tuple, tau: float) -> tuple:
    """Return the steps with the reference as the opponent of every query."""
    return tuple(replace(step, opponent={REFERENCE: 1.0}) if step.opponent else step for step in steps)


def scaled(factor: float) -> Change:
    """Return the change that multiplies every forward step, and the pull that belongs to it, by ``factor``.

    Parameters
    ----------
    factor : float
    """

    def change(steps: tuple, tau: float) -> tuple:
        return tuple(replace(step, eta=factor * step.eta) for step in steps)

    return change


@dataclass(frozen=True, eq=False)
class Path:
    """The iterates of a stack.

    Attributes
    ----------
    rule : Rule
    steps : ndarray, shape (records,)
        Whole iterations.
    log_policies : ndarray, shape (records, instances, actions)
    average : ndarray, shape (instances, actions)
        Mean of the played policies, as probabilities.
    """

    rule: Rule
    steps: np.ndarray
    log_policies: np.ndarray
    average: np.ndarray


def play(stack: Stack, rule: Rule, steps: int, record="every") -> Path:
    """Return the iterates of a rule on a stack, each from its own start.

    Parameters
    ----------
    stack : Stack
    rule : Rule
    steps : int
        Whole iterations.
    record : "every" or as for ``run``
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StepSizeWarning)
        found = run(
            stack.game,
            rule,
            queries=steps * rule.queries_per_step,
            start=np.exp(stack.log_start),
            record=1 if isinstance(record, str) and record == "every" else record,
            metrics=[],
            keep_policies=True,
        )
    return Path(rule, found.step, found.log_policies, found.average_policy)
