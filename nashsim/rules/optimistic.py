"""Optimism: the last payoff is used once more, as a guess of the next one.

With a leader log pi'_{t+1} = log pi'_t + eta r_t, r_t = P(. ≻ pi_t), the played policy is
log pi_{t+1} = log pi'_{t+1} + eta r_t = 2 log pi'_{t+1} - log pi'_t: no payoff needs to be
remembered beside the leader's last two positions. From one step to the next that is
log pi_{t+1} = log pi_t + eta (2 r_t - r_{t-1}), so ONPO and OMWU are one map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .rule import POLICY, MirrorStep, Rule, Start, Theorem, mix

LEADER = "leader"
PREVIOUS = "previous leader"


def _average_gap(rule: Rule, tau: float | None, steps: np.ndarray, start: Start) -> np.ndarray:
    """Return 2 D/(eta T), D = max_y -log pi_0(y), for eta <= 1/2 [derived]."""
    with np.errstate(divide="ignore"):
        return np.minimum(2 * start.diameter / (rule.eta(tau) * np.asarray(steps, dtype=float)), 1.0)


class _Optimistic(Rule):
    """What the two names share."""

    step: float | None

    condition = "eta <= 1/2 for the average iterate; eta <= 1/8 and a unique Nash policy for the last"
    regularised = False
    fixed_point = False
    target = "average_unregularised_gap"
    theorems = (
        Theorem(
            "average_unregularised_gap",
            "average iterate: DualGap <= 2 D/(eta T), D = log n for a uniform start"
            " (the printed 4 sqrt(D)/T fails where D > 1/4)",
            "ONPO, arXiv 2502.16852; constants derived",
            "derived",
            _average_gap,
        ),
        Theorem(
            "kl_to_lottery",
            "last iterate: linear for a unique Nash policy, possibly very slowly",
            "ONPO, arXiv 2502.16852",
            "paper",
        ),
    )

    def steps(self, tau, t):
        """Return the leader's move against the played policy, and the next policy beyond it."""
        return (
            mix({LEADER: 1.0}, into=PREVIOUS),
            MirrorStep({LEADER: 1.0}, {POLICY: 1.0}, self._step, into=LEADER),
            mix({LEADER: 2.0, PREVIOUS: -1.0}, into=POLICY),
        )

    @property
    def _step(self) -> float:
        return 0.125 if self.step is None else self.step

    def largest_eta(self, tau):
        """Return 1/2, the end of the average iterate's range."""
        return 0.5


@dataclass(frozen=True)
class ONPO(_Optimistic):
    """Optimistic Nash policy optimisation: log pi_t = log pi'_t + eta r_{t-1}, log pi'_{t+1} = log pi'_t + eta r_t.

    Parameters
    ----------
    step : float or None
        Forward step eta; ``None`` is 1/8, the largest with a last-iterate theorem.

    References
    ----------
    Zhang et al., arXiv 2502.16852 [paper]; the constants of the average's bound [derived].

    Examples
    --------
    >>> ONPO().queries_per_step
    1
    """

    step: float | None = None

    name = "onpo"
    update = "log pi_t = log pi'_t + eta r_{t-1};  log pi'_{t+1} = log pi'_t + eta r_t,  r_t = P(. ≻ pi_t)"
    source = "Zhang et al., Optimistic Nash Policy Optimization, arXiv 2502.16852"


@dataclass(frozen=True)
class OMWU(_Optimistic):
    """Optimistic multiplicative weights: log pi+ = log pi + eta (2 P(. ≻ pi_t) - P(. ≻ pi_{t-1})), r_{-1} = 0.

    Parameters
    ----------
    step : float or None
        Forward step eta; ``None`` is 1/8.

    References
    ----------
    Daskalakis and Panageas, arXiv 1807.04252 [recalled].

    Examples
    --------
    >>> OMWU(step=0.25).eta(tau=None)
    0.25
    """

    step: float | None = None

    name = "omwu"
    update = "log pi+ = log pi + eta (2 P(. ≻ pi_t) - P(. ≻ pi_{t-1}))"
    source = "Optimistic multiplicative weights update, arXiv 1807.04252"
