"""check_rule and parametrize_with_checks: the battery of properties, in scikit-learn's manner."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from ..errors import NashsimError
from ..regularisers import Regulariser
from . import properties as p
from .problem import Problem, degenerate, extreme_tau, generic
from .shrink import shrink
from .subject import Subject, make_subject


class RuleCheckError(AssertionError):
    """A rule breaks a property; the message shows the smallest game that was found to break it.

    Parameters
    ----------
    name : str
        Name of the rule.
    what : str
        The property, kept as the attribute ``property``.
    finding : str
        Sentence that says what breaks it, with numbers.
    problem : Problem
        The smallest that was found, kept as the attribute ``problem``.
    """

    def __init__(self, name: str, what: str, finding: str, problem: Problem):
        self.property, self.problem = what, problem
        super().__init__(
            f"{name}: {what} is broken: {finding}\nThe smallest game found that breaks it:\n{problem}"
        )


def always(subject: Subject) -> bool:
    """Whether every subject claims a property: it does.

    Parameters
    ----------
    subject : CallableSubject or RuleSubject
    """
    return True


@dataclass(frozen=True)
class PropertyCheck:
    """A property, the problems it is tried on, and whether it is claimed.

    Attributes
    ----------
    property : str
    of : callable
        ``of(subject, problem) -> str or None``.
    problems : callable
        The problems, built when they are needed.
    claimed : callable
        Predicate of a subject: whether the property is claimed of it.
    everywhere : bool
        Flag: breaking it needs every problem to break it, as an absence that is stated does.
    """

    property: str
    of: Callable[[Subject, Problem], str | None]
    problems: Callable[[], Iterable[Problem]] = generic
    claimed: Callable[[Subject], bool] = always
    everywhere: bool = False

    def __call__(self, subject: Subject, regulariser: str | Regulariser = "kl") -> None:
        """Raise RuleCheckError where the subject breaks the property on games with this regulariser."""
        if not self.claimed(subject):
            return
        problems = [problem.replace(regulariser=regulariser) for problem in self.problems()]
        if self.everywhere:
            found, *others = problems
            if any(self._finding(subject, problem) is None for problem in (found, *others)):
                return
        else:
            broken = (q for q in problems if self._finding(subject, q) is not None)
            first = next(broken, None)
            if first is None:
                return
            found = shrink(first, lambda q: self._finding(subject, q) is not None)
        raise RuleCheckError(subject.name, self.property, self._last(subject, found), found)

    def _finding(self, subject: Subject, problem: Problem) -> str | None:
        """What breaks; an exception of the rule breaks it too."""
        try:
            with np.errstate(all="ignore"):
                return self.of(subject, problem)
        except Exception as error:
            return f"it raised {type(error).__name__}: {error}"

    def _last(self, subject: Subject, problem: Problem) -> str:
        """The finding once more; a rule that draws unseeded may hold this time."""
        return self._finding(subject, problem) or "it holds on some calls and fails on others"


def _at_one() -> list[Problem]:
    return generic(tau=1.0, seed=1)


def _extremes(subject: Subject, problem: Problem) -> str | None:
    return p.on_simplex(subject, problem, steps=3)


#: Every check, in the order in which they run: what later ones rely on stands first.
CHECKS = (
    PropertyCheck("simplex", p.on_simplex),
    PropertyCheck("inputs untouched", p.inputs_untouched),
    PropertyCheck("reproducibility", p.reproducible),
    PropertyCheck("log-shift equivariance", p.shift_equivariant),
    PropertyCheck("relabelling equivariance", p.relabelling_equivariant),
    PropertyCheck("queries counted", p.counted),
    PropertyCheck("fixed point", p.equilibrium_fixed, claimed=lambda s: s.fixed_point),
    PropertyCheck(
        "absence of the fixed point", p.equilibrium_left, claimed=lambda s: not s.fixed_point, everywhere=True
    ),
    PropertyCheck("contraction", p.contracts, _at_one, claimed=lambda s: s.fixed_point),
    PropertyCheck("monotone KL", p.monotone, claimed=lambda s: s.monotone),
    PropertyCheck("claimed rate", p.within_bound),
    PropertyCheck("extreme tau", _extremes, extreme_tau),
    PropertyCheck("degenerate games", _extremes, degenerate),
)


def check_rule(rule, *, regulariser: str | Regulariser = "kl", **claims) -> None:
    """PropertyCheck that a rule has the properties it claims; raise at the first that breaks.

    Parameters
    ----------
    rule : Rule, Rule class or callable
        A callable ``(policy, game, step) -> policy``, jitted or not: policies of shape (actions,), ``game`` a named
        tuple of arrays (probabilities, reference, log_reference, tau), ``step`` the forward step eta.
    regulariser : str or Regulariser
        Regulariser of the games; a Rule takes its steps on the regulariser's link, a callable does them itself.
    **claims
        Properties that a callable claims of itself; an attribute of the same name does as well. ``step``: a number or
        a function of tau, by default 2 tau/(1 + 4 tau^2); ``log=True``: policies are log-probabilities;
        ``shift=False``: a constant added to log pi may matter; ``fixed_point=False``: pi* is not a fixed point, which
        is checked too; ``monotone=True``: KL(pi* || pi_t) never increases; ``contraction``: its factor a step, a
        number or a function of (step, tau); ``queries``: products with P in one step. A Rule states these itself;
        only ``fixed_point`` and ``monotone`` may be given.

    Raises
    ------
    RuleCheckError
        An AssertionError that names the property and shows the smallest game that breaks it.
    NashsimError
        For what is neither rule nor callable, or an unknown claim.

    Examples
    --------
    >>> from nashsim.rules import EGPO
    >>> check_rule(EGPO())
    >>> check_rule(lambda policy, game, step: policy)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    nashsim.testing.check.RuleCheckError: <lambda>: contraction is broken: ...
    """
    subject = make_subject(rule, **claims)
    for check in CHECKS:
        check(subject, regulariser)


def parametrize_with_checks(rules: Iterable, **claims):
    """Return a pytest decorator that gives a test ``(rule, check)`` every rule with every check, as ``check(rule)``.

    Parameters
    ----------
    rules : iterable of Rule, Rule class or callable
    **claims
        As for ``check_rule``; the same for all.

    Raises
    ------
    NashsimError
        If pytest is not installed.

    Examples
    --------
    >>> from nashsim.rules import EGPO
    >>> @parametrize_with_checks([EGPO()])
    ... def test_egpo(rule, check):
    ...     check(rule)
    """
    try:
        import pytest
    except ImportError:
        raise NashsimError(
            "parametrize_with_checks: pytest is needed; install it with pip install 'nashsim[test]'"
        ) from None
    cases = [
        pytest.param(rule, functools.partial(_check_one, check, claims), id=f"{_name(rule)}-{check.property}")
        for rule in rules
        for check in CHECKS
    ]
    return pytest.mark.parametrize(("rule", "check"), cases)


def _name(rule) -> str:
    return str(getattr(rule, "name", None) or getattr(rule, "__name__", type(rule).__name__))


def _check_one(check: PropertyCheck, claims: dict, rule) -> None:
    check(make_subject(rule, **claims))
