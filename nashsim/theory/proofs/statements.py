"""What can be said of a rule, as inequalities to prove: a contraction, a contraction up to a constant, an average.

- contraction: V(after) <= factor V(before) + constant over one period of the rule, and V >= kappa KL(q || policy);
- outer: KL(q || centre after) <= factor KL(q || centre before) for inner solves that are exact, q an equilibrium of the
  unregularised game where the reference is the centre;
- average: gain <q, A pi_t> <= V(before) - V(after) + constant and V >= -floor, for every q, so that the average iterate
  has DualGap <= 2 (D + start + floor)/(gain T) + 2 constant/gain, D = KL(q || pi_0).

V is sum_s w_s d_s + sum_sr a_sr KL(s || r) + sum_sr c_sr M_sr + sum_sr b_sr (h_s - h_r) over the slots of the rule's
state, w, a >= 0, sum w = 1: KL(q || pi_0) where all slots start at pi_0. With one slot it is KL(q || policy).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, permutations

from ...rules import POLICY, REFERENCE
from .inequalities import all_of
from .numbers import NotProved, Numbers
from .policies import NASH, Execution, Form, combine, read_first
from .program import Part

#: The policy of one iteration before, as a slot of V.
BEFORE = "policy before"
#: Policies up to which triangle inequalities take part, and up to which a program is set up.
_FEW, _MANY = 4, 9
#: Kinds of statement.
CONTRACTION, AVERAGE, OUTER = "contraction", "average", "outer"


@dataclass(frozen=True)
class Statement:
    """One thing to prove of a rule, with its unknown parameters.

    Attributes
    ----------
    kind : str
        "contraction", "average" or "outer".
    execution : Execution
        After one period.
    before, after : dict of str to str
        The policies that the slots of the state hold.
    affine : bool
        Whether a constant term is allowed.
    numbers : Numbers
    start : tuple or None
        The execution of the first iteration from one policy, and what its slots hold before and after it.
    """

    kind: str
    execution: Execution
    before: dict[str, str]
    after: dict[str, str]
    affine: bool
    numbers: Numbers
    start: tuple[Execution, dict[str, str], dict[str, str]] | None = None

    @classmethod
    def of(cls, kind: str, numbers: Numbers, tau: Fraction, affine: bool) -> Statement:
        """Run a rule on symbols for one period; for an average with memory an iteration more before it."""
        if kind == OUTER:
            return cls._of_outer(numbers, tau)
        written = {step.into for steps in numbers for step in steps}
        if REFERENCE in written:
            raise NotProved("not proved: the reference is refreshed, so no regularised equilibrium stays put")
        state = read_first(numbers)
        # what the steps forget still has a divergence to begin with
        unknown = list(dict.fromkeys([*state, POLICY]))
        execution = Execution(tau if kind == CONTRACTION else None)
        same = _coincide(numbers, unknown)
        for slot in unknown:
            execution.unknown(slot, f"{same[slot]} 0")
        state = [slot for slot in unknown if slot in written and same[slot] == slot]
        start = None
        if kind == AVERAGE and len(state) > 1 and not _remembered(numbers, unknown, state):
            start = Execution(None)
            for slot in unknown:
                start.unknown(slot, "start")
            start = (start, *_advance(start, numbers, state))
            _, before = _advance(execution, numbers, state)
        else:
            before = {slot: execution.slots[slot] for slot in state}
        opening = {slot: before[slot] for slot in state}
        _, after = _advance(execution, numbers, state, opening)
        if start is None:
            after = {slot: after[slot] for slot in state}
        return cls(kind, execution, before, after, affine, numbers, start)

    @classmethod
    def _of_outer(cls, numbers: Numbers, tau: Fraction) -> Statement:
        """Run one outer step: the inner steps' fixed point, and what the last iteration makes of it."""
        inner = [step for step in numbers[0] if step.opponent]
        kept = [step.into for step in numbers[-1] if not step.opponent]
        if len(inner) != 1 or len(kept) != 1 or inner[0].into != POLICY or len(numbers) < 2:
            raise NotProved("not proved: the rule has no inner solves of a kind that is known here")
        [step], [centre] = inner, kept
        execution = Execution(None, lottery=True) if centre == REFERENCE else Execution(tau)
        for slot in dict.fromkeys([*read_first([inner]), centre]):
            execution.unknown(slot)
        before = execution.slots[centre]
        execution.fixed_point(step)
        after = execution.slots[POLICY]
        return cls(OUTER, execution, {POLICY: before}, {POLICY: after}, False, (numbers[0], numbers[-1]))

    @property
    def queries(self) -> int:
        """Payoff vectors asked for in one period, or in one inner iteration of an outer step."""
        iterations = self.numbers[:1] if self.kind == OUTER else self.numbers
        return sum(bool(step.opponent) for steps in iterations for step in steps)

    @property
    def eta(self) -> Fraction:
        """The forward step of the period's last query."""
        return [step.eta for steps in self.numbers for step in steps if step.opponent][-1]

    @property
    def memory(self) -> bool:
        """Whether the state has more than one slot, so that V has weights to be found."""
        return len(self.before) > 1

    def terms(self) -> dict[str, tuple[float | None, float | None]]:
        """Return the names of V's weights with their bounds."""
        slots = list(self.before)
        bounds: dict = {f"d|{s}": (0.0, None) for s in slots}
        bounds |= {f"kl|{s}|{r}": (0.0, None) for s, r in permutations(slots, 2)}
        bounds |= {f"skew|{s}|{r}": (None, None) for s, r in combinations(slots, 2)}
        if self.kind == AVERAGE:
            bounds |= {f"payoff|{s}|{r}": (None, None) for s, r in combinations(slots, 2)}
        return bounds

    def value(self, term: str, slots: dict[str, str], execution: Execution | None = None) -> Form:
        """Return a term of V at the policies that slots hold."""
        execution = self.execution if execution is None else execution
        kind, *names = term.split("|")
        held = [slots[name] for name in names]
        if kind == "d":
            return execution.kl(NASH, held[0])
        if kind == "kl":
            return {} if held[0] == held[1] else execution.kl(*held)
        if kind == "skew":
            return execution.skew(*held)
        return combine((1, {("h", held[0]): Fraction(1)}), (-1, {("h", held[1]): Fraction(1)}))

    def policies(self) -> list[str]:
        """Return the policies between which inequalities are used: of the state, and those that are queried."""
        wanted = {*self.before.values(), *self.after.values()}
        wanted |= set(self.execution.queried[-self.queries :])
        return [name for name in self.execution.vectors if name in wanted]

    def parts(self) -> list[Part]:
        """Return what is to be proved: that V falls, and that V is not too small."""
        one = f"d|{POLICY}"
        names = {name: name for name in self.terms()} if self.memory else {"": one}
        before = {key: self.value(name, self.before) for key, name in names.items()}
        after = {key: combine((-1, self.value(name, self.after))) for key, name in names.items()}
        if self.kind == AVERAGE:
            after["gain"] = {("h", self.before[POLICY]): Fraction(1)}
        policies = self.policies()
        if len(policies) > _MANY:
            raise NotProved(
                f"not proved: {len(policies)} policies in one period of the rule, more than the {_MANY} that the"
                " program takes; fewer inner steps may be provable"
            )
        dense = self.kind == CONTRACTION and len(policies) <= _FEW
        everything = all_of(self.execution, policies, affine=self.affine, triangles=dense)
        constant = {"constant": Fraction(1)} if self.affine else {}
        found = [Part("decrease", self.execution, everything, after, before, constant)]
        if self.memory:
            held = list(dict.fromkeys(self.before.values()))
            few = all_of(self.execution, held, affine=self.kind == AVERAGE and self.affine, triangles=dense)
            targets = dict(before)
            if self.kind == CONTRACTION:
                targets["kappa"] = combine((-1, self.execution.kl(NASH, self.before[POLICY])))
            floor = {"floor": Fraction(1)} if "floor" in self.bounds() else {}
            found.append(Part("lower", self.execution, few, targets, {}, floor))
        if self.start is not None:
            found.append(self._start())
        return found

    def _start(self) -> Part:
        """Return the first iteration's part: V after it is at most D less its gain, plus a constant."""
        execution, before, after = self.start
        first = before[POLICY]
        targets = {name: combine((-1, self.value(name, after, execution))) for name in self.terms()}
        targets |= {"": execution.kl(NASH, first), "gain": {("h", first): Fraction(1)}}
        held = list(dict.fromkeys([first, *after.values()]))
        few = all_of(execution, held, affine=True)
        return Part("start", execution, few, targets, {}, {"start": Fraction(1)})

    def bounds(self) -> dict[str, tuple[float | None, float | None]]:
        """Return the bounds of every parameter but the factor."""
        found = dict(self.terms()) if self.memory else {}
        if self.kind == AVERAGE:
            found["gain"] = (0.0, None)
        if self.affine:
            found["constant"] = (0.0, None)
        if self.memory and self.kind == CONTRACTION:
            found["kappa"] = (SMALLEST_KAPPA, 1.0)
        if self.memory and self.affine and self.kind == AVERAGE:
            found["floor"] = (0.0, None)
        if self.start is not None:
            found["start"] = (0.0, None)
        return found

    def sums(self) -> list[dict[str, float]]:
        """Return the normalisation of V."""
        return [{f"d|{s}": 1.0 for s in self.before}] if self.memory else []


