"""Optimistic regularised mirror descent: the step of a two-call rule for one call, by the payoff's last change."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .rule import POLICY, REFERENCE, MirrorStep, Rule, Start, Theorem, mix

PREVIOUS = "previous policy"
NEXT = "next policy"


def _last_iterate(rule: OptimisticOMD, tau: float, steps: np.ndarray, start: Start) -> np.ndarray:
    """Return KL_0 rho^t/(1 - q); see the notes of the rule."""
    rho = 1 - rule.eta(tau) * tau
    q = rule.weight * rule.eta(tau) / (2 * rho**1.5)
    return start.kl * rho ** np.asarray(steps, dtype=float) / (1 - q)


@dataclass(frozen=True)
class OptimisticOMD(Rule):
    """Optimistic OMD: log pi+ = (1 - eta tau) log pi + eta tau log mu + eta P(. ≻ (1 + b) pi_t - b pi_{t-1}).

    The payoff is linear in the opponent, so the signed mixture is one query; pi_{-1} = pi_0. At b = 0 this is OMD, at
    b = 1 the payoff is extrapolated to the next iterate, and the step may be as large as that of a two-call rule.

    Parameters
    ----------
    step : float or None
        Forward step eta; ``None`` is the largest with a proved linear rate.
    optimism : float or None
        Weight b >= 0 of the payoff's last change; ``None`` is 1. The range of the step is widest near b = 1 - eta tau
        for small tau: eta = 1.01 at tau = .05 with b = .9, 1.02 at tau = .1 with b = .8.

    References
    ----------
    Optimistic multiplicative weights with entropy: Cen, Wei and Chi, arXiv 2105.15186 [recalled]; the rate for
    preference games and any b [derived].

    Notes
    -----
    With e_t = pi_t - pi*, delta_t = pi_t - pi_{t-1}, d_t = KL(pi* || pi_t), K_t = KL(pi_t || pi_{t-1}),
    D'_t = KL(pi_t || pi*), rho = 1 - eta tau and the skew A = P - 1/2, pairing the step with e_{t+1} gives

        d_{t+1} + eta tau D'_{t+1} + rho K_{t+1} = rho d_t - eta <A delta_{t+1}, e_{t+1}> + b eta <A delta_t, e_{t+1}>.

    Let V_t = d_t + c eta <A delta_t, e_t> + kappa K_t, c = b/rho. As |<A x, y>| <= |x|_1 |y|_1/2 and KL >= |.|_1^2/2
    (Pinsker), with n_t = |delta_t|_1 and m_t = |e_t|_1,

        2 (V_{t+1} - rho V_t) <= -eta tau m_{t+1}^2 + |1 - c| eta n_{t+1} m_{t+1} - (rho - kappa) n_{t+1}^2
                                 + b eta n_t n_{t+1} - rho kappa n_t^2.

    The first two terms are at most T/rho n_{t+1}^2 with T = eta (rho - b)^2/(4 rho tau). For kappa = (rho^2 - T)/
    (2 rho) what is left of n_{t+1}^2 has the weight -kappa, and the form is <= 0 where rho kappa^2 >= (b eta)^2/4:
    the condition. There V_t <= rho^t V_0 = rho^t d_0, and V_t >= d_t (1 - (c eta)^2/(4 kappa)) >= (1 - q) d_t with
    q = b eta/(2 rho^(3/2)) <= 1/2. At b = 0 the condition is that of OMD and q = 0.

    Examples
    --------
    >>> round(OptimisticOMD().eta(tau=0.05), 3), round(OptimisticOMD(optimism=0.0).eta(tau=0.5), 3)
    (0.921, 1.0)
    """

    step: float | None = None
    optimism: float | None = None

    name = "optimistic"
    update = "log pi+ = (1 - eta tau) log pi + eta tau log mu + eta P(. ≻ (1 + b) pi_t - b pi_{t-1})"
    condition = "rho^2 >= b eta sqrt(rho) + eta (rho - b)^2/(4 rho tau), rho = 1 - eta tau"
    theorems = (
        Theorem(
            "kl_to_equilibrium",
            "KL(pi*, pi_T) <= KL_0 rho^T/(1 - q), rho = 1 - eta tau, q = b eta/(2 rho^(3/2)) <= 1/2",
            "derived; for Pinsker and |<A x, y>| <= |x|_1 |y|_1/2 alone, see the notes of the rule",
            "derived",
            _last_iterate,
        ),
    )
    source = "Cen, Wei and Chi, Fast Policy Extragradient Methods, arXiv 2105.15186 [recalled]; rate derived"
    may_vanish = ("optimism",)

    @property
    def weight(self) -> float:
        """Weight b of the payoff's last change."""
        return 1.0 if self.optimism is None else self.optimism

    def steps(self, tau, t):
        """Return the step against the signed mixture, and the shift of the history."""
        eta = self.largest_eta(tau) if self.step is None else self.step
        base = {POLICY: 1 - eta * tau, REFERENCE: eta * tau}
        opponent = {POLICY: 1 + self.weight, PREVIOUS: -self.weight}
        return (
            MirrorStep(base, opponent, eta, into=NEXT, arithmetic=True),
            mix({POLICY: 1.0}, into=PREVIOUS),
            mix({NEXT: 1.0}, into=POLICY),
        )

    def largest_eta(self, tau):
        """Return the end of the condition's range, by bisection."""
        least, most = 0.0, 1 / tau
        while least < (eta := (least + most) / 2) < most:
            rho = 1 - eta * tau
            holds = (
                4 * rho * tau * (rho**2 - self.weight * eta * math.sqrt(rho))
                >= eta * (rho - self.weight) ** 2
            )
            least, most = (eta, most) if holds else (least, eta)
        return least
