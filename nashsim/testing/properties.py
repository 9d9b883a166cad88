"""The properties of a rule, one function each: what a problem shows against it, or None.

A property takes a subject and a problem and returns a sentence with the numbers that break it. Tolerances are for
rounding only, see :func:`rounding` and :func:`tolerance`.
"""

from __future__ import annotations

import numpy as np

from ..logspace import span
from .problem import Problem
from .subject import PRECISIONS, CallableSubject, RuleSubject, Subject, as_array, divergences

_ROUNDING = 1e-9
_STEPS = 3
# A step this short is a straight line up to a twentieth: its second order is at most eta (tau + 1/2) of the first.
_SHORT, _STRAIGHT = 0.01, 0.05


def rounding(subject: Subject, problem: Problem) -> float:
    """Return what rounding may do to logits, and to a sum of masses.

    In float64 1e-9, so that a step may solve for something to 1e-10. In less it is 4 eps (n + L) [derived]: a sum of n
    terms, and logits of size L = max|log mass|, each rounded a few times.

    Parameters
    ----------
    subject : CallableSubject or RuleSubject
    problem : Problem
    """
    if subject.eps <= PRECISIONS["float64"]:
        return _ROUNDING
    return 4 * subject.eps * (problem.actions + problem.largest_log)


def tolerance(subject: Subject, problem: Problem) -> float:
    """Return what rounding may do to logits over a step, which multiplies errors by at most 1 + eta + 1/tau.

    Parameters
    ----------
    subject : CallableSubject or RuleSubject
    problem : Problem
    """
    return rounding(subject, problem) * (1 + subject.eta(problem.tau) + 1 / problem.tau)


def on_simplex(subject: Subject, problem: Problem, steps: int = 1) -> str | None:
    """Every policy has the right shape, entries >= 0 and sum 1."""
    if isinstance(subject, CallableSubject):
        step = subject.begin(problem)
        found = as_array(step(subject.policy(problem.log_start), subject.eta(problem.tau)))
        if found.shape != (problem.actions,):
            return f"a policy of shape ({problem.actions},) is needed, found shape {found.shape}"
    with np.errstate(all="ignore"):
        path = np.exp(subject.walk(problem, steps)[1:])
    for t, policy in enumerate(path, start=1):
        if not np.isfinite(policy).all():
            return f"after {t} steps the policy is {_show(policy)}: not finite, or below 0"
        if abs(policy.sum() - 1) > rounding(subject, problem):
            return f"after {t} steps the policy {_show(policy)} sums to {policy.sum():.9g}, not to 1"
    return None


def inputs_untouched(subject: Subject, problem: Problem) -> str | None:
    """The step returns a new policy and leaves policy and game as they were."""
    if not isinstance(subject, CallableSubject):
        return None
    policy, arrays = subject.policy(problem.log_start), problem.arrays
    before = (policy.copy(), *(np.copy(x) for x in arrays))
    subject.begin(problem, arrays)(policy, subject.eta(problem.tau))
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
    hint = "" if isinstance(subject, RuleSubject) else _MEMORY[subject.memoryless is True]
    return (
        f"called twice alike, it gave {_show(np.exp(first[-1]))} and then {_show(np.exp(second[-1]))}{hint}"
    )


_MEMORY = {
    True: ": if it remembers, give it as a class with start(game) and step(policy, game, step)",
    False: ": start(game) must empty the memory, and seed what is drawn",
}


def history_matters(subject: Subject, problem: Problem) -> str | None:
    """The same policy gets another step after a walk than at the start: the sentence tells where, None if nowhere."""
    path = subject.walk(problem, _STEPS)
    for t in range(1, _STEPS):
        fresh = subject.walk(problem, 1, log_start=path[t])[1]
        if _distance(fresh, path[t + 1]) > tolerance(subject, problem):
            return (
                f"from {_show(np.exp(path[t]))} it steps to {_show(np.exp(path[t + 1]))} after {t} steps, and to"
                f" {_show(np.exp(fresh))} at the start: it remembers, state memoryless=False"
            )
    return None


def history_is_idle(subject: Subject, problem: Problem) -> str | None:
    """A rule that states a memory steps differently for what came before."""
    if history_matters(subject, problem) is not None:
        return None
    return "memoryless=False is stated, but no step depends on what came before: state memoryless=True"


def forward_step(subject: Subject, problem: Problem) -> str | None:
    """A short step moves the link values by eta times P pi - tau f'(pi/mu): eta is the forward step, all of it."""
    eta = _SHORT / (1 + problem.tau)
    share = eta / subject.eta(problem.tau)
    path = subject.walk(problem, 1, share=share)
    game = problem.game
    values = game.regulariser.link(np.exp(path - game.log_reference[0]))
    flow = problem.probabilities @ problem.start - problem.tau * values[0]
    error = float(span((values[1] - values[0]) / eta - flow))
    if error <= _STRAIGHT * float(span(flow)) + tolerance(subject, problem) / eta:
        return None
    moved, due = (_show(values - values.mean()) for values in ((values[1] - values[0]) / eta, flow))
    return (
        f"with a short step, {eta:.3g}, f'(pi/mu) moves by step times {moved}, where P pi - tau f'(pi/mu) is {due}"
        " (up to a constant): step is not the forward step here; if another convention is meant, state forward=False"
    )


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
                if abs(found - total) > rounding(subject, problem):
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
    """From near the equilibrium the policy comes nearer, at the step and, where tau = 1, at an eighth of it.

    By a hundredth in 60 steps, or where tau is small by a quarter of eta tau a step; the flow makes 2 eta tau of it.
    """
    if problem.actions < 2:
        return None
    exact = problem.log_equilibrium
    near = exact + min(max(1e-3, 1e5 * subject.eps), 0.5) * np.cos(np.arange(problem.actions))
    near -= np.log(np.exp(near).sum())
    eighth = isinstance(subject, CallableSubject) and problem.tau >= 1
    for share in (1.0, 0.125) if eighth else (1.0,):
        eta = share * subject.eta(problem.tau)
        with np.errstate(all="ignore"):
            found = divergences(problem, subject.walk(problem, 60, log_start=near, share=share))
        if not found[-1] < (1 - min(0.01, 15 * eta * problem.tau)) * found[0]:
            inverse = " (is it an inverse step used as a step?)" if found[-1] > found[0] else ""
            return (
                f"with step = {eta:.6g}, started next to the equilibrium {_show(np.exp(exact))}, KL(pi*, pi_t) goes"
                f" from {found[0]:.6g} to {found[-1]:.6g} in 60 steps: the step does not come nearer{inverse}"
            )
    return None


def _kl_rounding(subject: Subject, problem: Problem, divergence: np.ndarray) -> np.ndarray:
    """Logits off by e move a KL by at most e sqrt(2 KL) + e^2/2."""
    error = tolerance(subject, problem)
    return error * np.sqrt(2 * divergence) + error**2 / 2


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
