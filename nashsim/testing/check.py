"""check_rule and parametrize_with_checks: the battery of properties, in scikit-learn's manner."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import NashsimError, unknown_name
from ..regularisers import Regulariser, get_regulariser
from . import properties as p
from .problem import Problem, cyclic, degenerate, extreme_tau, generic, indifferent, rare
from .report import CheckReport, Failure, RuleCheckError, collect
from .shrink import shrink
from .subject import PRECISIONS, RuleSubject, Subject, make_subject


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
        ``problems(subject, kl)``, built when they are needed; ``kl``: whether KL is the regulariser.
    claimed : callable
        Predicate of a subject: whether the property is claimed of it.
    everywhere : bool
        Flag: breaking it needs every problem to break it, as an absence that is stated does.
    """

    property: str
    of: Callable[[Subject, Problem], str | None]
    problems: Callable[[Subject, bool], Iterable[Problem]]
    claimed: Callable[[Subject], bool] = always
    everywhere: bool = False

    def find(self, subject: Subject, regulariser: str | Regulariser = "kl") -> Failure | None:
        """Return how the subject breaks the property on games with this regulariser, or None."""
        kl = get_regulariser(regulariser).word == "kl"
        problems = [_under(problem, regulariser) for problem in self.problems(subject, kl)]
        problems = [problem for problem in problems if subject.represents(problem)]
        # of a rule that draws unseeded or remembers the last call may hold where the one before did not
        last = "it holds on some calls and fails on others"

        def breaks(problem: Problem) -> bool:
            nonlocal last
            said = self.finding(subject, problem)
            last = said or last
            return said is not None

        if self.everywhere:
            if not all(map(breaks, problems)):
                return None
            found = problems[0]
        else:
            first = next(filter(breaks, problems), None)
            if first is None:
                return None
            found = shrink(first, breaks)
        said = self.finding(subject, found) or last
        return Failure(self.property, said, _lines(subject, self.property, found), found)

    def finding(self, subject: Subject, problem: Problem) -> str | None:
        """Return what breaks on one problem; an exception of the rule breaks it too."""
        try:
            with np.errstate(all="ignore"):
                return self.of(subject, problem)
        except Exception as error:
            return f"it raised {type(error).__name__}: {error}"


def _lines(subject: Subject, property: str, problem: Problem) -> str:
    if isinstance(subject, RuleSubject):
        rule, how = repr(subject.rule), "the claims given to check_rule, if any, by name"
    else:
        rule = subject.name if subject.name.isidentifier() else "rule"
        how = f"step = {subject.eta(problem.tau):.6g}; the claims given to check_rule, if any, by name"
    return (
        "import numpy as np\nfrom nashsim.testing import Problem, check_property\n"
        f"problem = {problem.code}\ncheck_property({rule}, {property!r}, problem)  # {how}"
    )


@functools.cache
def _under(problem: Problem, regulariser: str | Regulariser) -> Problem:
    """The problem with a regulariser; kept, as it carries its equilibrium."""
    return problem.replace(regulariser=regulariser)


def _random(subject: Subject, kl: bool) -> tuple[Problem, ...]:
    return generic()


def _with_rare(subject: Subject, kl: bool) -> list[Problem]:
    return [*generic(), *(rare() if kl else ())]


def _rates(subject: Subject, kl: bool) -> list[Problem]:
    """Where the step is claimed at every tau, rare actions too; indifference and cycles, where a factor is tight."""
    return [
        *generic(),
        *((*indifferent(), *cyclic()) if kl else ()),
        *(rare() if kl and subject.every_tau else ()),
    ]


def _near(subject: Subject, kl: bool) -> list[Problem]:
    """At tau = 0.01 only what has the digits to come nearer: sixty steps are three thousandths of the divergence."""
    fine = subject.every_tau and subject.eps <= PRECISIONS["float32"]
    return [*generic(tau=1.0, seed=1), *(rare() if kl and fine else ())]


def _extremes(subject: Subject, problem: Problem) -> str | None:
    return p.on_simplex(subject, problem, steps=3)


#: Every check, in the order in which they run: what later ones rely on stands first.
CHECKS = (
    PropertyCheck("simplex", p.on_simplex, _random),
    PropertyCheck("inputs untouched", p.inputs_untouched, _random),
    PropertyCheck("reproducibility", p.reproducible, _random),
    PropertyCheck("no memory", p.history_matters, _random, claimed=lambda s: s.memoryless is True),
    PropertyCheck(
        "memory", p.history_is_idle, _random, claimed=lambda s: s.memoryless is False, everywhere=True
    ),
    PropertyCheck("log-shift equivariance", p.shift_equivariant, _random),
    PropertyCheck("relabelling equivariance", p.relabelling_equivariant, _with_rare),
    PropertyCheck("queries counted", p.counted, _random),
    PropertyCheck("fixed point", p.equilibrium_fixed, _with_rare, claimed=lambda s: s.fixed_point),
    PropertyCheck(
        "absence of the fixed point",
        p.equilibrium_left,
        _random,
        claimed=lambda s: not s.fixed_point,
        everywhere=True,
    ),
    PropertyCheck("contraction", p.contracts, _near, claimed=lambda s: s.fixed_point),
    PropertyCheck("monotone KL", p.monotone, _rates, claimed=lambda s: s.monotone),
    PropertyCheck("claimed rate", p.within_bound, _rates),
    PropertyCheck("forward step", p.forward_step, _random, claimed=lambda s: s.forward),
    PropertyCheck("extreme tau", _extremes, lambda s, kl: extreme_tau()),
    PropertyCheck("degenerate games", _extremes, lambda s, kl: degenerate()),
)


