"""Newton on log-policies, on plain arrays: the fixed point pi = BR_tau(pi) of one skew game."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import ConvergenceError
from ..logspace import log_normalise
from .small_tau import refine
from .systems import DenseSystem, System

#: The residual max|pi - BR_tau(pi)| that every returned answer meets.
RESIDUAL = 1e-13

# A first guess is good to 1/tau of about 64; beyond, the path grows 1/tau by these factors.
_FIRST_FACTOR = 64.0
_NEXT_FACTOR = 3.0
# Where a tiny reference mass takes over the solution turns within a relative 1/log(1/mu) of tau.
_LEAST_FACTOR = 1.0001
# Where damping stops short of the end, whole steps go on, nearer still, for this many at most.
_LEAST_WHOLE = 1 + 1e-7
_MOST_WHOLE = 4000
_GROWTH = 1.5
# Newton's steps and shortest damping before a point of the path is given up for a nearer one; for that
# one both are relaxed, as near boundary layers only patience helps.
_STEPS = 20
_MOST_STEPS = 200
_DAMPING = 1 / 64
# The mismatch of log pi and log BR(pi) that will do on the way (to start from) and at the end (to polish).
_ON_THE_WAY = 0.1
_AT_THE_END = 1e-6
_POLISHED = 2e-15
_POLISHED_LOG = 1e-14
_POLISHING_STEPS = 6


class NewtonPoint(NamedTuple):
    """A solution on arrays.

    Attributes
    ----------
    log_policy : ndarray, shape (actions,)
    residual : float
        max|pi - BR_tau(pi)|, at most 1e-13; at tiny tau that of pi before it was rounded to float64.
    steps : int
        Linear systems solved.
    divergence : float or None
        KL(pi || BR_tau(pi)) before pi was rounded to float64, where that rounding alone is more than a residual of
        1e-13; ``None`` elsewhere.
    """

    log_policy: np.ndarray
    residual: float
    steps: int
    divergence: float | None = None


def regularised_equilibrium(
    skew: np.ndarray | System, log_reference: np.ndarray, tau: float, start: np.ndarray | None = None
) -> NewtonPoint:
    """Solve theta = log mu + A softmax(theta)/tau for one game, on plain arrays.

    The Jacobian I - A (diag pi - pi pi^T)/tau is nonsingular for every pi, as A is skew and the
    covariance positive semi-definite, so damped Newton steps always reduce the mismatch [derived]. Where
    they get slow the solution is followed from larger tau, with steps in log tau that adapt. The last
    steps use the payoff beyond float64, and where that leaves a residual, the policy too.

    Parameters
    ----------
    skew : ndarray, shape (actions, actions), or System
        A = P - 1/2, or what applies it and solves with it where it is no matrix (:func:`systems_of`).
    log_reference : ndarray, shape (actions,)
        log mu; -inf leaves an action out.
    tau : float
    start : ndarray or None, shape (actions,)
        Log-policy to start from.

    Returns
    -------
    NewtonPoint

    Raises
    ------
    ConvergenceError
        If a residual of 1e-13 is out of reach.

    Examples
    --------
    >>> rps = np.array([[0, 0.5, -0.5], [-0.5, 0, 0.5], [0.5, -0.5, 0]])
    >>> np.exp(regularised_equilibrium(rps, np.log([0.2, 0.3, 0.5]), 0.1).log_policy).round(4)
    array([0.288 , 0.3862, 0.3259])
    """
    system = DenseSystem(skew) if isinstance(skew, np.ndarray) else skew
    support = log_reference > -np.inf
    if not support.all():
        begin = None if start is None else start[support]
        point = regularised_equilibrium(system.restrict(support), log_reference[support], tau, begin)
        log_policy = np.full(len(support), -np.inf)
        log_policy[support] = point.log_policy
        return point._replace(log_policy=log_policy)
    equation = Equation(system, log_reference)
    with np.errstate(over="ignore", invalid="ignore"):
        logits = equation.from_start(start, 1.0 / tau)
        if logits is None:
            logits = equation.along_path(1.0 / tau)
        return equation.polish(logits, tau)


class Equation:
    """theta = log mu + A softmax(theta)/tau of one game on its support; 1/tau is called sharpness."""

    def __init__(self, system: System, log_reference: np.ndarray):
        self.system, self.log_reference = system, log_reference
        self.steps, self.enough = 0, _AT_THE_END

    def evaluate(self, logits: np.ndarray, sharpness: float):
        """Return the policy, its payoff, the mismatch of the equation and its span, free of a constant."""
        # ufuncs themselves: the methods around them take longer than ten actions do
        policy = np.exp(logits - np.maximum.reduce(logits))
        policy /= np.add.reduce(policy)
        payoff = self.system.margin(policy)
        mismatch = logits - self.log_reference - sharpness * payoff
        return policy, payoff, mismatch, np.maximum.reduce(mismatch) - np.minimum.reduce(mismatch)

    def newton_step(self, policy: np.ndarray, payoff: np.ndarray, mismatch: np.ndarray, sharpness: float):
        """Return the undamped step that Newton's method takes from here."""
        self.steps += 1
        return self.system.newton_step(policy, payoff, mismatch, sharpness)

    def newton(
        self, logits: np.ndarray, sharpness: float, enough: float, patience: int = 1
    ) -> np.ndarray | None:
        """Damped Newton to a mismatch below ``enough``; None if it gets slow."""
        policy, payoff, mismatch, size = self.evaluate(logits, sharpness)
        for _ in range(min(_STEPS * patience, _MOST_STEPS)):
            if size <= enough:
                return logits
            step = self.newton_step(policy, payoff, mismatch, sharpness)
            damping, before = 1.0, size
            while True:
                trial = logits - damping * step
                policy, payoff, mismatch, size = self.evaluate(trial, sharpness)
                if size <= (1 - 0.1 * damping) * before:
                    break
                damping /= 2
                if damping < _DAMPING / patience:
                    return None
            logits = trial
        return logits if size <= enough else None

    def undamped(self, logits: np.ndarray, sharpness: float) -> np.ndarray | None:
        """Newton by whole steps, whatever they do to the mismatch on the way; None if it does not end below 1e-6."""
        for _ in range(_STEPS):
            policy, payoff, mismatch, size = self.evaluate(logits, sharpness)
            if size <= _AT_THE_END:
                return logits
            logits = logits - self.newton_step(policy, payoff, mismatch, sharpness)
            if not np.isfinite(logits).all():
                break
        return None

    def by_whole_steps(self, reached: float, logits: np.ndarray, sharpness: float) -> np.ndarray | None:
        """Follow the solution on from where damping stopped, each point to 1e-6; None if that stops too."""
        factor, last = sharpness / reached if reached > 0 else _FIRST_FACTOR, self.steps + _MOST_WHOLE
        while reached < sharpness:
            attempt = min(max(reached, 1.0) * factor, sharpness)
            found = self.undamped(logits, attempt)
            if found is None:
                factor = np.sqrt(factor)
                if factor < _LEAST_WHOLE or self.steps > last:
                    return None
                continue
            reached, logits, factor = attempt, found, min(factor**_GROWTH, _FIRST_FACTOR)
        return logits

    def from_start(self, start: np.ndarray | None, sharpness: float) -> np.ndarray | None:
        """Newton from a log-policy; None if there is none or it is too far away."""
        if start is None:
            return None
        played = start > -np.inf
        policy = np.exp(start)
        # Actions that the start lacks get their best-response logits, on the scale where sum pi A pi = 0.
        offset = policy[played] @ (start - self.log_reference)[played]
        filled = self.log_reference + sharpness * self.system.margin(policy) + offset
        return self.newton(np.where(played, start, filled), sharpness, _AT_THE_END)

    def along_path(self, sharpness: float) -> np.ndarray:
        """Follow the solution from the reference (1/tau = 0) by growing 1/tau as fast as Newton follows."""
        reached, logits, factor, patience = 0.0, self.log_reference, _FIRST_FACTOR, 1
        while reached < sharpness:
            attempt = min(max(reached, 1.0) * factor, sharpness)
            before = self.steps
            enough = _AT_THE_END if attempt == sharpness else _ON_THE_WAY
            found = self.newton(logits, attempt, enough, patience)
            if found is None:
                factor, patience = np.sqrt(factor), 2 * patience
                if factor < _LEAST_FACTOR:
                    # Where A is all but singular on the support, a step to the right masses raises, on its way, the
                    # mismatch of actions without any: it is taken whole.
                    for begin in ((reached, logits), (0.0, self.log_reference)):
                        found = self.by_whole_steps(*begin, sharpness)
                        if found is not None:
                            return found
                    raise ConvergenceError(
                        f"newton: the path in tau stopped at tau = {1 / attempt:.3g} on its way to"
                        f" {1 / sharpness:.3g}; use a larger tau, or method='lottery' for the limit tau -> 0"
                    )
                continue
            if reached == 0.0:
                factor = _NEXT_FACTOR
            elif self.steps - before <= 3:
                factor **= _GROWTH
            reached, logits, patience = attempt, found, 1
        return logits

    def polish(self, logits: np.ndarray, tau: float) -> NewtonPoint:
        """Refine by Newton steps on the accurate mismatch until rounding stops them."""
        best, least = logits, np.inf
        for _ in range(_POLISHING_STEPS):
            log_policy = log_normalise(logits)
            policy = np.exp(log_policy)
            log_best = log_normalise(self.log_reference + self.system.accurate_margin(policy) / tau)
            mismatch = log_policy - log_best
            residual = float(np.abs(policy - np.exp(log_best)).max())
            if not residual <= max(least, _POLISHED):
                break
            best, least = log_policy, residual
            # The second condition is for actions of tiny mass, whose logarithms the residual cannot see.
            if residual <= _POLISHED and (np.abs(mismatch) <= _POLISHED_LOG * (1 - log_best)).all():
                break
            logits = log_policy - self.newton_step(policy, self.system.margin(policy), mismatch, 1.0 / tau)
        if not least <= RESIDUAL and hasattr(self.system, "double_margin"):
            fine = refine(self.system, self.log_reference, best, tau)
            self.steps += fine.steps
            if fine.residual <= RESIDUAL:
                return NewtonPoint(fine.log_policy, fine.residual, self.steps, fine.divergence)
            least = min(least, fine.residual)
        if not least <= RESIDUAL:
            raise ConvergenceError(
                f"newton: the residual {least:.2g} at tau = {tau:.3g} stays above {RESIDUAL:g}: float64"
                " is too coarse for this tau; use a larger tau (1e-6 is within reach of a game stored as a matrix, 1e-3"
                " of others), or method='lottery' for the limit tau -> 0"
            )
        return NewtonPoint(best, least, self.steps)
