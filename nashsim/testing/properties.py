"""The properties of a rule, one function each: what a problem shows against it, or None.

A property takes a subject and a problem and returns a sentence with the numbers that break it. Tolerances are for
rounding only: a step multiplies errors of 1e-13 by at most 1 + eta + 1/tau, and 1e-9 of that is allowed.
"""

from __future__ import annotations

import numpy as np

from ..logspace import span
from .problem import Problem
from .subject import CallableSubject, RuleSubject, Subject, divergences

_ROUNDING = 1e-9
_STEPS = 3


def tolerance(subject: Subject, problem: Problem) -> float:
    """Return what rounding may do to logits over a step.

    Parameters
    ----------
    subject : CallableSubject or RuleSubject
    problem : Problem
    """
    return _ROUNDING * (1 + subject.eta(problem.tau) + 1 / problem.tau)


def on_simplex(subject: Subject, problem: Problem, steps: int = 1) -> str | None:
    """Every policy has the right shape, entries >= 0 and sum 1."""
    if isinstance(subject, CallableSubject):
        found = np.asarray(subject.call(problem.log_start, problem.arrays, subject.eta(problem.tau)))
        if found.shape != (problem.actions,):
            return f"a policy of shape ({problem.actions},) is needed, found shape {found.shape}"
    with np.errstate(all="ignore"):
        path = np.exp(subject.walk(problem, steps)[1:])
    for t, policy in enumerate(path, start=1):
        if not np.isfinite(policy).all():
            return f"after {t} steps the policy is {_show(policy)}: not finite, or below 0"
        if abs(policy.sum() - 1) > _ROUNDING:
            return f"after {t} steps the policy {_show(policy)} sums to {policy.sum():.9g}, not to 1"
    return None


def inputs_untouched(subject: Subject, problem: Problem) -> str | None:
    """The step returns a new policy and leaves policy and game as they were."""
    if not isinstance(subject, CallableSubject):
        return None
    policy = problem.log_start.copy() if subject.log else problem.start.copy()
    arrays, before = problem.arrays, (policy.copy(), *(np.copy(x) for x in problem.arrays))
    subject.function(policy, arrays, subject.eta(problem.tau))
    names = ("policy", *(f"game.{name}" for name in arrays._fields))
    for name, old, new in zip(names, before, (policy, *arrays), strict=True):
        if not np.array_equal(old, new):
            return f"the step wrote into its argument {name}: {_show(np.ravel(old))} became {_show(np.ravel(new))}"
    return None


def reproducible(subject: Subject, problem: Problem) -> str | None:
    """The same call gives the same bits, whatever was called in between."""
    first = subject.walk(problem, _STEPS)
    subject.walk(problem.replace(start=problem.start[::-1].copy()), 2)
    second = subject.walk(problem, _STEPS)
    if np.array_equal(first, second, equal_nan=True):
        return None
    return f"called twice alike, it gave {_show(np.exp(first[-1]))} and then {_show(np.exp(second[-1]))}"


def shift_equivariant(subject: Subject, problem: Problem) -> str | None:
    """Adding a constant to log pi changes nothing; the weights of every mixture sum to one."""
    if isinstance(subject, RuleSubject):
        return _weights(subject, problem)
    if not (subject.log and subject.shift):
        return None
    one = subject.walk(problem, 1)[1]
    other = subject.walk(problem, 1, log_start=problem.log_start + 1.5)[1]
    return _differ(one, other, subject, problem, "from log pi", "from log pi + 1.5")


def _weights(subject: RuleSubject, problem: Problem) -> str | None:
    for t in range(_STEPS):
        for k, step in enumerate(subject.rule.steps(problem.tau, t)):
            due = {"base": (step.base, 1.0), "score": (getattr(step, "score", {}), 0.0)}
            due["opponent"] = (step.opponent, 1.0 if step.opponent else 0.0)
            for name, (mixture, total) in due.items():
                found = sum(mixture.values())
                if abs(found - total) > _ROUNDING:
                    return (
                        f"step {k} at t = {t}: the weights of its {name} sum to {found:.9g}, not to {total:g}"
                    )
    return None


def relabelling_equivariant(subject: Subject, problem: Problem) -> str | None:
    """Naming the actions in another order gives the same policy in that order, as long as it is finite."""
    order = np.roll(np.arange(problem.actions), 1)
    one = subject.walk(problem, _STEPS)[-1][order]
    other = subject.walk(problem.permute(order), _STEPS)[-1]
    if np.isnan(one).any() and np.isnan(other).any():
        return None
    growth = (1 + subject.eta(problem.tau)) ** _STEPS
    return _differ(
        one, other, subject, problem, "in the given order", f"with its actions in order {order}", growth
    )


