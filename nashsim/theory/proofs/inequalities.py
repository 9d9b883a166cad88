"""What every game satisfies, as inequalities linear in the scalars and quadratic in the distances N_ab = |a - b|_1.

- ``pinsker a b``: KL(a || b) >= N_ab^2/2.
- ``lipschitz s a b c d``: s <A(a - b), c - d> <= N_ab N_cd/2, s = ±1; A is skew with entries at most 1/2.
- ``triangle a b c d e``: (N_ab + N_bc - N_ac) N_de >= 0; d e = ``1`` stands for the number 1.
- ``payoff s r a b``: s <A r, a - b> <= N_ab/2 for a policy r.
- ``nash p``: <A q, e_p> <= 0 where q is an equilibrium of the unregularised game.

``payoff`` needs the number 1 beside the distances and belongs to statements with a constant term.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from ...errors import NashsimError
from .policies import NASH, Execution, Form, combine

#: Beside the distances: the number 1.
UNIT = ("1",)
HALF = Fraction(1, 2)

#: A distance N_ab by its pair of policies, or the number 1.
Distance = tuple[str, ...]


@dataclass(frozen=True)
class Inequality:
    """linear + quadratic >= 0.

    Attributes
    ----------
    name : tuple of str
        As in the list above.
    linear : Form
        In the unknown scalars.
    quadratic : dict of (Distance, Distance) to Fraction
        Coefficients of products, each once, in sorted order.
    """

    name: tuple[str, ...]
    linear: Form
    quadratic: dict[tuple[Distance, Distance], Fraction]


def distance(a: str, b: str) -> Distance:
    """Return the key of N_ab."""
    return (a, b) if a < b else (b, a)


def product(one: Distance, other: Distance) -> tuple[Distance, Distance]:
    """Return the key of a product of two distances."""
    return (one, other) if one <= other else (other, one)


def named(execution: Execution, name: Sequence[str]) -> Inequality:
    """Return the inequality of a name, derived from the policies' vectors.

    Raises
    ------
    NashsimError
        For a name that is none.
    """
    name = tuple(name)
    try:
        kind, *arguments = name
        linear, quadratic = _KINDS[kind](execution, *arguments)
    except (KeyError, TypeError, ValueError):
        raise NashsimError(f"multipliers: {' '.join(map(str, name))!r} names no inequality") from None
    return Inequality(name, linear, {key: value for key, value in quadratic.items() if value})


def _pinsker(execution: Execution, a: str, b: str):
    _different(execution, a, b)
    pair = distance(a, b)
    return execution.kl(a, b), {product(pair, pair): -HALF}


def _lipschitz(execution: Execution, sign: str, a: str, b: str, c: str, d: str):
    _different(execution, a, b)
    _different(execution, c, d)
    return combine((-_sign(sign), execution.difference((a, b), (c, d)))), {
        product(distance(a, b), distance(c, d)): HALF
    }


def _triangle(execution: Execution, a: str, b: str, c: str, *times: str):
    for pair in ((a, b), (b, c), (a, c)):
        _different(execution, *pair)
    other = _times(execution, times)
    quadratic: dict = {}
    for weight, pair in ((1, distance(a, b)), (1, distance(b, c)), (-1, distance(a, c))):
        key = product(pair, other)
        quadratic[key] = quadratic.get(key, Fraction(0)) + weight
    return {}, quadratic


def _payoff(execution: Execution, sign: str, r: str, a: str, b: str):
    _different(execution, a, b)
    if r not in execution.vectors and r != NASH:
        raise KeyError(r)
    form = combine((1, execution.payoff(r, a)), (-1, execution.payoff(r, b)))
    return combine((-_sign(sign), form)), {product(distance(a, b), UNIT): HALF}


def _nash(execution: Execution, p: str):
    if not execution.lottery:
        raise ValueError("of an equilibrium of the unregularised game alone")
    return {("h", p): Fraction(-1)}, {}


_KINDS = {
    "pinsker": _pinsker,
    "lipschitz": _lipschitz,
    "triangle": _triangle,
    "payoff": _payoff,
    "nash": _nash,
}


def _sign(sign: str) -> int:
    return {"+": 1, "-": -1}[sign]


def _times(execution: Execution, times: tuple[str, ...]) -> Distance:
    if times == UNIT:
        return UNIT
    a, b = times
    _different(execution, a, b)
    return distance(a, b)


def _different(execution: Execution, a: str, b: str) -> None:
    if a == b or not {a, b} <= {NASH, *execution.vectors}:
        raise ValueError(f"{a}, {b}: two different policies are needed")


def all_of(
    execution: Execution,
    policies: Sequence[str],
    *,
    affine: bool = False,
    triangles: bool = False,
) -> list[Inequality]:
    """Return the inequalities between policies and the equilibrium.

    Parameters
    ----------
    execution : Execution
    policies : sequence of str
        Without the equilibrium.
    affine : bool
        Whether those with the number 1 take part.
    triangles : bool
        Whether triangle inequalities take part: they are many, and lower no factor by more than 1e-6 where tried.
    """
    everyone = [NASH, *policies]
    pairs = [distance(a, b) for a, b in combinations(everyone, 2)]
    names = [("pinsker", *pair) for a, b in pairs for pair in ((a, b), (b, a))]
    names += [("lipschitz", sign, *one, *other) for one, other in combinations(pairs, 2) for sign in "+-"]
    if triangles:
        names += [
            ("triangle", a, b, c, *times)
            for a, c in combinations(everyone, 2)
            for b in everyone
            if b not in (a, c)
            for times in ([*pairs, UNIT] if affine else pairs)
        ]
    if affine:
        names += [("payoff", sign, r, *pair) for r in everyone for pair in pairs for sign in "+-"]
    if execution.lottery:
        names += [("nash", p) for p in policies]
    found = [named(execution, name) for name in names]
    return [inequality for inequality in found if inequality.linear or inequality.quadratic]
