"""Multiplicative weights under its three names: SPO, SPPO and exact DNO.

log pi+ = log pi + eta P(. ≻ pi). Nothing pulls towards the reference, so the
target is the equilibrium of the unregularised game, and only the average
iterate gets there: on a cycle the last one runs around it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .rule import POLICY, MirrorStep, Rule, Start, Theorem


def regret_bound(rule: Rule, tau: float | None, steps: np.ndarray, start: Start) -> np.ndarray:
    """Return 2 D/(eta T) + eta/4, D = max_y -log pi_0(y).

    The regret of multiplicative weights with payoffs in [0, 1] is at most D/eta + eta T/8 (Hoeffding);
    twice its mean is the duality gap of the average iterate, as self-play earns 1/2 [derived].
    """
    steps = np.asarray(steps, dtype=float)
    eta = rule.eta(tau)
    with np.errstate(divide="ignore"):
        return np.minimum(2 * start.diameter / (eta * steps) + eta / 4, 1.0)


class _Multiplicative(Rule):
    """What the three names share."""

    step: float | None

    condition = "eta > 0; eta = sqrt(8 D/T) is best for T steps"
    regularised = False
    fixed_point = False
    target = "average_unregularised_gap"
    theorems = (
        Theorem(
            "average_unregularised_gap",
            "average iterate: DualGap <= 2 D/(eta T) + eta/4; sqrt(2 D/T) at eta = sqrt(8 D/T), D = max_y -log pi_0(y)",
            "the regret of multiplicative weights; 4 sqrt(D/T) in ONPO, arXiv 2502.16852, Theorem 1 [paper]",
            "derived",
            regret_bound,
        ),
    )

    def steps(self, tau, t):
        """Return the one step, the same at every ``t``."""
        return (MirrorStep({POLICY: 1.0}, {POLICY: 1.0}, self._forward()),)

    def _forward(self) -> float:
        return 0.1 if self.step is None else self.step

    def largest_eta(self, tau):
        """Return infinity: every step has the bound, if a weak one."""
        return math.inf


@dataclass(frozen=True)
class SPO(_Multiplicative):
    """Self-play preference optimisation, multiplicative weights: log pi+ = log pi + eta P(. ≻ pi).

    Parameters
    ----------
    step : float or None
        Forward step eta; ``None`` is 0.1. For T steps sqrt(8 D/T) is best.

    References
    ----------
    Swamy et al., arXiv 2401.04056 [paper]; the constants of the bound [derived].

    Examples
    --------
    >>> SPO(step=0.25).eta(tau=None)
    0.25
    """

    step: float | None = None

    name = "spo"
    update = "log pi+ = log pi + eta P(. ≻ pi)"
    source = "Swamy et al., Self-Play Preference Optimization, arXiv 2401.04056 (ICML 2024)"


@dataclass(frozen=True)
class SPPO(_Multiplicative):
    """SPPO in the tabular limit: log pi+ = log pi + eta (P(. ≻ pi) - 1/2), its squared loss fitted exactly.

    The half that is subtracted is a constant and normalised away.

    Parameters
    ----------
    step : float or None
        Forward step eta, as the paper prints it (its code has the inverse); ``None`` is 0.1.

    References
    ----------
    Wu et al., arXiv 2405.00675 [code].

    Examples
    --------
    >>> SPPO().eta(tau=None)
    0.1
    """

    step: float | None = None

    name = "sppo"
    update = "log pi+ = log pi + eta (P(. ≻ pi) - 1/2)"
    source = "Wu et al., Self-Play Preference Optimization for Language Model Alignment, arXiv 2405.00675"


@dataclass(frozen=True)
class DNO(_Multiplicative):
    """Direct Nash optimisation with exact regression: log pi+ = log pi + P(. ≻ pi)/eta_I.

    Each step improves: P(pi+ ≻ pi) >= 1/2 + eta_I KL(pi+ || pi) [paper].

    Parameters
    ----------
    eta_inverse : float or None
        The paper's eta_I, the INVERSE of the forward step; ``None`` is 10.

    References
    ----------
    Rosset et al., arXiv 2404.03715 [paper].

    Examples
    --------
    >>> DNO(eta_inverse=4.0).eta(tau=None)
    0.25
    """

    eta_inverse: float | None = None

    name = "dno"
    update = "log pi+ = log pi + P(. ≻ pi)/eta_I,  eta = 1/eta_I"
    source = "Rosset et al., Direct Nash Optimization, arXiv 2404.03715"

    def _forward(self) -> float:
        return 1 / (10.0 if self.eta_inverse is None else self.eta_inverse)

    @classmethod
    def with_eta(cls, eta, tau):
        """Return DNO with the forward step ``eta``, eta_I = 1/eta."""
        return cls(eta_inverse=1 / eta)
