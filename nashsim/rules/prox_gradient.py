"""Approximate Nash-MP and Nash Prox: policy gradient towards the proximal step, and a target that follows."""

from __future__ import annotations

from dataclasses import dataclass

from .policy_gradient import largest_rate
from .refresh import last_of
from .rule import HALF, POLICY, REFERENCE, GradientStep, Rule, mix

TARGET = "target"


def towards_target(
    tau: float, s: float, eta: float, opponent: dict[str, float], of: str = POLICY
) -> GradientStep:
    """Return the gradient step on P(. ≻ opponent) - tau log(pi/mu) - (tau/s) log(pi/target).

    Its zero is the proximal step log pi = [log target + s log mu + (s/tau) P(. ≻ opponent)]/(1 + s).

    Parameters
    ----------
    tau, s, eta : float
    opponent : dict of str to float
    of : str
        The policy that climbs.
    """
    score = {of: -tau - tau / s, REFERENCE: tau, TARGET: tau / s}
    return GradientStep(opponent, score, eta, at=of, into=of)


class _Proximal(Rule):
    """What the two share: their steps."""

    prox_step: float | None
    step: float | None

    theorems = ()

    def _numbers(self, tau: float) -> tuple[float, float]:
        """Return s and eta; half of what local stability allows contracts fastest in the worst case."""
        s = 2 * tau if self.prox_step is None else self.prox_step
        return s, self.largest_eta(tau) / 2 if self.step is None else self.step

    def _pull(self, tau: float) -> float:
        """Return tau (1 + 1/s), the weight of log pi in what is climbed."""
        return tau * (1 + 1 / (2 * tau if self.prox_step is None else self.prox_step))


@dataclass(frozen=True)
class NashMPSGD(_Proximal):
    """Approximate Nash-MP: half and full step by policy gradient, the target replaced every ``inner`` iterations.

    half climbs P(. ≻ target), pi climbs P(. ≻ half), both less tau log(./mu) + (tau/s) log(./target); every
    ``inner`` iterations target <- pi and half <- pi. Many inner iterations are Nash-MP itself [derived].

    Parameters
    ----------
    step : float or None
        Learning rate eta on the logits; ``None`` is half of what the condition allows.
    prox_step : float or None
        The paper's s; ``None`` is 2 tau.
    inner : int or None
        Iterations between two targets; ``None`` is 20.

    References
    ----------
    Tiapkin et al., arXiv 2505.19731 [paper]; the gradient form from its update [derived].

    Examples
    --------
    >>> NashMPSGD().queries_per_step
    2
    """

    step: float | None = None
    prox_step: float | None = None
    inner: int | None = None

    name = "nash-mp-sgd"
    update = (
        "half climbs P(. ≻ target), pi climbs P(. ≻ half), each less tau log(./mu) + (tau/s) log(./target);"
        "  target, half <- pi every `inner` iterations"
    )
    condition = "eta <= 4/(tau (1 + 1/s)), for local stability of the inner climbs; no rate is proved"
    source = (
        "Tiapkin et al., Accelerating Nash Learning from Human Feedback via Mirror Prox, arXiv 2505.19731v1"
    )
    played = HALF
    _INNER = 20

    def steps(self, tau, t):
        """Return the two gradient steps, and the replacement of target and half where it is due."""
        s, eta = self._numbers(tau)
        due = last_of(self.inner, t, self._INNER)
        return (
            towards_target(tau, s, eta, {TARGET: 1.0}, of=HALF),
            towards_target(tau, s, eta, {HALF: 1.0}),
            mix({POLICY: due, TARGET: 1 - due}, into=TARGET),
            mix({POLICY: due, HALF: 1 - due}, into=HALF),
        )

    def largest_eta(self, tau):
        """Return 4/(tau (1 + 1/s)): against a fixed opponent the Jacobian is I - eta tau (1 + 1/s) J, J <= 1/2."""
        return 4 / self._pull(tau)


@dataclass(frozen=True)
class NashProxSGD(_Proximal):
    """Approximate Nash Prox: policy gradient in self-play near a target, the moving average of its own logits.

    pi climbs P(. ≻ pi) - tau log(pi/mu) - (tau/s) log(pi/target); log target+ = decay log target + (1-decay) log pi+.

    Parameters
    ----------
    step : float or None
        Learning rate eta on the logits; ``None`` is half of what the condition allows.
    prox_step : float or None
        The paper's s; ``None`` is 2 tau.
    decay : float or None
        Weight of the old target, in (0, 1); ``None`` is 0.9.

    References
    ----------
    Tiapkin et al., arXiv 2505.19731, the moving-average target [paper]; the gradient form [derived].

    Examples
    --------
    >>> NashProxSGD(step=0.5).eta(tau=0.1)
    0.5
    """

    step: float | None = None
    prox_step: float | None = None
    decay: float | None = None

    name = "nash-prox-sgd"
    update = (
        "pi climbs P(. ≻ pi) - tau log(pi/mu) - (tau/s) log(pi/target);"
        "  log target+ = decay log target + (1-decay) log pi+"
    )
    condition = (
        "eta <= 16 t/(1 + 4 t^2), t = tau (1 + 1/s): local stability at a fixed target; no rate is proved"
    )
    source = (
        "Tiapkin et al., Proximal Point Nash Learning from Human Feedback, arXiv 2505.19731v2 (COLT 2026)"
    )

    def steps(self, tau, t):
        """Return the gradient step against oneself, and the target's own."""
        s, eta = self._numbers(tau)
        decay = 0.9 if self.decay is None else self.decay
        return (
            towards_target(tau, s, eta, {POLICY: 1.0}),
            mix({TARGET: decay, POLICY: 1 - decay}, into=TARGET),
        )

    def largest_eta(self, tau):
        """Return 16 t/(1 + 4 t^2), t = tau (1 + 1/s)."""
        return largest_rate(self._pull(tau))
