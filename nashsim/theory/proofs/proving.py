"""Prove a rate of a rule: from its own steps to a certificate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from fractions import Fraction

import numpy as np

from ...errors import NashsimError
from ...rules import REFERENCE, Rule, get_rule
from .numbers import NotProved, numbers_of
from .program import Answer
from .proof import Proof
from .rationals import NEAR, rational
from .search import Certified, Search
from .statements import AVERAGE, CONTRACTION, OUTER, Statement

#: Iterations of one period up to which each has its policies in the program; beyond, inner solves are taken as exact.
LONGEST_PERIOD = 8
#: tau and steps beyond which, or below its inverse, floats are not read as the rationals that are meant.
_RANGE = 1e9
#: What minimised constants may be above the least, relative to it.
_LOOSENED = (1e-6, 1e-4, 1e-2)


def prove(
    rule: str | Rule, tau: float, *, eta: float | None = None, largest: bool = False, best: bool = False
) -> Proof:
    """Prove the least factor by which a rule contracts KL(pi* || pi), on every game and from every start.

    V(after) <= factor V(before) with V = KL(pi* || pi), or for a rule with memory a V >= kappa KL that is found and
    equals KL(pi* || pi_0) at the start; V(after) <= factor V(before) + constant where pi* is no fixed point; a bound on
    the average iterate where the game is not regularised.

    Parameters
    ----------
    rule : str or Rule
    tau : float
        > 0.
    eta : float or None
        Constant forward step; ``None`` is the rule's own, or its largest admitted where that is a schedule.
    largest : bool
        Take the largest step whose factor 1 - eta tau is proved.
    best : bool
        Take the step with the least proved factor per query.

    Returns
    -------
    Proof
        ``proved`` says whether there is one, ``status`` what it says or why there is none.

    Raises
    ------
    NashsimError
        For an unknown rule, tau or step out of range, or more than one way to choose the step.

    Examples
    --------
    >>> proof = prove("omd", 0.5)
    >>> proof.factor, proof.exact
    (Fraction(1, 2), True)
    """
    for name, value in (("tau", tau), ("eta", eta)):
        if value is not None and not 1 / _RANGE <= value <= _RANGE:
            raise NashsimError(
                f"{name}: a finite number > 0 is needed, from {1 / _RANGE:g} to {_RANGE:g}, found {value!r}"
            )
    if (eta is not None) + largest + best > 1:
        raise NashsimError("eta: give a step, or ask for the largest or the best, not two of them")
    rule = get_rule(rule, eta=eta, tau=tau)
    if largest or best:
        find = largest_step if largest else best_step
        try:
            rule = _with_step(rule, find(rule, tau), tau)
        except NotProved as reason:
            return _nothing(rule, tau, reason)
    elif not rule.constant:
        rule = _with_step(rule, _admitted(rule, tau), tau)
    try:
        return _prove(rule, tau)
    except NotProved as reason:
        return _nothing(rule, tau, reason)


def _admitted(rule: Rule, tau: float) -> float:
    """Return the largest step that a rule with a schedule admits; half of it where that forgets the policy."""
    eta = rule.largest_eta(tau)
    return eta if eta * tau < 1 - float(NEAR) else eta / 2


def _with_step(rule: Rule, eta: float, tau: float) -> Rule:
    """Return the rule with another forward step and its other options."""
    moved = type(rule).with_eta(eta, tau)
    defaults = type(rule)()
    names = [f.name for f in fields(rule)]
    others = {n: getattr(rule, n) for n in names if getattr(moved, n) == getattr(defaults, n)}
    return replace(moved, **others)


def _nothing(rule: Rule, tau: float, reason: NotProved) -> Proof:
    kind = CONTRACTION if rule.regularised else AVERAGE
    return Proof(rule, tau, rule.eta(tau), kind, queries_per_step=rule.queries_per_step, reason=str(reason))


def search_of(rule: Rule, tau: float, affine: bool = False, resolution: float = 1e-8) -> Search:
    """Return the programs of a rule's contraction, up to a constant or not.

    Parameters
    ----------
    rule : Rule
    tau : float
    affine : bool
    resolution : float
        What a factor that is bisected is found to.
    """
    kind = CONTRACTION if rule.regularised else AVERAGE
    return Search(Statement.of(kind, numbers_of(rule, tau), rational(tau), affine), resolution)


def _prove(rule: Rule, tau: float) -> Proof:
    numbers = numbers_of(rule, tau)
    refreshed = any(step.into == REFERENCE for steps in numbers for step in steps)
    if refreshed or len(numbers) > LONGEST_PERIOD:
        search = Search(Statement.of(OUTER, (numbers[0], numbers[-1]), rational(tau), affine=False))
        found = search.outer()
    elif not rule.regularised:
        search, found = _average(rule, tau)
    elif rule.fixed_point:
        search = search_of(rule, tau)
        found = search.contraction(1 - search.statement.eta * rational(tau))
    else:
        search = search_of(rule, tau, affine=True)
        claimed = max(1 - search.statement.eta * rational(tau), Fraction(0))
        found = _with_constants(search, claimed, {"constant": 1.0})
        if found is None:
            raise NotProved(
                "not proved: the solver finds no multipliers of the inequalities used that bound a step"
            )
    s = search.statement
    return Proof(
        rule, tau, float(s.eta), s.kind, s.affine, None if s.kind == AVERAGE else found.factor,
        found.parameters, s.numbers, found.certificates, s.queries,
    )  # fmt: skip


def _average(rule: Rule, tau: float) -> tuple[Search, Certified]:
    """Return the bound on the average iterate, without a constant a step if there is one."""
    for affine in (False, True):
        search = search_of(rule, tau, affine)
        weights = {"constant": 1e3, "floor": 1.0, "start": 1.0}
        wanted = {name: w for name, w in weights.items() if name in search.statement.bounds()}
        found = _with_constants(search, Fraction(1), wanted)
        if found is not None and found.parameters["gain"] > 0:
            return search, found
    raise NotProved("not proved: the solver finds no multipliers that bound the sum of the gaps over T steps")


def _with_constants(search: Search, factor: Fraction, objective: dict[str, float]) -> Certified | None:
    """Return a proof at a factor whose constants are least, but for rounding."""
    answer = search.program(objective).solve(factor)
    if answer is None:
        return None
    for fixed in _loosened(answer, objective):
        found = search.certify(factor, fixed)
        if found is not None:
            return found
    return None


def _loosened(answer: Answer, objective: dict[str, float]) -> Iterator[dict[str, Fraction]]:
    digits = 10**12
    for share in _LOOSENED if objective else (0.0,):
        yield {
            name: Fraction(
                int(np.ceil(max(answer.parameters[name], 0.0) * (1 + share) * digits)) + 1000, digits
            )
            for name in objective
        }


def _contracts(rule: Rule, tau: float) -> Callable[[float], Search]:
    """Return the programs by step, where there is a factor to look for."""
    if not rule.regularised or not rule.fixed_point:
        raise NotProved(
            "not proved: the rule has no factor for the equilibrium itself, so no step has the largest or best one"
        )
    return lambda eta: search_of(_with_step(rule, eta, tau), tau, resolution=1e-7)


def largest_step(rule: Rule, tau: float) -> float:
    """Return the largest forward step, to 1e-6, whose factor 1 - eta tau is proved by all smaller ones tried too.

    Raises
    ------
    NotProved
        Where no step has it.
    """
    at = _contracts(rule, tau)

    def holds(eta: float) -> bool:
        return at(eta).reaches(1 - eta * tau)

    low, high = 0.0, min(1.0, rule.largest_eta(tau), 0.5 / tau) / 16
    while high < 1 / tau and holds(high):
        low, high = high, min(1.5 * high, 1 / tau)
        if low == high:
            break
    if low == 0:
        raise NotProved("not proved: no step tried has the factor 1 - eta tau")
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return _rounded_down(low)


def best_step(rule: Rule, tau: float) -> float:
    """Return the forward step with the least factor per query that is proved.

    Raises
    ------
    NotProved
        Where no step tried has a factor below 1.
    """
    from scipy.optimize import minimize_scalar

    at = _contracts(rule, tau)

    def factor(log_eta: float) -> float:
        least = at(float(np.exp(log_eta))).least_factor
        return 1.0 if least is None else least

    end = np.log(1 / tau) - 1e-6
    grid = np.linspace(np.log(min(1.0, 0.5 / tau)) - 4, end, 25)
    values = [factor(x) for x in grid]
    k = int(np.argmin(values))
    if values[k] >= 1:
        raise NotProved("not proved: no step tried has a factor below 1")
    bounds = (grid[max(k - 1, 0)], grid[min(k + 1, len(grid) - 1)])
    found = minimize_scalar(factor, bounds=bounds, method="bounded", options={"xatol": 1e-5})
    return _rounded_down(float(np.exp(found.x if found.fun < values[k] else grid[k])))


def _rounded_down(eta: float) -> float:
    """Return a step with six digits after the point, so that its rationals are short."""
    return float(np.floor(eta * 1e6) / 1e6) if eta > 1e-4 else eta
