"""Two independent solvers held against each other."""

from __future__ import annotations

import numpy as np

from ..errors import EquilibriumDisagreement, NashsimError
from .result import Equilibrium


def check_agreement(newton: Equilibrium, witness: Equilibrium) -> float:
    """Return the largest L1 distance of two equilibria over contexts, or raise if they contradict each other.

    Each lies within its certified accuracy of the one equilibrium, so the distance cannot exceed the
    sum of the two unless one solver is wrong.

    Parameters
    ----------
    newton, witness : Equilibrium
        Two answers for the same game, from independent solvers.

    Returns
    -------
    float
        max over contexts of |pi_newton - pi_witness|_1.

    Raises
    ------
    EquilibriumDisagreement
        If in any context the distance exceeds the sum of the accuracies.
    NashsimError
        If the games differ in shape or tau.

    Examples
    --------
    >>> from nashsim import PreferenceGame
    >>> from nashsim.equilibrium import solve_cvxpy, solve_newton
    >>> game = PreferenceGame([[0.5, 0.9], [0.1, 0.5]], tau=0.5)
    >>> check_agreement(solve_newton(game), solve_cvxpy(game)) < 1e-6
    True
    """
    games = [(e.game.contexts, e.game.actions, e.game.tau) for e in (newton, witness)]
    if games[0] != games[1]:
        raise NashsimError(
            "check_agreement: two answers for one game are needed, found (contexts, actions, tau) ="
            f" {games[0]} and {games[1]}"
        )
    distance = np.abs(np.exp(newton.log_policy) - np.exp(witness.log_policy)).sum(axis=1)
    allowed = newton.accuracy + witness.accuracy
    # Written so that a NaN on either side is a disagreement.
    wrong = np.flatnonzero(~(distance <= allowed))
    if wrong.size:
        at = wrong[0]
        raise EquilibriumDisagreement(
            f"{newton.method} and {witness.method} disagree on {newton.game.name!r} (context {at}):"
            f" the policies are {distance[at]:.3g} apart in L1, the accuracies allow {allowed[at]:.3g}"
            f" ({newton.accuracy[at]:.3g} + {witness.accuracy[at]:.3g}): one solver is wrong; report it"
        )
    return float(distance.max())
