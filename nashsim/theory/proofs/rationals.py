"""Exact arithmetic on small problems: floats read as the rationals they stand for, linear systems, LDL^T."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fractions import Fraction

#: How far the rationals of a certificate may be from the floats of the rule it speaks of.
NEAR = Fraction(1, 10**12)


def rational(number: float) -> Fraction:
    """Return the simplest fraction within 1e-15 (relative beyond 1) of a number, else the number's own value.

    Examples
    --------
    >>> rational(0.1), rational(1.2 / 1.36)
    (Fraction(1, 10), Fraction(15, 17))
    """
    exact = Fraction(float(number))
    for most in (10**3, 10**6, 10**9):
        simple = exact.limit_denominator(most)
        if abs(simple - exact) <= Fraction(1, 10**15) * max(1, abs(exact)):
            return simple
    return exact


def as_fraction(text: str) -> Fraction:
    """Return the fraction that is written as "p" or "p/q".

    Raises
    ------
    ValueError
        For anything else: an exponent, which Python's own reader takes, can stand for a number of any length.

    Examples
    --------
    >>> as_fraction("-3/4")
    Fraction(-3, 4)
    """
    if not isinstance(text, str) or re.fullmatch(r"-?[0-9]{1,4000}(/[0-9]{1,4000})?", text) is None:
        raise ValueError(f"a fraction p/q is needed, found {str(text)[:40]!r}")
    return Fraction(text)


def solve(rows: Sequence[dict[int, Fraction]], columns: int) -> list[Fraction] | None:
    """Return the solution of a consistent system with independent columns, by Gaussian elimination, else None.

    Parameters
    ----------
    rows : sequence of dict of int to Fraction
        The equations: coefficients by column, and the right-hand side at the key ``columns``.
    columns : int

    Examples
    --------
    >>> solve([{0: 2, 1: 1, 2: 1}, {1: 4, 2: 2}], 2)
    [Fraction(1, 4), Fraction(1, 2)]
    """
    left = [{k: Fraction(v) for k, v in row.items() if v} for row in rows]
    pivots = []
    for column in range(columns):
        holding = [row for row in left if column in row]
        if not holding:
            return None
        pivot = min(holding, key=len)
        left = [row for row in left if row is not pivot]
        pivot = {k: v / pivot[column] for k, v in pivot.items()}
        for row in [*left, *pivots]:
            share = row.pop(column, None)
            if share is None:
                continue
            for k, v in pivot.items():
                if k != column:
                    row[k] = row.get(k, 0) - share * v
                    if not row[k]:
                        del row[k]
        pivots.append(pivot)
    if any(left):
        return None
    return [pivot.get(columns, Fraction(0)) for pivot in pivots]


def is_positive_semidefinite(matrix: Sequence[Sequence[Fraction]]) -> bool:
    """Whether a symmetric rational matrix is positive semidefinite, by LDL^T without rounding.

    Parameters
    ----------
    matrix : sequence of rows, shape (size, size)

    Examples
    --------
    >>> is_positive_semidefinite([[1, -1], [-1, 1]]), is_positive_semidefinite([[1, 2], [2, 1]])
    (True, False)
    """
    exact = [[Fraction(entry) for entry in row] for row in matrix]
    scale = math.lcm(*(entry.denominator for row in exact for entry in row))
    rows = [[int(entry * scale) for entry in row] for row in exact]
    size, before = len(rows), 1
    for k in range(size):
        # fraction-free elimination: every division by the pivot before is exact
        pivot = rows[k][k]
        if pivot < 0 or (pivot == 0 and any(rows[k][k + 1 :])):
            return False
        if pivot == 0:
            continue
        for i in range(k + 1, size):
            for j in range(k + 1, size):
                rows[i][j] = (pivot * rows[i][j] - rows[i][k] * rows[k][j]) // before
        before = pivot
    return True
