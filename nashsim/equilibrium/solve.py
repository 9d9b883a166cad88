"""One door to the three solvers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, overload

from ..errors import unknown_name
from ..game import PreferenceGame
from .lottery import Lottery, lottery
from .newton import solve_newton
from .result import Equilibrium
from .witness import solve_cvxpy

#: The solvers by the name that ``solve`` and the command line take.
METHODS: dict[str, Callable[[PreferenceGame], Equilibrium | Lottery]] = {
    "newton": solve_newton,
    "cvxpy": solve_cvxpy,
    "lottery": lottery,
}


@overload
def solve(game: PreferenceGame, method: Literal["newton", "cvxpy"] = "newton") -> Equilibrium: ...


@overload
def solve(game: PreferenceGame, method: Literal["lottery"]) -> Lottery: ...


@overload
def solve(game: PreferenceGame, method: str) -> Equilibrium | Lottery: ...


def solve(game: PreferenceGame, method: str = "newton") -> Equilibrium | Lottery:
    """Return the equilibrium of a game by one of the solvers.

    Parameters
    ----------
    game : PreferenceGame
    method : {"newton", "cvxpy", "lottery"}
        ``newton``: the regularised equilibrium to rounding. ``cvxpy``: the same by an independent way, to
        the accuracy it reports. ``lottery``: the unregularised maximal lottery; needs no tau.

    Returns
    -------
    Equilibrium or Lottery
        Either has ``policy``, a Series by action, or by (context, action) for several contexts.

    Raises
    ------
    NashsimError
        If the method is unknown, or needs a tau that the game does not have.
    ConvergenceError
        If the solver cannot reach the accuracy it promises.

    Examples
    --------
    >>> game = PreferenceGame([[0.5, 0.9], [0.1, 0.5]], tau=0.5)
    >>> solve(game).value, solve(game, "lottery").policy.to_dict()
    (0.5, {'0': 1.0, '1': 0.0})
    """
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    return METHODS[method](game)
