"""The regularised equilibrium of a game, exact to rounding, by Newton's method."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..game import PreferenceGame
from .batch import MOST_ACTIONS, equilibria_at_once
from .certificate import best_response_distance, certificate_from
from .fixed_point import NewtonPoint, regularised_equilibrium
from .links import solve_links
from .result import Equilibrium, support_note
from .systems import systems_of


def solve_newton(game: PreferenceGame, *, start=None) -> Equilibrium:
    """Return the regularised equilibrium to rounding: pi* = BR_tau(pi*), residual at most 1e-13.

    Newton's method on the logits, theta = log mu + A softmax(theta)/tau, along a path in tau where tau is
    small; see :func:`regularised_equilibrium`. pi* is the only fixed point [derived]. Other regularisers likewise, on
    the values of their link, with the responses that get no mass decided; see :mod:`~nashsim.equilibrium.links`. The
    linear systems are solved as the storage allows (:func:`systems_of`): a low rank in O(actions) time and memory, a
    triangle or blocks by products alone, a matrix by LU, of more than 500 actions on those whose mass matters.

    Parameters
    ----------
    game : PreferenceGame
        Game with tau set.
    start : array_like, Series, DataFrame, result or None
        Policy to start from, e.g. the equilibrium of a nearby game, see
        :meth:`~nashsim.PreferenceGame.as_log_policy`; ``None`` starts from the reference.

    Returns
    -------
    Equilibrium

    Raises
    ------
    NashsimError
        If the game has no tau or ``start`` is no policy of it.
    ConvergenceError
        If a residual of 1e-13 is out of reach: of a game of at most 4096 actions that is no low rank
        below tau = 1e-6, of others below 1e-3.

    Examples
    --------
    >>> game = PreferenceGame([[0.5, 0.9], [0.1, 0.5]], tau=0.5, labels=["better", "worse"])
    >>> solve_newton(game).policy.round(6)
    better    0.689974
    worse     0.310026
    Name: probability, dtype: float64
    """
    tau = game.require_tau()
    if not game.kl_regularised:
        return solve_links(game, start)
    starts: Any = [None] * game.contexts
    found: list[NewtonPoint | None] = [None] * game.contexts
    if start is not None:
        starts = game.as_log_policy(start, "start")
    elif game.contexts > 1 and game.actions <= MOST_ACTIONS:
        found = equilibria_at_once(game.preference.dense(), game.log_reference, tau)
    points = [
        point or regularised_equilibrium(system, log_reference, tau, begin)
        for point, system, log_reference, begin in zip(
            found, systems_of(game.preference, tau), game.log_reference, starts, strict=True
        )
    ]
    log_policy = np.stack([point.log_policy for point in points])
    residual, divergence = best_response_distance(game, log_policy)
    certificate = certificate_from(game, residual, divergence)
    known = [d if p.divergence is None else p.divergence for p, d in zip(points, divergence, strict=True)]
    fine = any(point.divergence is not None for point in points)
    coarse = ", which is that of the policy's own rounding to float64" if fine else ""
    return Equilibrium(
        game=game,
        log_policy=log_policy,
        method="newton",
        certificate=certificate,
        accuracy=_accuracy(game, log_policy, np.array(known)),
        iterations=sum(point.steps for point in points),
        status=f"Exact to rounding (residual {certificate.residual:.1e}{coarse})." + support_note(game),
    )


def _accuracy(game: PreferenceGame, log_policy: np.ndarray, divergence: np.ndarray) -> np.ndarray:
    """Certified |pi - pi*|_1 in each context, from KL(pi || BR_tau(pi)), and the rounding of log pi.

    tau KL(pi || pi*) = J(pi*, pi) - 1/2 <= max_pi' J(pi', pi) - 1/2 = tau KL(pi || BR_tau(pi)), and
    Pinsker's inequality [derived].
    """
    played = log_policy > -np.inf
    terms = np.where(played, np.abs(log_policy) + np.abs(game.log_reference), 0.0)
    rounding = 4 * np.finfo(float).eps * (1.0 + (np.exp(log_policy) * terms).sum(axis=1))
    return np.sqrt(2.0 * divergence) + rounding
