"""Nash-MD: base and opponent are the same geometric mixture of the policy and the reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .rule import POLICY, REFERENCE, MirrorStep, Rule, Start, Theorem


def _last_iterate(rule: NashMD, tau: float, steps: np.ndarray, start: Start) -> np.ndarray:
    """8/(tau^2 (T+1)) for the schedule; KL_0 rho^T + 2 eta (1 - rho^T)/tau unrolled for a constant step."""
    steps = np.asarray(steps, dtype=float)
    if rule.step is None:
        # At T = 0 the inequality has not been used yet and the start may be anywhere.
        return np.where(steps > 0, 8 / (tau**2 * (steps + 1)), max(start.kl, 8 / tau**2))
    decay = (1 - rule.step * tau) ** steps
    return start.kl * decay + 2 * rule.step / tau * (1 - decay)


@dataclass(frozen=True)
class NashMD(Rule):
    """Nash mirror descent: log pi+ = log pi^mu + eta P(. ≻ pi^mu), pi^mu ∝ pi^(1 - eta tau) mu^(eta tau).

    A constant step has a biased fixed point, tau log(pi/mu) = P pi^mu + c, off
    pi* by O(eta^2) in KL [derived]; the paper's schedule has none.

    Parameters
    ----------
    step : float or None
        Constant forward step eta; ``None`` is the schedule eta_t = 2/(tau (t + 2)).

    References
    ----------
    Munos et al., arXiv 2312.00886, the Nash-MD update and its last-iterate theorem [paper].

    Examples
    --------
    >>> NashMD().eta(tau=0.5, t=0)
    2.0
    """

    step: float | None = None

    name = "nash-md"
    update = "log pi+ = log pi^mu + eta P(. ≻ pi^mu),  pi^mu ∝ pi^(1 - eta tau) mu^(eta tau)"
    condition = "eta <= 1/tau"
    theorems = (
        Theorem(
            "kl_to_equilibrium",
            "KL(pi*, pi_T) <= 8/(tau^2 (T+1)) with eta_t = 2/(tau (t+2));"
            " per step KL+ <= (1 - eta tau) KL + 2 eta^2",
            "NLHF, arXiv 2312.00886, last-iterate theorem",
            "paper",
            _last_iterate,
        ),
    )
    source = "Munos et al., Nash Learning from Human Feedback, arXiv 2312.00886 (ICML 2024)"
    fixed_point = False

    def steps(self, tau, t):
        """Return the one step of iteration ``t``."""
        eta = 2 / (tau * (np.asarray(t) + 2.0)) if self.step is None else self.step
        mixture = {POLICY: 1 - eta * tau, REFERENCE: eta * tau}
        return (MirrorStep(base=mixture, opponent=mixture, eta=eta),)

    def largest_eta(self, tau):
        """Return 1/tau: beyond it the mixture would put negative weight on the policy."""
        return 1 / tau
