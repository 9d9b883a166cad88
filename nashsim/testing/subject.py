"""What is checked, a Rule or a callable, behind one face: its walk from a policy, and what it claims of itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.reference_engine import readable_engine
from ..errors import NashsimError
from ..logspace import kl
from ..rules import Rule, Start
from .counting import CountingArray, CountingPreference
from .problem import Problem

#: What a callable may state of itself, by keyword or by an attribute of the same name.
CLAIMS = {
    "step": None,
    "log": False,
    "shift": True,
    "fixed_point": True,
    "monotone": False,
    "contraction": None,
    "queries": None,
}


def default_step(tau: float) -> float:
    """Return 2 tau/(1 + 4 tau^2), the middle of the one-call map's range of linear convergence.

    Parameters
    ----------
    tau : float
    """
    return 2 * tau / (1 + 4 * tau**2)


class CallableSubject:
    """A function ``(policy, game, step) -> policy``.

    Parameters
    ----------
    function : callable
        Jitted or not.
    claims : dict
        Values of ``CLAIMS``; what is not given is read off the function's attributes, then the defaults.
    """

    def __init__(self, function: Callable, claims: dict[str, Any]):
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        stated = {
            name: claims.get(name, getattr(function, name, default)) for name, default in CLAIMS.items()
        }
        self.log, self.shift, self.fixed_point, self.monotone = (
            bool(stated[name]) for name in ("log", "shift", "fixed_point", "monotone")
        )
        self.contraction, self.queries = stated["contraction"], stated["queries"]
        self._step = default_step if stated["step"] is None else stated["step"]

    def eta(self, tau: float) -> float:
        """Return the step that the function is called with."""
        return float(self._step(tau) if callable(self._step) else self._step)

    def call(self, log_policy: np.ndarray, game, eta: float, function=None):
        """Return what the function returns, as it is."""
        policy = log_policy.copy() if self.log else np.exp(log_policy)
        return (function or self.function)(policy, game, eta)

    def walk(self, problem: Problem, steps: int, log_start=None, share: float = 1.0) -> np.ndarray:
        """Return log-policies, shape (steps + 1, actions), at ``share`` of the step."""
        log_policy = problem.log_start if log_start is None else log_start
        path, eta = [log_policy], share * self.eta(problem.tau)
        for _ in range(steps):
            found = np.asarray(self.call(path[-1], problem.arrays, eta), dtype=float)
            with np.errstate(divide="ignore", invalid="ignore"):
                path.append(found if self.log else np.log(found))
        return np.array(path)

    def kl_bound(self, problem: Problem, steps: np.ndarray, divergence: float) -> np.ndarray | None:
        """Return the bound on KL(pi* || pi_t) that is claimed, or None."""
        if self.contraction is None:
            return None
        eta = self.eta(problem.tau)
        factor = self.contraction(eta, problem.tau) if callable(self.contraction) else self.contraction
        return divergence * float(factor) ** steps

    def count_queries(self, problem: Problem) -> tuple[int, int] | None:
        """Return products with P in one step and those declared, or None where they cannot be told."""
        if self.queries is None:
            return None
        tally = [0]
        game = problem.arrays._replace(probabilities=CountingArray(problem.probabilities, tally))
        plain = getattr(self.function, "py_func", self.function)
        self.call(problem.log_start, game, self.eta(problem.tau), plain)
        return (tally[0], int(self.queries)) if tally[0] else None


class RuleSubject:
    """A Rule in the language of mirror steps, run by the readable engine.

    Parameters
    ----------
    rule : Rule
    claims : dict
        ``fixed_point`` and ``monotone`` may be given in place of what the rule states.
    """

    log = shift = True

    def __init__(self, rule: Rule, claims: dict[str, Any]):
        unknown = set(claims) - {"fixed_point", "monotone"}
        if unknown:
            raise NashsimError(
                f"{sorted(unknown)[0]}: a Rule carries its step, theorems and queries itself;"
                " only fixed_point and monotone can be given"
            )
        self.rule, self.name = rule, rule.name
        self.fixed_point = claims.get("fixed_point", rule.fixed_point)
        self.monotone = claims.get("monotone", getattr(rule, "monotone", False))

    def eta(self, tau: float) -> float:
        """Return the rule's first forward step."""
        return self.rule.eta(tau)

    def walk(self, problem: Problem, steps: int, log_start=None, share: float = 1.0) -> np.ndarray:
        """Return log-policies, shape (steps + 1, actions); a rule keeps its step whatever the share."""
        log_policy = problem.log_start if log_start is None else log_start
        engine = readable_engine(problem.game)(problem.game, self.rule, log_policy[None])
        path = [log_policy]
        for _ in range(steps):
            engine.step()
            path.append(engine.policies["policy"][0])
        return np.array(path)

    def kl_bound(self, problem: Problem, steps: np.ndarray, divergence: float) -> np.ndarray | None:
        """Return the tightest bound of the rule's theorems, or None.

        Beyond KL the bounds of rules with the fixed point pi* hold in D_R where R is 1-strongly convex for every mu.
        """
        game = problem.game
        if not (game.kl_regularised or (self.fixed_point and game.regulariser.strong_convexity(1e-9) >= 1)):
            return None
        start = Start(
            divergence,
            float(np.abs(problem.log_start - problem.game.log_reference[0]).max()),
            float(-problem.log_start.min()),
        )
        return self.rule.bound("kl_to_equilibrium", problem.tau, steps, start)

    def count_queries(self, problem: Problem) -> tuple[int, int]:
        """Return payoffs asked for in one iteration, and those that the rule declares."""
        preference = CountingPreference(problem.game.preference)
        game = problem.game.replace(preference=preference)
        readable_engine(game)(game, self.rule, problem.log_start[None]).step()
        return preference.tally[0], self.rule.queries_per_step


Subject = CallableSubject | RuleSubject


def make_subject(rule, **claims) -> Subject:
    """Return what is checked: a Rule, a Rule class with its default step, or a callable.

    Parameters
    ----------
    rule : Rule, type or callable
    **claims
        As for ``check_rule``.

    Raises
    ------
    NashsimError
        For anything else, or an unknown claim.
    """
    unknown = sorted(set(claims) - set(CLAIMS))
    if unknown:
        raise NashsimError(f"{unknown[0]}: not known of a rule; accepted are {', '.join(CLAIMS)}")
    if inspect.isclass(rule) and issubclass(rule, Rule):
        rule = rule()
    if isinstance(rule, Rule):
        return RuleSubject(rule, claims)
    if not callable(rule):
        raise NashsimError(f"rule: a Rule or a callable (policy, game, step) is needed, found {rule!r}")
    return CallableSubject(rule, claims)


def divergences(problem: Problem, path: np.ndarray) -> np.ndarray:
    """Return KL(pi* || pi_t), or D_R(pi*, pi_t) of another regulariser, along a path, shape (steps + 1,).

    Parameters
    ----------
    problem : Problem
    path : ndarray, shape (steps + 1, actions)
    """
    if problem.game.kl_regularised:
        return kl(problem.log_equilibrium, path)
    return problem.game.divergence(problem.log_equilibrium, path)
