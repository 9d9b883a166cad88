"""The equilibrium of a game with any regulariser: Newton's method on the values of its link, supports decided.

With f' the link and h its inverse, pi*/mu = h(A pi*/tau - lambda) where that is positive and 0 elsewhere. On theta
= A pi/tau the equation reads theta = A pi(theta)/tau with pi(theta) = mu h(theta - lambda), sum = 1. Its (generalised)
Jacobian is I - A C/tau, C = diag d - d d^T/sum d with d = mu h'(theta - lambda): C is positive semi-definite and A
skew, so it is nonsingular whichever responses have mass [derived]. For KL d = pi, and these are the steps of
:mod:`~nashsim.equilibrium.fixed_point`; for chi2 they are those of an active-set method.
"""

from __future__ import annotations

import numpy as np

from ..errors import ConvergenceError
from ..game import PreferenceGame
from ..regularisers import Regulariser, normalise
from .certificate import best_response_distance, certificate_from
from .fixed_point import RESIDUAL, Equation, NewtonPoint
from .result import Equilibrium, support_note
from .systems import System, systems_of

_POLISHING_STEPS = 8


def solve_links(game: PreferenceGame, start=None) -> Equilibrium:
    """Return the equilibrium of a game with any regulariser, exact to rounding.

    Parameters
    ----------
    game : PreferenceGame
        Game with tau set.
    start : array_like, Series, DataFrame, result or None
        As for :func:`~nashsim.equilibrium.solve_newton`.

    Raises
    ------
    ConvergenceError
        If rounding keeps the residual above 1e-13 and above what it may cost.
    """
    tau, regulariser = game.require_tau(), game.regulariser
    starts = [None] * game.contexts if start is None else np.exp(game.as_log_policy(start, "start"))
    log_policy = np.full((game.contexts, game.actions), -np.inf)
    points = []
    for context, (system, begin) in enumerate(zip(systems_of(game.preference, tau), starts, strict=True)):
        support = game.support[context]
        inside = system if support.all() else system.restrict(support)
        log_mu = game.log_reference[context, support]
        points.append(
            link_equilibrium(inside, log_mu, tau, regulariser, None if begin is None else begin[support])
        )
        log_policy[context, support] = points[-1].log_policy
    residual, divergence = best_response_distance(game, log_policy)
    certificate = certificate_from(game, residual, divergence)
    accuracy = distance_bound(game, divergence) + rounding(game, log_policy)
    return Equilibrium(
        game=game,
        log_policy=log_policy,
        method="newton",
        certificate=certificate,
        accuracy=accuracy,
        iterations=sum(point.steps for point in points),
        status=_precision_note(certificate.residual, accuracy)
        + dropped_note(game, log_policy, accuracy)
        + support_note(game),
    )


def _precision_note(residual: float, accuracy: np.ndarray) -> str:
    """Return the sentence on how exact a solution is: what rounding leaves of the residual, or what that proves."""
    if residual <= RESIDUAL:
        return f"Exact to rounding (residual {residual:.1e})."
    return f"Rounding keeps the residual at {residual:.1e}; pi is within {accuracy.max():.1e} of pi* in l1."


def distance_bound(game: PreferenceGame, divergence: np.ndarray) -> np.ndarray:
    """Return the bound on |pi - pi*|_1 that a gap of tau times ``divergence`` proves, sqrt(2 divergence/m).

    The gap is at least tau D_R(pi, pi*) >= tau m |pi - pi*|_1^2/2, m the modulus of strong convexity [derived].

    Parameters
    ----------
    game : PreferenceGame
    divergence : ndarray, shape (contexts,)
    """
    least = np.where(game.support, game.reference, 1.0).min(axis=1)
    modulus = np.array([game.regulariser.strong_convexity(mass) for mass in least])
    return np.sqrt(2.0 * divergence / modulus)


def rounding(game: PreferenceGame, log_policy: np.ndarray) -> np.ndarray:
    """Return the rounding of a policy that is mu h(payoff/tau - lambda), in l1, one number a context."""
    ratio = np.where(game.support, np.exp(log_policy - np.where(game.support, game.log_reference, 0.0)), 0.0)
    regulariser, mass = game.regulariser, game.reference
    values = np.where(ratio > 0, regulariser.anchored_link(np.where(ratio > 0, ratio, 1.0)), 0.0)
    slope = regulariser.slope(ratio)
    size = np.minimum(np.abs(values), 1.0 / game.require_tau()) + np.abs(
        log_policy, where=ratio > 0, out=0 * mass
    )
    return 8 * np.finfo(float).eps * (1.0 + (mass * slope * size).sum(axis=1))


