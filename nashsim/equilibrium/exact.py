"""Optimal policies of a small skew game in exact rational arithmetic, where products of margins meet rounding."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

#: Largest games that are decided in rational arithmetic, by whether their fractions are short: a second or two.
MOST_ACTIONS = {True: 40, False: 16}
# Rounding of P in [1/2, 1] and of P - 1/2, absolute.
_ROUNDING = 2.0**-53
# A float is taken as the fraction that was meant: itself on a grid this coarse, or the one within its rounding whose
# denominator is this small; two of these are 1e-14 apart or more.
_GRID, _DENOMINATOR = 1 << 34, 10**7


def rationals(skew: np.ndarray) -> tuple[list[list[Fraction]], bool]:
    """Return a skew matrix as fractions, and whether each is the short one that was meant.

    Where one of them is not, all are the floats themselves, known to their rounding.

    Parameters
    ----------
    skew : ndarray, shape (actions, actions)
        A = P - 1/2.

    Examples
    --------
    >>> matrix, meant = rationals(np.array([[0.0, 0.7 - 0.5], [0.5 - 0.7, 0.0]]))
    >>> matrix[0][1], meant
    (Fraction(1, 5), True)
    """
    actions = len(skew)
    meant, floats = [[[Fraction(0)] * actions for _ in range(actions)] for _ in range(2)]
    all_meant = True
    for i in range(actions):
        for j in range(i):
            exact = Fraction(float(skew[i, j]))
            short = exact if exact.denominator <= _GRID else exact.limit_denominator(_DENOMINATOR)
            all_meant &= abs(short - exact) <= _ROUNDING
            meant[i][j], meant[j][i] = short, -short
            floats[i][j], floats[j][i] = exact, -exact
    return (meant, True) if all_meant else (floats, False)


def null_space(rows: list[list[Fraction]], columns: int) -> list[list[Fraction]]:
    """Return a basis of the null space of a matrix of fractions."""
    rows, pivots = _reduced(rows)
    basis = []
    for free in (column for column in range(columns) if column not in pivots):
        vector = [Fraction(0)] * columns
        vector[free] = Fraction(1)
        for row, pivot in zip(rows, pivots, strict=False):
            vector[pivot] = -row[free]
        basis.append(vector)
    return basis


def complementary(matrix: list[list[Fraction]]) -> list[Fraction]:
    """Return an optimal p whose support is the largest: p_j > 0 or (A p)_j < 0 for every j.

    It is q/sum(q) of a q >= 0 with A q <= 0 and q - A q >= 1, which exists by Goldman and Tucker (1956) [recalled];
    found by the simplex method with Bland's rule, so that it ends.

    Parameters
    ----------
    matrix : list of list of Fraction
        A = -A^T.
    """
    actions = len(matrix)
    # Rows of a dictionary: basic = constant - sum coefficient * nonbasic. Slacks of A q <= 0, surpluses of
    # q - A q >= 1, and one artificial variable that all of the latter share, to be driven to 0.
    artificial = 3 * actions
    nonbasic, basic = [*range(actions), artificial], [*range(actions, 3 * actions)]
    rows = [[*row, Fraction(0), Fraction(0)] for row in matrix]
    rows += [
        [matrix[i][j] - (i == j) for j in range(actions)] + [Fraction(-1), Fraction(-1)]
        for i in range(actions)
    ]
    _pivot(rows, basic, nonbasic, actions, actions)
    while artificial in basic:
        # The artificial variable falls with any nonbasic one whose coefficient in its row is positive; as the system
        # has a solution, there is one.
        falls = zip(nonbasic, rows[basic.index(artificial)], strict=False)
        column = nonbasic.index(min(variable for variable, coefficient in falls if coefficient > 0))
        ratios = [(row[-1] / row[column], basic[i], i) for i, row in enumerate(rows) if row[column] > 0]
        least = min(ratios)[0]
        tied = [ratio for ratio in ratios if ratio[0] == least]
        chosen = next((r for r in tied if r[1] == artificial), min(tied, key=lambda r: r[1]))
        _pivot(rows, basic, nonbasic, chosen[2], column)
    values = [Fraction(0)] * actions
    for variable, row in zip(basic, rows, strict=True):
        if variable < actions:
            values[variable] = row[-1]
    total = sum(values)
    return [value / total for value in values]


def floats_are_right(
    skew: np.ndarray, played: np.ndarray, tight: np.ndarray, support: np.ndarray, dimension: int
) -> bool:
    """Whether ranks are what floats tell of an optimal vertex and of the largest support; untried for large games.

    Parameters
    ----------
    skew : ndarray, shape (actions, actions)
        A.
    played, tight, support : ndarray of bool, shape (actions,)
        Actions with mass at the vertex, those without slack there, and those of the largest support.
    dimension : int
        Dimension of the null space of A on the support.
    """
    if len(skew) > max(MOST_ACTIONS.values()):
        return True
    matrix, meant = rationals(skew)
    if len(skew) > MOST_ACTIONS[meant]:
        return True

    def rank(rows: np.ndarray, columns: np.ndarray) -> int:
        block = [[matrix[i][j] for j in np.flatnonzero(columns)] for i in np.flatnonzero(rows)]
        return len(_reduced(block)[1])

    return rank(tight, played) == played.sum() - 1 and rank(support, support) == support.sum() - dimension


def complementary_optimum(skew: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return an optimal policy of the largest support S, and an orthonormal basis of {q : A_SS q = 0}.

    Parameters
    ----------
    skew : ndarray, shape (actions, actions)
        A.

    Returns
    -------
    policy : ndarray, shape (actions,)
    null : ndarray, shape (size of the support, dimension)
        In place of both None, where the game is too large or what decides is within the rounding of P.
    """
    if len(skew) > max(MOST_ACTIONS.values()):
        return None
    matrix, meant = rationals(skew)
    if len(skew) > MOST_ACTIONS[meant]:
        return None
    policy = complementary(matrix)
    if not meant and not beyond_rounding(matrix, policy, float(skew.max())):
        return None
    inside = [i for i, p in enumerate(policy) if p > 0]
    basis = null_space([[matrix[i][j] for j in inside] for i in inside], len(inside))
    return np.array(policy, dtype=float), np.linalg.qr(np.array(basis, dtype=float).T)[0]