def check_rule(
    rule,
    *,
    regulariser: str | Regulariser = "kl",
    raise_first: bool = True,
    known: Mapping[str, str] | None = None,
    **claims,
) -> CheckReport:
    """Check that a rule has the properties it claims; raise where one breaks, with lines that show it again.

    Parameters
    ----------
    rule : Rule, Rule class, callable, or class with memory
        A callable ``(policy, game, step) -> policy``, jitted or not: policies of shape (actions,), ``game`` a named
        tuple of arrays (probabilities, reference, log_reference, tau), ``step`` the forward step eta. What it returns
        may be a numpy array, a torch tensor or a list. A rule that remembers is a class, or an object, with
        ``start(game)``, which empties the memory, and ``step(policy, game, step)``; where ``start`` returns a memory,
        ``step(policy, game, step, memory)`` returns ``(policy, memory)``.
    regulariser : str or Regulariser
        Regulariser of the games; a Rule takes its steps on the regulariser's link, a callable does them itself.
    raise_first : bool
        Flag: raise at the first property that breaks. ``False`` tries all of them and raises one error whose
        ``report`` and ``failures`` have every one.
    known : mapping of str to str or None
        Properties that are known to break, with the reason: ``{"monotone KL": "momentum"}``. One that holds is a
        failure.
    **claims
        Properties that a callable claims of itself; an attribute of the same name does as well. ``step``: a number or
        a function of tau, by default 2 tau/(1 + 4 tau^2); ``log=True``: policies are log-probabilities;
        ``shift=False``: a constant added to log pi may matter; ``fixed_point=False``: pi* is not a fixed point, which
        is checked too; ``monotone=True``: KL(pi* || pi_t) never increases; ``contraction``: its factor a step, a
        number or a function of (step, tau); ``queries``: products with P in one step; ``forward=False``: ``step`` is
        not the forward step, whose first order is step (P pi - tau log(pi/mu)); ``memoryless``: whether a step depends
        on its arguments alone, claimed by functions and not by classes; ``precision``: ``"float32"`` for one that
        computes in it and returns another; what returns float32 is held to its rounding as it is. A Rule states these
        itself; only ``fixed_point`` and ``monotone`` may be given.

    Returns
    -------
    CheckReport
        What held, what is not claimed, and what is known to fail.

    Raises
    ------
    RuleCheckError
        An AssertionError that names the property and shows the smallest game that breaks it.
    NashsimError
        For what is neither rule nor callable, an unknown claim, or an unknown property in ``known``.

    Examples
    --------
    >>> from nashsim.rules import EGPO
    >>> check_rule(EGPO())
    egpo: 11 of 11 properties hold
    >>> check_rule(lambda policy, game, step: policy)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    nashsim.testing.report.RuleCheckError: <lambda>: contraction is broken: ...
    """
    subject = make_subject(rule, **claims)
    checks = [
        (
            check.property,
            functools.partial(check.find, subject, regulariser) if check.claimed(subject) else None,
        )
        for check in CHECKS
    ]
    return collect(subject.name, checks, known=known, raise_first=raise_first, error=RuleCheckError)


def check_property(rule, property: str, problem: Problem, **claims) -> None:
    """Try one property of a rule on one problem, as the lines of a failure do.

    Parameters
    ----------
    rule : Rule, Rule class, callable, or class with memory
        As for :func:`check_rule`.
    property : str
        Name of a property of ``CHECKS``.
    problem : Problem
    **claims
        As for :func:`check_rule`.

    Raises
    ------
    RuleCheckError
        If the property breaks on this problem.
    NashsimError
        For an unknown property, or as :func:`check_rule`.
    """
    by_name = {check.property: check for check in CHECKS}
    if property not in by_name:
        raise unknown_name("property", property, by_name)
    subject = make_subject(rule, **claims)
    said = by_name[property].finding(subject, problem)
    if said is not None:
        raise RuleCheckError(CheckReport(subject.name, (), (), {}, (Failure(property, said, "", problem),)))


def parametrize_with_checks(rules: Iterable, *, known: Mapping[str, str] | None = None, **claims):
    """Return a pytest decorator that gives a test ``(rule, check)`` every rule with every check, as ``check(rule)``.

    Parameters
    ----------
    rules : iterable of Rule, Rule class or callable
    known : mapping of str to str or None
        As for ``check_rule``; the same for all.
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
        pytest.param(
            rule,
            functools.partial(_check_one, check, known or {}, claims),
            id=f"{_name(rule)}-{check.property}",
        )
        for rule in rules
        for check in CHECKS
    ]
    return pytest.mark.parametrize(("rule", "check"), cases)


def _name(rule) -> str:
    return str(getattr(rule, "name", None) or getattr(rule, "__name__", type(rule).__name__))


def _check_one(check: PropertyCheck, known: Mapping[str, str], claims: dict, rule) -> None:
    subject = make_subject(rule, **claims)
    one = (check.property, functools.partial(check.find, subject) if check.claimed(subject) else None)
    declared = {name: reason for name, reason in known.items() if name == check.property}
    collect(subject.name, [one], known=declared, raise_first=True, error=RuleCheckError)
