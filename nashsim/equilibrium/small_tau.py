"""The last Newton steps where tau is so small that rounding a policy to float64 moves its best response."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .double_double import Double, as_double, exponential, quick_sum

_STEPS = 12
# A mismatch this small is the rounding of a payoff in two floats.
_ENOUGH = 1e-15


class Refined(NamedTuple):
    """A fixed point in two floats.

    Attributes
    ----------
    log_policy : ndarray, shape (actions,)
        log pi, rounded to float64.
    residual, divergence : float
        max|pi - BR_tau(pi)| and KL(pi || BR_tau(pi)) of pi before it was rounded, with what the payoff's own rounding
        may add.
    steps : int
        Linear systems solved.
    """

    log_policy: np.ndarray
    residual: float
    divergence: float
    steps: int


def refine(system, log_reference: np.ndarray, logits: np.ndarray, tau: float) -> Refined:
    """Return the fixed point near some logits by Newton steps whose mismatch is in two floats.

    A policy in float64 is known to 1e-16, its payoff over tau to 1e-16/tau; in two floats it is the payoff's rounding,
    n^2 2^-79/tau, that is left [derived].

    Parameters
    ----------
    system : DenseSystem
        A.
    log_reference, logits : ndarray, shape (actions,)
        log mu, and log pi to start from.
    tau : float
    """
    theta, best, steps = as_double(logits), None, 0
    unseen = len(logits) ** 2 * 2.0**-78 / tau
    for _ in range(_STEPS):
        theta = theta - theta.high.max()
        weights = exponential(theta)
        total = weights.total()
        policy = weights / total
        payoff = quick_sum(*system.double_margin(policy.high, policy.low))
        mismatch = theta - log_reference - payoff / tau
        mismatch = mismatch - Double(*(part[policy.high.argmax()] for part in mismatch))
        apart = mismatch.high + mismatch.low
        found = _measured(policy.high, apart, unseen)
        if best is None or found[0] < best.residual:
            log_policy = theta.high + (theta.low - np.log(total.high))
            best = Refined(log_policy, *found, steps)
        elif found[0] >= best.residual:
            break
        if np.abs(apart[policy.high > 0]).max() <= _ENOUGH:
            break
        steps += 1
        theta = theta - system.newton_step(policy.high, payoff.high, apart, 1.0 / tau)
    assert best is not None
    return best._replace(steps=steps)


def _measured(policy: np.ndarray, apart: np.ndarray, unseen: float) -> tuple[float, float]:
    """Residual and divergence of a policy whose log is ``apart`` from that of its response, up to a constant."""
    played = policy > 0
    p, d = policy[played], apart[played]
    d = d + np.log1p(p @ np.expm1(-d))
    response = np.abs(p * np.expm1(-d)).max()
    small = np.abs(d) < 1e-3
    bregman = np.where(small, d * d * (0.5 - d / 6), d + np.expm1(-d))
    return float(response) + unseen, float(p @ bregman) + unseen**2
