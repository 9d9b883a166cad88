"""Multipliers in rationals, so that a proof holds without rounding: from a solver's guess, checked without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from .inequalities import UNIT, Distance, named, product
from .policies import Execution, Form, combine
from .program import INNER, Answer, Matrices
from .rationals import as_fraction, is_positive_semidefinite, rational, solve

#: Digits of rounded multipliers.
_DENOMINATOR = 10**13


@dataclass(frozen=True)
class Certificate:
    """Why one inequality holds: multipliers of named inequalities, and the nonnegative entries of the form left over.

    Attributes
    ----------
    multipliers : dict of tuple of str to Fraction
    nonnegative : dict of (Distance, Distance) to Fraction
    """

    multipliers: dict[tuple[str, ...], Fraction]
    nonnegative: dict[tuple[Distance, Distance], Fraction]

    def to_dict(self) -> dict:
        """Return the certificate as JSON values, numbers as "p/q"."""
        return {
            "multipliers": [[*name, str(value)] for name, value in self.multipliers.items()],
            "nonnegative": [[list(a), list(b), str(v)] for (a, b), v in self.nonnegative.items()],
        }

    @classmethod
    def from_dict(cls, saved: dict) -> Certificate:
        """Return the certificate that ``to_dict`` wrote down."""
        entries = {(tuple(a), tuple(b)): as_fraction(v) for a, b, v in saved["nonnegative"]}
        return cls({tuple(name): as_fraction(v) for *name, v in saved["multipliers"]}, entries)

    def proves(self, execution: Execution, target: Form, constant: Fraction = Fraction(0)) -> str | None:
        """Return None where target + constant >= 0 follows, else the reason why it does not.

        Parameters
        ----------
        execution : Execution
            From which every named inequality is derived anew.
        target : Form
        constant : Fraction
        """
        if any(value < 0 for value in [*self.multipliers.values(), *self.nonnegative.values()]):
            return "a multiplier is negative"
        used = [(value, named(execution, name)) for name, value in self.multipliers.items()]
        if combine((1, target), *((-value, i.linear) for value, i in used)):
            return "the multipliers do not sum to what is to be proved"
        rest = combine(
            *((-value, i.quadratic) for value, i in used),
            (-1, self.nonnegative),
            (constant, {product(UNIT, UNIT): Fraction(1)}),
        )
        if not is_positive_semidefinite(_square(rest)):
            return "the quadratic form left over is not positive semidefinite"
        return None


def _square(form: Mapping[tuple[Distance, Distance], Fraction]) -> list[list[Fraction]]:
    order = {d: k for k, d in enumerate(sorted({d for pair in form for d in pair}))}
    matrix = [[Fraction(0)] * len(order) for _ in order]
    for (one, other), value in form.items():
        i, j = order[one], order[other]
        matrix[i][j] += value / 2
        matrix[j][i] += value / 2
    return matrix


def round_answer(
    parts: Sequence[Matrices],
    factor: Fraction,
    answer: Answer,
    fixed: Mapping[str, Fraction],
    sums: Sequence[Mapping[str, float]],
    least: float,
) -> tuple[dict[str, Fraction], dict[str, Certificate]] | None:
    """Return parameters and certificates near a solver's answer whose linear part is exact; None where there are none.

    All but a basis of parameters and multipliers are rounded; the basis, the largest of them, is solved for exactly.

    Parameters
    ----------
    parts : sequence of Matrices
    factor : Fraction
    answer : Answer
    fixed : mapping of str to Fraction
        Parameters that are given.
    sums : sequence of mapping of str to float
        Combinations of parameters that are 1.
    least : float
        Parameters, multipliers and entries up to this are left out.
    """
    values: dict[tuple, float] = {("", name): v for name, v in answer.parameters.items() if name not in INNER}
    columns: dict[tuple, dict] = {key: {} for key in values}
    right: dict[tuple, Fraction] = {}
    for m in parts:
        part = m.part
        for scale, forms in ((Fraction(1), part.targets), (factor, part.scaled)):
            for name, form in forms.items():
                row = right if name == "" else columns[("", name)]
                for key, value in form.items():
                    row[part.name, key] = row.get((part.name, key), 0) + scale * value * (
                        1 if name == "" else -1
                    )
        for k, value in enumerate(answer.multipliers[part.name]):
            if value > least:
                values[part.name, k] = float(value)
                columns[part.name, k] = {
                    (part.name, key): v for key, v in part.inequalities[k].linear.items()
                }
    for number, combination in enumerate(sums):
        right["sum", number] = Fraction(1)
        for name, weight in combination.items():
            columns["", name]["sum", number] = rational(weight)
    known = {key: Fraction(0) for key, v in values.items() if not key[0] and abs(v) <= least}
    known |= {("", name): value for name, value in fixed.items()}
    basis = _basis(columns, values, [key for key in columns if key not in known])
    known |= {
        key: Fraction(round(v * _DENOMINATOR), _DENOMINATOR)
        for key, v in values.items()
        if key not in known and key not in set(basis)
    }
    rows: dict[tuple, dict[int, Fraction]] = {}
    for key in right:
        rows.setdefault(key, {})[len(basis)] = right[key]
    for key, value in known.items():
        for row, coefficient in columns[key].items():
            rows.setdefault(row, {}).setdefault(len(basis), Fraction(0))
            rows[row][len(basis)] -= value * coefficient
    for place, key in enumerate(basis):
        for row, coefficient in columns[key].items():
            rows.setdefault(row, {})[place] = coefficient
    found = solve(list(rows.values()), len(basis))
    if found is None:
        return None
    known |= dict(zip(basis, found, strict=True))
    parameters = {name: known["", name] for name in answer.parameters if name not in INNER}
    return parameters, {m.part.name: _certificate(m, known, answer, least) for m in parts}


def _certificate(m: Matrices, known: Mapping[tuple, Fraction], answer: Answer, least: float) -> Certificate:
    name, entries = m.part.name, {}
    for i, one in enumerate(m.distances):
        for j in range(i + 1, len(m.distances)):
            value = answer.nonnegative[name][i, j]
            if value > least:
                entries[one, m.distances[j]] = 2 * Fraction(round(value * _DENOMINATOR), _DENOMINATOR)
    multipliers = {
        inequality.name: known[name, k]
        for k, inequality in enumerate(m.part.inequalities)
        if known.get((name, k))
    }
    return Certificate(multipliers, {pair: value for pair, value in entries.items() if value})


def _basis(columns: Mapping[tuple, Mapping], values: Mapping[tuple, float], keys: list[tuple]) -> list[tuple]:
    """Return independent columns that span all, preferring those of large values."""
    from scipy.linalg import qr

    place = {row: k for k, row in enumerate(dict.fromkeys(row for key in keys for row in columns[key]))}
    matrix = np.zeros((len(place), len(keys)))
    for k, key in enumerate(keys):
        for row, coefficient in columns[key].items():
            matrix[place[row], k] = float(coefficient)
    sizes = np.array([max(abs(values[key]), 1e-12) for key in keys])
    _, _, order = qr(matrix * sizes, mode="economic", pivoting=True)
    return [keys[k] for k in order[: np.linalg.matrix_rank(matrix)]]
