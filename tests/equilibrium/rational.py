"""The optimal polytope of a small integer skew game, exactly, by enumerating its vertices."""

from fractions import Fraction
from itertools import combinations


def vertices(skew):
    """All vertices of {p >= 0, A p <= 0, sum p = 1} for an integer matrix A = -A^T."""
    n, found = len(skew), set()
    for size in range(1, n + 1):
        for played in combinations(range(n), size):
            for tight in combinations(range(n), size - 1):
                ray = _null_ray([[Fraction(int(skew[i][j])) for j in played] for i in tight], size)
                if ray is None or sum(ray) == 0:
                    continue
                ray = [x / sum(ray) for x in ray]
                p = [Fraction(0)] * n
                for j, x in zip(played, ray, strict=True):
                    p[j] = x
                payoffs = [sum(int(skew[i][j]) * p[j] for j in range(n)) for i in range(n)]
                if min(ray) > 0 and max(payoffs) <= 0:
                    found.add(tuple(p))
    return found


def _null_ray(rows, columns):
    """The null vector of a matrix whose null space is a line, else None."""
    rows, pivots = [row[:] for row in rows], []
    for column in range(columns):
        depth = len(pivots)
        pivot = next((i for i in range(depth, len(rows)) if rows[i][column] != 0), None)
        if pivot is None:
            continue
        rows[depth], rows[pivot] = rows[pivot], rows[depth]
        rows[depth] = [x / rows[depth][column] for x in rows[depth]]
        for i in range(len(rows)):
            if i != depth:
                rows[i] = [x - rows[i][column] * y for x, y in zip(rows[i], rows[depth], strict=True)]
        pivots.append(column)
    free = [column for column in range(columns) if column not in pivots]
    if len(free) != 1:
        return None
    ray = [Fraction(0)] * columns
    ray[free[0]] = Fraction(1)
    for i, column in enumerate(pivots):
        ray[column] = -rows[i][free[0]]
    return ray
