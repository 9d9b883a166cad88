"""What is checked, a Rule or a callable, behind one face: its walk from a policy, and what it claims of itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from ..engine.reference_engine import readable_engine
from ..errors import NashsimError, unknown_name
from ..logspace import kl
from ..rules import Rule, Start
from .counting import CountingArray, CountingPreference
from .problem import Problem, generic

#: What a callable may state of itself, by keyword or by an attribute of the same name.
CLAIMS = {
    "step": None,
    "log": False,
    "shift": True,
    "fixed_point": True,
    "monotone": False,
    "contraction": None,
    "queries": None,
    "forward": None,
    "memoryless": None,
    "precision": None,
}
#: Spacing of 1 and the next number, by the names of numpy and torch.
PRECISIONS = {"float64": 2.0**-52, "float32": 2.0**-23, "bfloat16": 2.0**-7, "float16": 2.0**-10}


def default_step(tau: float) -> float:
    """Return 2 tau/(1 + 4 tau^2), the middle of the one-call map's range of linear convergence."""
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

    #: What a keyword gives where neither claims nor attributes do, for claims whose default depends on the kind.
    defaults: ClassVar[dict[str, bool]] = {"memoryless": True}

    def __init__(self, function: Any, claims: dict[str, Any]):
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        self.claims = stated = {
            name: claims.get(name, self._attribute(name, default)) for name, default in CLAIMS.items()
        }
        self.log, self.shift, self.fixed_point, self.monotone = (
            bool(stated[name]) for name in ("log", "shift", "fixed_point", "monotone")
        )
        self.contraction, self.queries = stated["contraction"], stated["queries"]
        self._step = default_step if stated["step"] is None else stated["step"]
        self.memoryless = _default(stated["memoryless"], self.defaults.get("memoryless"))
        self.forward = bool(_default(stated["forward"], self.memoryless is True and self.fixed_point))
        if stated["precision"] not in (None, *PRECISIONS):
            raise unknown_name("precision", str(stated["precision"]), PRECISIONS)

    def _attribute(self, name: str, default):
        return getattr(self.function, name, default)

    @cached_property
    def eps(self) -> float:
        """Spacing of numbers near 1 in the precision that is claimed, or else returned."""
        precision = self.claims["precision"]
        if precision is None:
            problem = generic(count=1)[0]
            try:
                found = self.begin(problem)(self.policy(problem.log_start), self.eta(problem.tau))
            except Exception:  # the checks tell of it
                return PRECISIONS["float64"]
            precision = str(getattr(found, "dtype", "float64")).rpartition(".")[2]
        return PRECISIONS.get(precision, PRECISIONS["float64"])

    @property
    def every_tau(self) -> bool:
        """Whether the step is stated as a function of tau: a plain number is claimed for tau of order 1 alone."""
        return callable(self._step)

    def eta(self, tau: float) -> float:
        """Return the step that the function is called with."""
        return float(self._step(tau) if callable(self._step) else self._step)

    def represents(self, problem: Problem) -> bool:
        """Whether the masses of a problem, and their products, are within the range of the precision."""
        return self.eps <= PRECISIONS["float64"] or self.log or problem.largest_log < 70

    def policy(self, log_policy: np.ndarray) -> np.ndarray:
        """Return a policy as the function takes it; a copy."""
        return log_policy.copy() if self.log else np.exp(log_policy)

    def begin(self, problem: Problem, game=None) -> Callable:
        """Return one run's ``(policy, eta) -> policy`` on a problem, from an empty memory."""
        return lambda policy, eta: self.function(policy, problem.arrays if game is None else game, eta)

    def walk(self, problem: Problem, steps: int, log_start=None, share: float = 1.0) -> np.ndarray:
        """Return log-policies, shape (steps + 1, actions), at ``share`` of the step."""
        log_policy = problem.log_start if log_start is None else log_start
        path, eta, step = [log_policy], share * self.eta(problem.tau), self.begin(problem)
        for _ in range(steps):
            found = as_array(step(self.policy(path[-1]), eta))
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
        step = self._plain().begin(problem, game)
        tally[0] = 0
        step(self.policy(problem.log_start), self.eta(problem.tau))
        return (tally[0], int(self.queries)) if tally[0] else None

    def _plain(self) -> CallableSubject:
        """Return the subject without its compiler."""
        plain = getattr(self.function, "py_func", None)
        return CallableSubject(plain, self.claims) if plain else self


class MemorySubject(CallableSubject):
    """A rule that remembers: an object with ``start(game)`` and ``step(policy, game, eta)``.

    ``start`` empties the memory. Where it returns one, the memory goes through the steps instead of the object:
    ``step(policy, game, eta, memory) -> (policy, memory)``.
    """

    defaults: ClassVar[dict[str, bool]] = {}

    def __init__(self, rule: Any, claims: dict[str, Any]):
        super().__init__(rule() if inspect.isclass(rule) else rule, claims)
        self.name = rule.__name__ if inspect.isclass(rule) else type(rule).__name__

    def _attribute(self, name: str, default):
        return default if name == "step" else super()._attribute(name, default)

    def begin(self, problem: Problem, game=None) -> Callable:
        game = problem.arrays if game is None else game
        memory = self.function.start(game)

        def step(policy, eta):
            nonlocal memory
            if memory is None:
                return self.function.step(policy, game, eta)
            found = self.function.step(policy, game, eta, memory)
            if not (isinstance(found, tuple) and len(found) == 2):
                raise NashsimError(
                    f"step: start(game) returned a memory, so step must return (policy, memory), found"
                    f" {type(found).__name__}; or keep the memory on the object and let start return None"
                )
            policy, memory = found
            return policy

        return step

    def _plain(self) -> CallableSubject:
        return self


class RuleSubject:
    """A Rule in the language of mirror steps, run by the readable engine.

    Parameters
    ----------
    rule : Rule
    claims : dict
        ``fixed_point`` and ``monotone`` may be given in place of what the rule states.
    """

    log = shift = True
    forward, memoryless, eps = False, None, PRECISIONS["float64"]

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

    @property
    def every_tau(self) -> bool:
        """Whether convergence is proved at small tau too: best responses converge at large tau alone."""
        return self.rule.bound("kl_to_equilibrium", 0.01, np.arange(2), Start(1.0, 1.0, 1.0)) is not None

    def represents(self, problem: Problem) -> bool:
        """Whether the masses of a problem are in range: they are."""
        return True

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
    if all(callable(getattr(rule, name, None)) for name in ("start", "step")):
        return MemorySubject(rule, claims)
    if not callable(rule) or inspect.isclass(rule):
        raise NashsimError(
            "rule: a Rule, a callable (policy, game, step) or a class with start(game) and step(policy, game, step)"
            f" is needed, found {rule!r}"
        )
    return CallableSubject(rule, claims)


def as_array(values) -> np.ndarray:
    """Return what a rule returned as float64, from numpy, torch or a list.

    Parameters
    ----------
    values : array_like or torch.Tensor
    """
    if hasattr(values, "detach"):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, dtype=float)


def _default(stated, default):
    return default if stated is None else stated


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