#: V >= kappa KL with a smaller kappa would say too little before many steps are done.
SMALLEST_KAPPA = 0.05


def _advance(execution: Execution, numbers: Numbers, state: list[str], before: dict[str, str] | None = None):
    """Carry out one period; return what the slots held before and hold after it, the policy of before among these."""
    before = {slot: execution.slots[slot] for slot in state} if before is None else before
    for steps in numbers:
        for step in steps:
            execution.step(step)
    after = {slot: execution.slots[slot] for slot in state}
    return before, {**after, BEFORE: before[POLICY]}


def _coincide(numbers: Numbers, unknown: list[str]) -> dict[str, str]:
    """Return for every slot the one whose policy it holds at the start of every period, most often itself."""
    if len(numbers) == 1:
        return {slot: slot for slot in unknown}
    execution = Execution(None)
    for slot in unknown:
        execution.unknown(slot)
    _, after = _advance(execution, numbers, unknown)
    order = sorted(unknown, key=lambda slot: slot != POLICY)
    return {slot: next(other for other in order if after[other] == after[slot]) for slot in unknown}


def _remembered(numbers: Numbers, unknown: list[str], state: list[str]) -> bool:
    """Whether a slot of the state holds the policy of one iteration before."""
    execution = Execution(None)
    for slot in unknown:
        execution.unknown(slot)
    _, after = _advance(execution, numbers, state)
    return after[BEFORE] in {after[slot] for slot in state}