def counted(subject: Subject, problem: Problem) -> str | None:
    """One step asks for as many payoff vectors P(. ≻ opponent) as it declares."""
    count = subject.count_queries(problem)
    if count is None or count[0] == count[1]:
        return None
    return f"one step applies P {count[0]} times, but {count[1]} queries are declared"


def equilibrium_fixed(subject: Subject, problem: Problem) -> str | None:
    """A step from the exact equilibrium stays there."""
    exact = problem.log_equilibrium
    found = subject.walk(problem, 1, log_start=exact)[1]
    error = _distance(found, exact)
    if error <= tolerance(subject, problem):
        return None
    return (
        f"the equilibrium {_show(np.exp(exact))} is moved to {_show(np.exp(found))},"
        f" {error:.3g} apart in log-probability"
    )


def equilibrium_left(subject: Subject, problem: Problem) -> str | None:
    """A rule that states to have another fixed point moves the exact equilibrium, soon or later."""
    exact = problem.log_equilibrium
    path = subject.walk(problem, 250, log_start=exact)
    if max(_distance(policy, exact) for policy in path) > tolerance(subject, problem):
        return None
    return "fixed_point=False is stated, but the exact equilibrium stays where it is: state fixed_point=True"


def monotone(subject: Subject, problem: Problem) -> str | None:
    """KL(pi* || pi_t) never increases."""
    steps = 25
    found = divergences(problem, subject.walk(problem, steps))
    rise = found[1:] - found[:-1]
    late = int(np.argmax(np.where(np.isnan(rise), np.inf, rise)))
    if rise[late] <= _kl_rounding(subject, problem, found[:-1])[late]:
        return None
    return (
        f"KL(pi*, pi_t) rises from {found[late]:.6g} at t = {late} to {found[late + 1]:.6g} at t = {late + 1}"
    )


def within_bound(subject: Subject, problem: Problem) -> str | None:
    """KL(pi* || pi_t) stays within the bound or the factor that is claimed."""
    steps = np.arange(26)
    found = divergences(problem, subject.walk(problem, 25))
    bound = subject.kl_bound(problem, steps, found[0])
    if bound is None:
        return None
    over = found - bound - _kl_rounding(subject, problem, found)
    late = int(np.argmax(np.where(np.isnan(over), np.inf, over)))
    if over[late] <= 0:
        return None
    return f"after {late} steps KL(pi*, pi_t) = {found[late]:.6g}, beyond the claimed {bound[late]:.6g}"


def contracts(subject: Subject, problem: Problem) -> str | None:
    """From near the equilibrium of a game with tau = 1 the policy comes nearer, at the step and at an eighth of it."""
    exact = problem.log_equilibrium
    near = exact + 1e-3 * np.cos(np.arange(problem.actions))
    near -= np.log(np.exp(near).sum())
    if problem.actions < 2:
        return None
    for share in (1.0, 0.125) if isinstance(subject, CallableSubject) else (1.0,):
        with np.errstate(all="ignore"):
            path = subject.walk(problem, 60, log_start=near, share=share)
            found = divergences(problem, path)
        if not found[-1] < 0.99 * found[0]:
            return (
                f"with step = {share * subject.eta(problem.tau):.6g}, started next to the equilibrium"
                f" {_show(np.exp(exact))}, KL(pi*, pi_t) goes from {found[0]:.3g} to {found[-1]:.3g} in 60 steps:"
                " the step drives away (is it an inverse step used as a step?)"
            )
    return None


def _kl_rounding(subject: Subject, problem: Problem, divergence: np.ndarray) -> np.ndarray:
    """Logits off by e move a KL by at most e sqrt(2 KL) + e^2/2."""
    error = tolerance(subject, problem)
    return error * np.sqrt(2 * divergence) + error**2


def _distance(log_one: np.ndarray, log_other: np.ndarray) -> float:
    # responses that both leave out are alike
    with np.errstate(invalid="ignore"):
        error = float(span(np.where(log_one == log_other, 0.0, log_one - log_other)))
    return error if np.isfinite(error) else np.inf


def _differ(one, other, subject, problem, first: str, second: str, growth: float = 1.0) -> str | None:
    """Compare two policies up to normalisation."""
    if _distance(one, other) <= growth * tolerance(subject, problem):
        return None
    return f"{first} it gives {_show(_normal(one))}, {second} {_show(_normal(other))}"


def _normal(log_policy: np.ndarray) -> np.ndarray:
    policy = np.exp(log_policy - log_policy.max())
    return policy / policy.sum()


def _show(values) -> str:
    return "[" + ", ".join(f"{value:.6g}" for value in values) + "]"
