"""What claims on rules share: iterates of a stack, and mutations of a rule's numbers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ...engine import run
from ...errors import StepSizeWarning
from ...logspace import kl
from ...rules import POLICY, REFERENCE, MirrorStep, Rule
from .claim import Evidence
from .instance import Stack
from .rounding import logit_rounding
from .standing import Change, Mutated

#: Forward step for a game: ``rule(tau, share)``.
RuleOf = Callable[[float, float], Rule]


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


def unmixed_opponent(steps: tuple, tau: float) -> tuple:
    """Return the steps with the policy itself as the opponent of every query."""
    return tuple(replace(step, opponent={POLICY: 1.0}) if step.opponent else step for step in steps)


def loosened(steps: tuple, tau: float) -> tuple:
    """Return the steps with a tenth of the reference's weight in the base given to the policy."""

    def moved(base):
        share = 0.1 * base[REFERENCE]
        return {**base, POLICY: base[POLICY] + share, REFERENCE: base[REFERENCE] - share}

    return tuple(replace(step, base=moved(step.base)) if step.opponent else step for step in steps)


def scaled(factor: float) -> Change:
    """Return the change that multiplies every forward step, and the pull that belongs to it, by ``factor``."""

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


def play(stack: Stack, rule: Rule, steps: int, record="every", log_start: np.ndarray | None = None) -> Path:
    """Return the iterates of a rule on a stack, each from its own start.

    Parameters
    ----------
    stack : Stack
    rule : Rule
    steps : int
        Whole iterations.
    record : "every" or as for ``run``
    log_start : ndarray or None, shape (instances, actions)
        Policies that they start from instead.
    """
    log_start = stack.log_start if log_start is None else log_start
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StepSizeWarning)
        found = run(
            stack.game,
            rule,
            queries=steps * rule.queries_per_step,
            start=np.exp(log_start),
            record=1 if isinstance(record, str) and record == "every" else record,
            metrics=[],
            keep_policies=True,
        )
    return Path(rule, found.step, found.log_policies, found.average_policy)


def kl_slack(stack: Stack, divergence: np.ndarray) -> np.ndarray:
    """Return what rounding may add to KL(pi* || pi), shape (instances, records).

    Logits off by e move a KL by at most e sqrt(2 KL) + e^2/2; pi* and pi are each off by ``logit_rounding``.

    Parameters
    ----------
    stack : Stack
    divergence : ndarray, shape (instances, records)
    """
    error = 2 * logit_rounding(stack, stack.log_start, stack.log_equilibrium)[:, None]
    return error * np.sqrt(2 * divergence) + error**2


def log_mean_exp(log_policy: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return log E_{y ~ pi} exp(v(y) - E v), over the last axis.

    Parameters
    ----------
    log_policy, values : ndarray, shape (..., actions)
    """
    policy = np.exp(log_policy)
    centred = values - (policy * values).sum(axis=-1, keepdims=True)
    most = centred.max(axis=-1)
    # where all are small the logarithm of a mean near 1 is that of the mean of exp - 1
    small = np.log1p((policy * np.expm1(np.minimum(centred, 1.0))).sum(axis=-1))
    large = np.logaddexp.reduce(log_policy + centred, axis=-1)
    return np.where(most <= 1, small, large)


def payoffs(stack: Stack, log_policies: np.ndarray) -> np.ndarray:
    """Return P(. ≻ pi) - 1/2 along a path, shape (records, instances, actions).

    Parameters
    ----------
    stack : Stack
    log_policies : ndarray, shape (records, instances, actions)
    """
    return np.matmul(stack.skew, np.exp(log_policies).transpose(1, 2, 0)).transpose(2, 0, 1)


def keeps_only(stack: Stack, moved: np.ndarray, tolerance: np.ndarray, away: np.ndarray) -> Evidence:
    """Return the evidence of a fixed point: nothing moves there beyond rounding, and from the start something does.

    Parameters
    ----------
    stack : Stack
    moved, tolerance : ndarray, shape (instances,)
        Largest move of log pi from the point, and what rounding allows.
    away : ndarray, shape (instances,)
        Largest move from the start; one at the equilibrium, or where a softmax has no slope left, has none.
    """
    free = (stack.kl_start > 1e-6) & (stack.log_start.min(axis=1) > -12) & (stack.tau < 10)
    measured = np.stack([moved, tolerance], axis=1)
    bound = np.stack([tolerance, np.where(free, away, np.inf)], axis=1)
    return Evidence(np.array([0, 1]), measured, bound, x_label="from the point, from π_0")


def contraction(steps: int, factor: Callable[[float, float], float], every: Callable | int = 1):
    """Return the measure KL(pi*, pi_{k+1}) against factor(tau, share) KL(pi*, pi_k), for claims of a linear rate.

    Parameters
    ----------
    steps : int
        Iterations, whole ones of the method.
    factor : callable
    every : int
        Iterations of the rule in one of the method.
    """

    def measure(stack: Stack, algorithm: RuleOf) -> Evidence:
        record = "every" if every == 1 else every
        path = play(stack, algorithm(stack.tau, stack.step), steps * every, record)
        divergence = kl(stack.log_equilibrium, path.log_policies).T
        before = divergence[:, :-1]
        bound = factor(stack.tau, stack.step) * before
        return Evidence(path.steps[1:], divergence[:, 1:], bound, kl_slack(stack, before), before=before)

    return measure


def distance(stack: Stack, one: Path, other: Path, eta: float) -> Evidence:
    """Return the evidence that two paths are the same: max |log pi_t - log pi'_t| against rounding.

    Each step multiplies an old difference by at most 1 + eta/2, eta the forward step, and adds its own rounding;
    actions so rare that their logits are far below carry an error relative to these.

    Parameters
    ----------
    stack : Stack
    one, other : Path
    eta : float
        The forward step that both should have.
    """
    error = np.abs(one.log_policies - other.log_policies).max(axis=2).T
    growth = (1 + eta / 2) ** one.steps * (1 + one.steps)
    sizes = np.abs(one.log_policies).max(axis=(0, 2))[:, None]
    own = logit_rounding(stack)[:, None] + 8 * np.finfo(float).eps * sizes
    return Evidence(one.steps, error, own * growth)
