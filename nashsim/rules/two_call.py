"""The two-call map M2 under its two names: Nash Mirror Prox and EGPO.

A half step against the current policy, then the full step from the SAME base
against the half step: the extragradient look-ahead that buys a linear last-iterate
rate with a step of order tau instead of tau^2 per query.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .one_call import proximal
from .rule import HALF, POLICY, REFERENCE, MirrorStep, Rule, Theorem, linear_rate


def _extragradient(base: dict[str, float], eta: float) -> tuple[MirrorStep, MirrorStep]:
    return MirrorStep(base, {POLICY: 1.0}, eta, into=HALF), MirrorStep(base, {HALF: 1.0}, eta)


@dataclass(frozen=True)
class NashMP(Rule):
    """Nash Mirror Prox: log pi+ = [log pi + s log mu + (s/tau) P(. ≻ half)]/(1 + s), half likewise against pi.

    Parameters
    ----------
    prox_step : float or None
        The paper's step s (its eta), forward step eta = s/(tau (1 + s));
        ``None`` is s = 2 tau.

    References
    ----------
    Tiapkin et al., arXiv 2505.19731v1, abstract [paper] with a derived proof.

    Examples
    --------
    >>> NashMP(prox_step=1.0).eta(tau=0.5)
    1.0
    """

    prox_step: float | None = None

    name = "nash-mp"
    update = (
        "log half = [log pi + s log mu + (s/tau) P(. ≻ pi)]/(1+s);"
        "  log pi+ = [log pi + s log mu + (s/tau) P(. ≻ half)]/(1+s)"
    )
    condition = "s <= 2 tau, i.e. eta <= 2/(1 + 2 tau)"
    theorems = (
        Theorem(
            "kl_to_equilibrium",
            "KL(pi*, pi_k) <= (1+s)^(-k) KL_0; at s = 2 tau and N = 2k queries (1+2 tau)^(-N/2) KL_0",
            "Nash Mirror Prox, arXiv 2505.19731v1, abstract; proof derived",
            "derived",
            linear_rate,
        ),
        Theorem(
            "exploitability",
            "linear, of the order of (1+2 tau)^(-N/2)/tau",
            "Nash Mirror Prox, arXiv 2505.19731v1, abstract",
            "paper",
        ),
        Theorem(
            "span",
            "span(log pi_k - log pi*) converges linearly too",
            "Nash Mirror Prox, arXiv 2505.19731v1, abstract",
            "paper",
        ),
    )
    source = (
        "Tiapkin et al., Accelerating Nash Learning from Human Feedback via Mirror Prox, arXiv 2505.19731v1"
    )
    played = HALF

    def steps(self, tau, t):
        """Return the half step and the full step, the same at every ``t``."""
        s = 2 * tau if self.prox_step is None else self.prox_step
        return _extragradient({POLICY: 1 / (1 + s), REFERENCE: s / (1 + s)}, s / (tau * (1 + s)))

    @classmethod
    def with_eta(cls, eta, tau):
        """Return Nash-MP with the forward step ``eta`` < 1/tau, s = eta tau/(1 - eta tau)."""
        return cls(prox_step=tau * proximal(eta, tau, cls.name))

    def largest_eta(self, tau):
        """Return 2/(1 + 2 tau), the forward step of s = 2 tau."""
        return 2 / (1 + 2 * tau)


@dataclass(frozen=True)
class EGPO(Rule):
    """Extragradient preference optimisation: log pi+ = (1 - eta tau) log pi + eta tau log mu + eta P(. ≻ half).

    The half step is the same with P(. ≻ pi).

    Parameters
    ----------
    step : float or None
        Forward step eta; ``None`` is the largest with a linear rate,
        2 (sqrt(1 + tau^2) - tau), where eta^2 = 4 (1 - eta tau).

    References
    ----------
    Zhou et al., arXiv 2503.08942 [paper]; the range of the rate [derived].

    Examples
    --------
    >>> EGPO().eta(tau=0.75)
    1.0
    """

    step: float | None = None

    name = "egpo"
    update = (
        "log half = (1 - eta tau) log pi + eta tau log mu + eta P(. ≻ pi);"
        "  log pi+ = (1 - eta tau) log pi + eta tau log mu + eta P(. ≻ half)"
    )
    condition = "eta^2 <= 4 (1 - eta tau), i.e. eta <= 2 (sqrt(1 + tau^2) - tau)"
    theorems = (
        Theorem(
            "kl_to_equilibrium",
            "KL(pi*, pi_k) <= (1 - eta tau)^k KL_0",
            "EGPO, arXiv 2503.08942; range of the step derived",
            "derived",
            linear_rate,
        ),
    )
    source = "Zhou et al., Extragradient Preference Optimization, arXiv 2503.08942"
    played = HALF

    def steps(self, tau, t):
        """Return the half step and the full step, the same at every ``t``."""
        eta = self.largest_eta(tau) if self.step is None else self.step
        return _extragradient({POLICY: 1 - eta * tau, REFERENCE: eta * tau}, eta)

    def largest_eta(self, tau):
        """Return 2 (sqrt(1 + tau^2) - tau), the root of eta^2 = 4 (1 - eta tau) [derived]."""
        return 2 * (math.sqrt(1 + tau**2) - tau)