def beyond_rounding(matrix: list[list[Fraction]], policy: list[Fraction], scale: float) -> bool:
    """Whether slacks, masses and A's least singular value on the support are larger than the rounding of P makes them.

    Parameters
    ----------
    matrix : list of list of Fraction
    policy : list of Fraction
        Optimal policy of the largest support.
    scale : float
        max|A|.
    """
    actions = len(matrix)
    support = [i for i in range(actions) if policy[i] > 0]
    rounding = 8 * actions * _ROUNDING
    slack = [-sum(a * p for a, p in zip(matrix[i], policy, strict=True)) for i in range(actions)]
    if any(slack[i] <= rounding for i in range(actions) if i not in support):
        return False
    block = np.array([[float(matrix[i][j]) for j in support] for i in support])
    bordered = np.block(
        [[block, np.full((len(support), 1), scale)], [np.full((1, len(support)), scale), 0.0]]
    )
    singular = np.linalg.svd(bordered, compute_uv=False)
    return bool(min(policy[i] for i in support) * singular[-1] > rounding)


def _pivot(rows: list, basic: list, nonbasic: list, row: int, column: int) -> None:
    """Exchange a basic and a nonbasic variable of a dictionary."""
    chosen = rows[row]
    pivot = chosen[column]
    rows[row] = new = [value / pivot for value in chosen]
    new[column] = 1 / pivot
    for i, other in enumerate(rows):
        factor = other[column]
        if i != row and factor:
            rows[i] = [value - factor * share for value, share in zip(other, new, strict=True)]
            rows[i][column] = -factor / pivot
    basic[row], nonbasic[column] = nonbasic[column], basic[row]


def _reduced(rows: list[list[Fraction]]) -> tuple[list[list[Fraction]], list[int]]:
    """Rows in reduced echelon form, and the columns of their pivots."""
    rows = [row[:] for row in rows]
    pivots: list[int] = []
    for column in range(len(rows[0]) if rows else 0):
        depth = len(pivots)
        found = next((i for i in range(depth, len(rows)) if rows[i][column]), None)
        if found is None:
            continue
        rows[depth], rows[found] = rows[found], rows[depth]
        rows[depth] = [value / rows[depth][column] for value in rows[depth]]
        for i, row in enumerate(rows):
            if i != depth and row[column]:
                factor = row[column]
                rows[i] = [value - factor * share for value, share in zip(row, rows[depth], strict=True)]
        pivots.append(column)
    return rows, pivots
