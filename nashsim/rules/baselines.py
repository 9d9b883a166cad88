"""Baselines: the best response to the reference, and to oneself."""

from __future__ import annotations

from dataclasses import dataclass

from .one_call import OMD
from .rule import POLICY, REFERENCE, MirrorStep, Rule


@dataclass(frozen=True)
class BestResponse(Rule):
    """The baseline that never looks at itself: the one-call map against the reference, towards BR_tau(mu).

    log pi+ = (1 - eta tau) log pi + eta tau log mu + eta P(. ≻ mu).

    Parameters
    ----------
    step : float or None
        Forward step eta; ``None`` is 1/tau, which is there in one step.

    References
    ----------
    The best-response baseline of Munos et al., arXiv 2312.00886 [paper].

    Examples
    --------
    >>> BestResponse().eta(tau=0.5)
    2.0
    """

    step: float | None = None

    name = "best-response"
    update = "log pi+ = (1 - eta tau) log pi + eta tau log mu + eta P(. ≻ mu)"
    condition = "eta <= 1/tau"
    theorems = ()
    source = "Munos et al., Nash Learning from Human Feedback, arXiv 2312.00886 (ICML 2024), baseline BR"
    fixed_point = False

    def steps(self, tau, t):
        """Return the one step, the same at every ``t``."""
        eta = 1 / tau if self.step is None else self.step
        return (MirrorStep({POLICY: 1 - eta * tau, REFERENCE: eta * tau}, {REFERENCE: 1.0}, eta),)

    def largest_eta(self, tau):
        """Return 1/tau."""
        return 1 / tau


@dataclass(frozen=True)
class SelfPlay(Rule):
    """Iterated best response to itself: log pi+ = log mu + P(. ≻ pi)/tau, the one-call map at eta = 1/tau.

    Parameters
    ----------
    step : float or None
        Forward step eta of the damped form (1 - eta tau) log pi + eta tau log mu + eta P(. ≻ pi); ``None`` is 1/tau.

    References
    ----------
    The self-play baseline of Munos et al., arXiv 2312.00886 [paper]; a contraction for tau > 1/2 [derived].

    Examples
    --------
    >>> SelfPlay().eta(tau=0.5)
    2.0
    """

    step: float | None = None

    name = "self-play"
    update = "log pi+ = log mu + P(. ≻ pi)/tau"
    condition = "eta <= 1/tau; nothing is proved for tau < 1/2"
    theorems = ()
    source = "Munos et al., Nash Learning from Human Feedback, arXiv 2312.00886 (ICML 2024), baseline SP"

    def steps(self, tau, t):
        """Return the one step, the same at every ``t``."""
        return OMD(step=1 / tau if self.step is None else self.step).steps(tau, t)

    def largest_eta(self, tau):
        """Return 1/tau, the undamped iteration."""
        return 1 / tau
