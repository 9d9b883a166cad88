"""The numbers of a rule as rationals: what a proof starts from, read off ``Rule.steps`` and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...errors import NashsimError
from ...rules import REFERENCE, MirrorStep, RankingStep, Rule
from .rationals import NEAR, as_fraction, rational

#: Iterations within which a rule must repeat itself.
_LONGEST = 1000


class NotProved(NashsimError):
    """A rule of which nothing can be proved here; the message is the reason."""


@dataclass(frozen=True)
class ExactStep:
    """A mirror step with rational numbers; weights of zero are left out.

    Attributes
    ----------
    base, opponent : dict of str to Fraction
    eta : Fraction
    into : str
    arithmetic : bool
    """

    base: dict[str, Fraction]
    opponent: dict[str, Fraction]
    eta: Fraction
    into: str
    arithmetic: bool

    def to_dict(self) -> dict:
        """Return the step as JSON values, numbers as "p/q"."""
        return {
            "into": self.into,
            "base": {name: str(weight) for name, weight in self.base.items()},
            "opponent": {name: str(weight) for name, weight in self.opponent.items()},
            "eta": str(self.eta),
            "arithmetic": self.arithmetic,
        }

    @classmethod
    def from_dict(cls, saved: dict) -> ExactStep:
        """Return the step that ``to_dict`` wrote down."""
        base, opponent = (
            {name: as_fraction(weight) for name, weight in saved[mixture].items()}
            for mixture in ("base", "opponent")
        )
        return cls(base, opponent, as_fraction(saved["eta"]), saved["into"], saved["arithmetic"])

    def near(self, step: ExactStep) -> bool:
        """Whether another step has the same shape and numbers within 1e-12."""
        same = self.into == step.into and self.arithmetic == step.arithmetic
        pairs = [(self.base, step.base), (self.opponent, step.opponent)]
        return (
            same
            and all(one.keys() == other.keys() for one, other in pairs)
            and all(abs(one[k] - other[k]) <= NEAR for one, other in pairs for k in one)
            and abs(self.eta - step.eta) <= NEAR
        )


#: One period of a rule: the steps of each iteration.
Numbers = tuple[tuple[ExactStep, ...], ...]


def numbers_of(rule: Rule, tau: float) -> Numbers:
    """Return the steps of a rule over its period, in rationals within 1e-12 of its floats.

    Where base and opponent sum to one and the pull to the reference is eta tau but for rounding, they do so exactly;
    a step of 1/tau but for rounding forgets the policy exactly.

    Raises
    ------
    NotProved
        Where a step is no mirror step along payoffs, or the numbers never repeat.
    """
    for step in rule.steps(tau, 0):
        if not isinstance(step, MirrorStep) or isinstance(step, RankingStep):
            raise NotProved(
                f"not proved: a {type(step).__name__} is not linear in log-policies and payoffs, which the program is"
            )
    if rule.stationary:
        return (_exact(rule.steps(tau, 0), tau),)
    iterations = [rule.steps(tau, t) for t in range(2 * _LONGEST)]
    keys = [tuple(_key(step) for step in steps) for steps in iterations]
    for period in range(2, _LONGEST):
        if all(keys[t] == keys[t + period] for t in range(len(keys) - period)):
            return tuple(_exact(steps, tau) for steps in iterations[:period])
    raise NotProved(
        "not proved: the steps follow a schedule that never repeats; give a constant forward step eta"
    )


def _key(step: MirrorStep) -> tuple:
    mixtures = (sorted((k, float(w)) for k, w in m.items()) for m in (step.base, step.opponent))
    return (*map(tuple, mixtures), float(step.eta), step.into, step.arithmetic)


def _exact(steps: tuple[MirrorStep, ...], tau: float) -> tuple[ExactStep, ...]:
    return tuple(_exact_step(step, rational(tau)) for step in steps)


def _exact_step(step: MirrorStep, tau: Fraction) -> ExactStep:
    eta = rational(step.eta) if step.opponent else Fraction(0)
    if abs(eta - 1 / tau) <= NEAR:
        eta = 1 / tau
    base, opponent = (
        {name: exact for name, weight in mixture.items() if (exact := rational(np.float64(weight)))}
        for mixture in (step.base, step.opponent)
    )
    alone = base.keys() == {REFERENCE}
    if opponent and not alone and abs(base.get(REFERENCE, eta * tau + 1) - eta * tau) <= NEAR:
        base[REFERENCE] = eta * tau
    return ExactStep(
        _to_one(base), _to_one(opponent) if opponent else {}, eta, step.into, bool(step.arithmetic)
    )


def _to_one(mixture: dict[str, Fraction]) -> dict[str, Fraction]:
    """Return a mixture whose sum is one, what rounding left off going to the largest weight but the reference's."""
    missing = 1 - sum(mixture.values())
    if missing == 0:
        return mixture
    if abs(missing) > NEAR:
        raise NotProved(f"not proved: weights of a mixture sum to {float(1 - missing):.9g}, not to 1")
    largest = max((name for name in mixture if name != REFERENCE), key=lambda name: abs(mixture[name]))
    repaired = {**mixture, largest: mixture[largest] + missing}
    return {name: weight for name, weight in repaired.items() if weight}
