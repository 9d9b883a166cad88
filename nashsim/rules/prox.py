"""Nash Prox: the proximal point method, each of its points found by inner fixed-point steps."""

from __future__ import annotations

from dataclasses import dataclass

from .one_call import proximal
from .refresh import last_of
from .rule import POLICY, REFERENCE, MirrorStep, Rule, Theorem, mix

CENTRE = "centre"


@dataclass(frozen=True)
class NashProx(Rule):
    """Nash Prox: pi_{k+1} is the Nash policy of J_tau + (tau/s) KL(. || pi_k), by ``inner`` fixed-point steps.

    log z+ = [log pi_k + s log mu + (s/tau) P(. ≻ z)]/(1 + s), then pi_k <- z. One inner step is the one-call
    map, two are Nash Mirror Prox.

    Parameters
    ----------
    prox_step : float or None
        The paper's s; ``None`` is 2 tau, for which the inner map contracts by eta/2 = 1/(1 + 2 tau) at worst.
    inner : int or None
        Inner steps a proximal point; ``None`` is 20.

    References
    ----------
    Tiapkin et al., Proximal Point Nash Learning from Human Feedback, arXiv 2505.19731v2, abstract [paper].

    Examples
    --------
    >>> NashProx().eta(tau=0.5)
    1.0
    """

    prox_step: float | None = None
    inner: int | None = None

    name = "nash-prox"
    update = "log z+ = [log pi_k + s log mu + (s/tau) P(. ≻ z)]/(1+s);  pi_k <- z every `inner` steps"
    condition = "any s with exact inner solves; eta < 2 lets the inner steps contract"
    theorems = (
        Theorem(
            "kl_to_equilibrium",
            "last iterate converges, for any s with exact inner solves",
            "Proximal Point NLHF, arXiv 2505.19731v2, abstract",
            "paper",
        ),
    )
    source = (
        "Tiapkin et al., Proximal Point Nash Learning from Human Feedback, arXiv 2505.19731v2 (COLT 2026)"
    )
    _INNER = 20

    def steps(self, tau, t):
        """Return an inner step towards the proximal point, and its acceptance where the inner solve ends."""
        s = 2 * tau if self.prox_step is None else self.prox_step
        due = last_of(self.inner, t, self._INNER)
        return (
            MirrorStep({CENTRE: 1 / (1 + s), REFERENCE: s / (1 + s)}, {POLICY: 1.0}, s / (tau * (1 + s))),
            mix({POLICY: due, CENTRE: 1 - due}, into=CENTRE),
        )

    @classmethod
    def with_eta(cls, eta, tau):
        """Return Nash Prox with the forward step ``eta`` < 1/tau, s = eta tau/(1 - eta tau)."""
        return cls(prox_step=tau * proximal(eta, tau, cls.name))

    def largest_eta(self, tau):
        """Return 2: the payoff's Lipschitz constant 1/2 then makes the inner map a contraction [derived]."""
        return 2.0
