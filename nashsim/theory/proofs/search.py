"""The least factor that can be proved of a statement: linear where V is the divergence, bisected where V is found."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from .certificate import Certificate, round_answer
from .numbers import NotProved
from .program import Answer, Matrices, Program
from .rationals import rational
from .statements import Statement

#: What a certified factor may be above the least, largest last: a certificate is tried at each.
SLACKS = (Fraction(1, 10**8), Fraction(1, 10**7), Fraction(5, 10**7), Fraction(9, 10**7))
#: A factor is found to this, and a margin below zero by less is rounding of the solver.
_RESOLUTION, _ROUNDING = 1e-8, -2e-9


class Search:
    """A statement with its programs, built once.

    Parameters
    ----------
    statement : Statement
    resolution : float
        What a factor that is bisected is found to.
    """

    def __init__(self, statement: Statement, resolution: float = _RESOLUTION):
        self.statement, self.resolution = statement, resolution
        self.parts = [Matrices(part) for part in statement.parts()]

    def program(
        self, objective: dict[str, float], fixed: dict[str, Fraction] | None = None, **more
    ) -> Program:
        """Return the program with an objective, some parameters fixed, and more of them with their bounds."""
        given = {name: (float(value), float(value)) for name, value in (fixed or {}).items()}
        bounds = {**self.statement.bounds(), **given, **more}
        return Program(self.parts, bounds, objective, self.statement.sums())

    @cached_property
    def _interior(self) -> Program:
        return self.program({"margin": -1.0}, margin=(-1.0, 1.0))

    def feasible(self, factor: float) -> bool:
        """Whether the solver finds a proof at a factor, to rounding."""
        answer = self._interior.solve(factor)
        return answer is not None and answer.parameters["margin"] >= _ROUNDING

    @cached_property
    def least_factor(self) -> float | None:
        """The least factor in [0, 1) at which the solver finds a proof, or None."""
        if not self.statement.memory:
            answer = self.program({"factor": 1.0}, factor=(0.0, None)).solve()
            return None if answer is None or answer.value >= 1 else max(answer.value, 0.0)
        high = 1 - 1e-6
        if not self.feasible(high):
            return None
        low = max(0.0, float(1 - self.statement.eta * self.statement.execution.tau) - 1e-4)
        while low > 0 and self.feasible(low):
            high, low = low, max(0.0, low - 0.1)
        while high - low > self.resolution:
            middle = (low + high) / 2
            low, high = (low, middle) if self.feasible(middle) else (middle, high)
        return high

    def reaches(self, factor: float) -> bool:
        """Whether the solver finds a proof at a factor, to rounding."""
        if self.statement.memory:
            return self.feasible(factor)
        return self.least_factor is not None and self.least_factor <= factor + _RESOLUTION

    def certify(self, factor: Fraction, fixed: dict[str, Fraction] | None = None) -> Certified | None:
        """Return rational parameters and certificates of every part at a factor, checked exactly, or None.

        Parameters
        ----------
        factor : Fraction
        fixed : dict of str to Fraction, or None
            Parameters that are given.
        """
        fixed = dict(fixed or {})
        for inner in ("margin", "gap"):
            answer = self.program({inner: -1.0}, fixed, **{inner: (-1.0, 1.0)}).solve(factor)
            for least in (0.0, 1e-7, 1e-5) if answer is not None else ():
                found = self._rounded(factor, answer, fixed, least)
                if found is not None:
                    return found
        return None

    def _rounded(self, factor: Fraction, answer: Answer, fixed: dict, least: float) -> Certified | None:
        """Return the answer in rationals, multipliers below ``least`` left out, where that is a proof."""
        rounded = round_answer(self.parts, factor, answer, fixed, self.statement.sums(), least)
        if rounded is None:
            return None
        parameters, certificates = rounded
        for name, (low, _) in self.statement.bounds().items():
            if low is not None and parameters[name] < Fraction(low).limit_denominator(1000):
                return None
        for m in self.parts:
            target, constant = m.part.at(factor, parameters)
            if certificates[m.part.name].proves(m.part.execution, target, constant) is not None:
                return None
        return Certified(factor, parameters, certificates)

    def largest_kappa(self, factor: Fraction) -> Fraction | None:
        """Return nine tenths of the largest kappa of V >= kappa KL, which leaves room for rounding."""
        answer = self.program({"kappa": -1.0}).solve(factor)
        return None if answer is None else Fraction(round(0.9 * answer.parameters["kappa"] * 1000), 1000)

    def outer(self) -> Certified:
        """Return the proof of the least factor of an outer step, 1 included, or raise NotProved."""
        answer = self.program({"factor": 1.0}, factor=(0.0, None)).solve()
        if answer is not None and answer.value <= 1 + _RESOLUTION:
            least = rational(round(answer.value, 7))
            for factor in dict.fromkeys(
                [min(least, Fraction(1)), *(min(least + s, Fraction(1)) for s in SLACKS)]
            ):
                found = self.certify(factor)
                if found is not None:
                    return found
        raise NotProved(
            "not proved: the solver finds no multipliers of the inequalities used that bound an exact outer step"
        )

    def contraction(self, claimed: Fraction) -> Certified:
        """Return the proof of the least factor, or raise NotProved.

        The claimed factor itself is certified where the least is no smaller by more than the slack.

        Parameters
        ----------
        claimed : Fraction
            1 - eta tau.
        """
        least = self.least_factor
        if least is None:
            raise NotProved(
                "not proved: the solver finds no multipliers of the inequalities used with a factor below 1"
            )
        above = [_upwards(least, slack) for slack in SLACKS]
        near = [claimed] if abs(least - float(claimed)) < 5e-7 else []
        for factor in sorted({f for f in near + above if 0 <= f < 1}):
            kappa = self.largest_kappa(factor) if self.statement.memory else None
            found = self.certify(factor, None if kappa is None else {"kappa": kappa})
            if found is not None:
                return found
        raise NotProved(
            f"not proved: the solver finds the factor {least:.8f}, but no exact certificate"
            f" within {float(SLACKS[-1]):g} of it"
        )


@dataclass(frozen=True)
class Certified:
    """A proof in rationals.

    Attributes
    ----------
    factor : Fraction
    parameters : dict of str to Fraction
    certificates : dict of str to Certificate
        By part.
    """

    factor: Fraction
    parameters: dict[str, Fraction]
    certificates: dict[str, Certificate]


def _upwards(least: float, slack: Fraction) -> Fraction:
    digits = 10**10
    return Fraction(int(np.ceil(least * digits)), digits) + slack
