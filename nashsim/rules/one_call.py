"""The one-call map M1 under its three names: regularised OMD, INPO and MMD.

log pi+ = (1 - eta tau) log pi + eta tau log mu + eta P(. ≻ pi). The three papers
write the step differently; each rule below keeps its paper's letter, and tests
hold them to be the same map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import NashsimError
from .rule import POLICY, REFERENCE, MirrorStep, Rule, Start, Theorem, linear_rate

_LINEAR = Theorem(
    "kl_to_equilibrium",
    "KL(pi*, pi_T) <= (1 - eta tau)^T KL_0; at the largest step (1 + 4 tau^2)^(-T) KL_0",
    "derived from the linear rate of MMD, arXiv 2206.05825, with the zero-sum Lipschitz constant 1/2",
    "derived",
    linear_rate,
)


class _OneCall(Rule):
    """What the three names share: one query of the current policy, and the range of the linear rate."""

    condition = "eta <= 4 tau/(1 + 4 tau^2)"
    theorems: ClassVar[tuple[Theorem, ...]] = (_LINEAR,)

    def largest_eta(self, tau):
        """Return 4 tau/(1 + 4 tau^2), the end of the linear rate's range [derived]."""
        return 4 * tau / (1 + 4 * tau**2)


@dataclass(frozen=True)
class OMD(_OneCall):
    """Regularised online mirror descent: log pi+ = (1 - eta tau) log pi + eta tau log mu + eta P(. ≻ pi).

    Parameters
    ----------
    step : float or None
        Forward step eta; ``None`` is the largest with a linear rate, 4 tau/(1 + 4 tau^2).

    References
    ----------
    The map M1 of the three papers; linear rate [derived].

    Examples
    --------
    >>> OMD().eta(tau=0.5)
    1.0
    """

    step: float | None = None

    name = "omd"
    update = "log pi+ = (1 - eta tau) log pi + eta tau log mu + eta P(. ≻ pi)"
    source = "Regularised online mirror descent; linear rate derived"

    def steps(self, tau, t):
        """Return the one step, the same at every ``t``."""
        eta = self.largest_eta(tau) if self.step is None else self.step
        return (MirrorStep({POLICY: 1 - eta * tau, REFERENCE: eta * tau}, {POLICY: 1.0}, eta),)


def _inpo_last_iterate(rule: INPO, tau: float, steps: np.ndarray, start: Start) -> np.ndarray:
    """32 C^2/(tau^2 (T+1)) for the schedule, nothing for a constant step.

    C = max(B tau, 1): every payoff lies in [0, 1] and their weights sum to at
    most 1/tau, so B = max(1/tau, max|log pi_0/mu|) bounds |log pi_t/mu|.
    """
    if rule.eta_inverse is not None:
        return np.full(np.shape(steps), np.inf)
    steps = np.asarray(steps, dtype=float)
    c = max(start.log_ratio * tau, 1.0)
    bound = 32 * c**2 / tau**2
    return np.where(steps > 0, bound / (steps + 1), max(start.kl, bound))


def _inpo_constant_step(rule: INPO, tau: float, steps: np.ndarray, start: Start) -> np.ndarray:
    """The linear rate for a constant step, nothing for the schedule."""
    if rule.eta_inverse is None:
        return np.full(np.shape(steps), np.inf)
    return linear_rate(rule, tau, steps, start)