def dropped_note(game: PreferenceGame, log_policy: np.ndarray, accuracy: np.ndarray) -> str:
    """Return the sentence on responses that get no mass, and whether that is beyond the doubt of rounding.

    An error of ``accuracy`` in pi moves payoff/tau and lambda by at most accuracy/(2 tau) each [derived].

    Parameters
    ----------
    game : PreferenceGame
    log_policy : ndarray, shape (contexts, actions)
    accuracy : ndarray, shape (contexts,)
        Bound on |pi - pi*|_1.
    """
    floor, tau = game.regulariser.floor, game.require_tau()
    if floor == -np.inf:
        return ""
    dropped = game.support & (log_policy == -np.inf)
    values = normalise_unclipped(game, log_policy)
    edge = np.abs(np.where(game.support, values - floor, np.inf)).min(axis=1)
    doubt = accuracy / tau + 8 * np.finfo(float).eps / tau
    sure = bool((edge > doubt).all())
    said = (
        "decided beyond rounding" if sure else "one of them, or of the others, is at the edge within rounding"
    )
    if not dropped.any():
        return "" if sure else " Every response has mass, one of them none within rounding."
    return f" {int(dropped.sum())} of {int(game.support.sum())} responses get no mass, {said}."


def normalise_unclipped(game: PreferenceGame, log_policy: np.ndarray) -> np.ndarray:
    """Return (P(. ≻ pi) - 1/2 - lambda)/tau, shape (contexts, actions), of a policy near the equilibrium."""
    values = game.margin(log_policy) / game.require_tau()
    clipped = normalise(game.regulariser, game.reference, values)
    at = np.where(game.support, clipped, -np.inf).argmax(axis=1)[:, None]
    return values - np.take_along_axis(values, at, 1) + np.take_along_axis(clipped, at, 1)


def link_equilibrium(
    system: System,
    log_reference: np.ndarray,
    tau: float,
    regulariser: Regulariser,
    start: np.ndarray | None = None,
) -> NewtonPoint:
    """Solve theta = A pi(theta)/tau for one game, on plain arrays.

    Parameters
    ----------
    system : System
    log_reference : ndarray, shape (actions,)
        log mu, finite.
    tau : float
    regulariser : Regulariser
    start : ndarray or None, shape (actions,)
        Policy to start from, as probabilities.
    """
    equation = _LinkEquation(system, log_reference, regulariser)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        theta = None
        if start is not None:
            theta = equation.newton(system.margin(start) / tau, 1.0 / tau, equation.enough)
        if theta is None:
            theta = equation.along_path(1.0 / tau)
        return equation.polish(theta, tau)


class _LinkEquation(Equation):
    """theta = A pi(theta)/tau of one game on its support."""

    def __init__(self, system: System, log_reference: np.ndarray, regulariser: Regulariser):
        super().__init__(system, np.zeros_like(log_reference))
        self.log_mu, self.mass, self.regulariser = log_reference, np.exp(log_reference), regulariser

    def values(self, theta: np.ndarray) -> np.ndarray:
        """Return the link values of pi(theta)."""
        return normalise(self.regulariser, self.mass, theta)

    def evaluate(self, theta: np.ndarray, sharpness: float):
        """Return the weights d of the Jacobian, the payoff of pi(theta), the mismatch and its span."""
        if not np.isfinite(theta).all():
            return theta, theta, theta, np.nan
        values = self.values(theta)
        ratio = self.regulariser.anchored_inverse(values)
        payoff = self.system.margin(self.mass * ratio)
        mismatch = theta - sharpness * payoff
        slopes = self.mass * self.regulariser.slope(ratio)
        return slopes, payoff, mismatch, np.maximum.reduce(mismatch) - np.minimum.reduce(mismatch)

    def newton_step(self, slopes: np.ndarray, payoff: np.ndarray, mismatch: np.ndarray, sharpness: float):
        """Return x with (I - sharpness A C) x = mismatch, C = s (diag p - p p^T), d = s p and sum p = 1."""
        self.steps += 1
        total = slopes.sum()
        shares = slopes / total
        return self.system.newton_step(shares, self.system.margin(shares), mismatch, sharpness * total)

    def polish(self, theta: np.ndarray, tau: float) -> NewtonPoint:
        """Refine by Newton steps on the accurate payoff until rounding stops them."""
        least, best = np.inf, theta
        for _ in range(_POLISHING_STEPS):
            values = self.values(theta)
            ratio = self.regulariser.anchored_inverse(values)
            policy = self.mass * ratio
            target = self.system.accurate_margin(policy) / tau
            response = self.mass * self.regulariser.anchored_inverse(self.values(target))
            residual = float(np.abs(policy - response).max())
            if not residual < least:
                break
            best, least = values, residual
            slopes = self.mass * self.regulariser.slope(ratio)
            theta = theta - self.newton_step(slopes, target, theta - target, 1.0 / tau)
        policy = self.mass * (ratio := self.regulariser.anchored_inverse(best))
        slopes = self.mass * self.regulariser.slope(ratio)
        cost = 32 * np.finfo(float).eps * slopes.max() / tau
        if not least <= max(RESIDUAL, cost):
            raise ConvergenceError(
                f"newton: the residual {least:.2g} at tau = {tau:.3g} with {self.regulariser.word!r} stays above"
                f" {max(RESIDUAL, cost):.1g}; use a larger tau, or method='lottery' for the limit tau -> 0"
            )
        # The masses sum to 1 up to the rounding of the root; what is returned is normalised.
        return NewtonPoint(self.log_mu + np.log(ratio) - np.log(policy.sum()), least, self.steps)