@dataclass(frozen=True)
class INPO(_OneCall):
    """Iterative Nash policy optimisation: log pi+ = (1 - tau/eta_I) log pi + (tau/eta_I) log mu + P(. ≻ pi)/eta_I.

    Parameters
    ----------
    eta_inverse : float or None
        The paper's eta_I, the INVERSE of the forward step; ``None`` is the
        schedule eta_I,t = tau (t + 2)/2 of its last-iterate theorem.

    References
    ----------
    Zhang et al., arXiv 2407.00617, Algorithm 1 and its last-iterate theorem [paper].

    Examples
    --------
    >>> INPO(eta_inverse=4.0).eta(tau=0.5)
    0.25
    """

    eta_inverse: float | None = None

    name = "inpo"
    update = "log pi+ = (1 - tau/eta_I) log pi + (tau/eta_I) log mu + P(. ≻ pi)/eta_I,  eta = 1/eta_I"
    condition = "eta_I >= tau + 1/(4 tau), i.e. eta <= 4 tau/(1 + 4 tau^2)"
    theorems = (
        Theorem(
            "kl_to_equilibrium",
            "schedule eta_I,t = tau (t+2)/2: KL(pi*, pi_T) <= 32 C^2/(tau^2 (T+1)), C = max(B tau, 1),"
            " B >= max|log pi_t/mu|",
            "INPO, arXiv 2407.00617, last-iterate theorem",
            "paper",
            _inpo_last_iterate,
        ),
        Theorem(
            "average_duality_gap",
            "average iterate, constant step: DualGap = O(C sqrt(D/T)), D = max KL(. ‖ pi_1)",
            "INPO, arXiv 2407.00617, average-iterate theorem",
            "paper",
        ),
        Theorem(
            "kl_to_equilibrium",
            "constant step: KL(pi*, pi_T) <= (1 - tau/eta_I)^T KL(pi*, pi_0)",
            "the same map as regularised OMD; linear rate derived",
            "derived",
            _inpo_constant_step,
        ),
    )
    source = "Zhang et al., Iterative Nash Policy Optimization, arXiv 2407.00617 (ICLR 2025)"

    def steps(self, tau, t):
        """Return the one step of iteration ``t``."""
        inverse = tau * (np.asarray(t) + 2.0) / 2 if self.eta_inverse is None else self.eta_inverse
        return (
            MirrorStep({POLICY: 1 - tau / inverse, REFERENCE: tau / inverse}, {POLICY: 1.0}, 1 / inverse),
        )

    @classmethod
    def with_eta(cls, eta, tau):
        """Return INPO with the constant forward step ``eta``, eta_I = 1/eta."""
        return cls(eta_inverse=1 / eta)


@dataclass(frozen=True)
class MMD(_OneCall):
    """Magnetic mirror descent: log pi+ = [log pi + e tau log mu + e P(. ≻ pi)]/(1 + e tau).

    Parameters
    ----------
    prox_weight : float or None
        The paper's step e of the proximal problem, forward step eta =
        e/(1 + e tau); ``None`` is the largest with a linear rate, 4 tau.

    References
    ----------
    Sokota et al., arXiv 2206.05825, the linear-rate theorem [paper]; the range e <= 4 tau for
    preference games [derived].

    Examples
    --------
    >>> MMD(prox_weight=2.0).eta(tau=0.5)
    1.0
    """

    prox_weight: float | None = None

    name = "mmd"
    update = "log pi+ = [log pi + e tau log mu + e P(. ≻ pi)]/(1 + e tau),  eta = e/(1 + e tau)"
    condition = "e <= 4 tau, i.e. eta <= 4 tau/(1 + 4 tau^2)"
    source = "Sokota et al., Magnetic Mirror Descent, arXiv 2206.05825 (ICLR 2023)"

    def steps(self, tau, t):
        """Return the one step, the same at every ``t``."""
        e = 4 * tau if self.prox_weight is None else self.prox_weight
        total = 1 + e * tau
        return (MirrorStep({POLICY: 1 / total, REFERENCE: e * tau / total}, {POLICY: 1.0}, e / total),)

    @classmethod
    def with_eta(cls, eta, tau):
        """Return MMD with the forward step ``eta`` < 1/tau, e = eta/(1 - eta tau)."""
        return cls(prox_weight=proximal(eta, tau, "mmd"))


def proximal(eta: float, tau: float, name: str) -> float:
    """Return eta/(1 - eta tau), the proximal weight whose forward step is ``eta`` < 1/tau."""
    if not 0 < eta * tau < 1:
        raise NashsimError(
            f"eta: the proximal rule {name!r} needs 0 < eta < 1/tau = {1 / tau:g}, found {eta:g}"
        )
    return eta / (1 - eta * tau)
