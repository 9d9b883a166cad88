"""Stochastic policy gradient on a softmax policy: self-play PG and Nash-MD-PG, online IPO and IPO-MD.

All four climb v = P(. ≻ opponent) - tau log(pi/mu) with an opponent pi^b ∝ pi^(1-b) mu^b. For b = 0 the gradient
vanishes only where v is constant, that is at pi*, whatever the step. The opponent of one-token responses is the
same whether logits are mixed by token or by sequence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import NashsimError
from .rule import POLICY, REFERENCE, GradientStep, Rule


def largest_rate(tau: float, weight: float = 1.0) -> float:
    """Return 16 tau/(4 tau^2 + weight^2), below which a zero of the gradient against pi^(1-weight) is locally stable.

    With J = diag q - q q^T the step's Jacobian is I + eta (weight J A J - tau J). A unit eigenvector x has
    a = x* J x <= 1/2, an eigenvalue of real part -tau a and an imaginary part of at most weight a/2, so that
    |1 + eta lambda| < 1 whenever eta a (tau^2 + weight^2/4) < 2 tau [derived].

    Parameters
    ----------
    tau : float
    weight : float
        The opponent's weight on the policy, 1 - b.
    """
    return 16 * tau / (4 * tau**2 + weight**2)


def climb(tau: float, eta: float, mixture: float = 0.0, pairwise: bool = False) -> GradientStep:
    """Return the gradient step on P(. ≻ pi^b) - tau log(pi/mu), pi^b ∝ pi^(1-b) mu^b.

    Parameters
    ----------
    tau, eta : float
    mixture : float
        b.
    pairwise : bool
    """
    opponent = {POLICY: 1 - mixture, REFERENCE: mixture} if mixture else {POLICY: 1.0}
    return GradientStep(opponent, {POLICY: -tau, REFERENCE: tau}, eta, pairwise=pairwise)


class _Climbing(Rule):
    """What the four names share: the mixture, the default rate, the condition."""

    _MIXTURE: ClassVar[float] = 0.0
    _PAIRWISE: ClassVar[bool] = False
    may_vanish = ("mixture",)
    theorems = ()
    condition = "eta <= 16 tau/(1 + 4 tau^2), for local stability; no rate is proved"

    step: float | None

    def __post_init__(self):
        super().__post_init__()
        if not self._share <= 1:
            raise NashsimError(f"mixture: the weight of the reference is at most 1, found {self._share}")

    @property
    def _share(self) -> float:
        """b, the weight of the reference in the opponent."""
        given = getattr(self, "mixture", None)
        return self._MIXTURE if given is None else given

    def _rate(self, tau: float) -> float:
        """Half of what local stability allows contracts fastest in the worst case."""
        return largest_rate(tau) / 2 if self.step is None else self.step

    def steps(self, tau, t):
        """Return the one gradient step, the same at every ``t``."""
        return (climb(tau, self._rate(tau), self._share, self._PAIRWISE),)

    def largest_eta(self, tau):
        """Return 16 tau/(1 + 4 tau^2)."""
        return largest_rate(tau)


@dataclass(frozen=True)
class SelfPlayPG(_Climbing):
    """Self-play policy gradient: theta+ = theta + eta pi ⊙ (v - <pi, v>), v = P(. ≻ pi) - tau log(pi/mu).

    Parameters
    ----------
    step : float or None
        Learning rate eta on the logits; ``None`` is 8 tau/(1 + 4 tau^2).

    References
    ----------
    Nash-MD-PG at mixture 0, Munos et al., arXiv 2312.00886 [paper]; local stability [derived].

    Examples
    --------
    >>> SelfPlayPG().eta(tau=0.5)
    2.0
    """

    step: float | None = None

    name = "self-play-pg"
    update = "theta+ = theta + eta pi ⊙ (v - <pi, v>),  v = P(. ≻ pi) - tau log(pi/mu)"
    source = "Munos et al., Nash Learning from Human Feedback, arXiv 2312.00886 (ICML 2024), baseline SP"


@dataclass(frozen=True)
class NashMDPG(_Climbing):
    """Nash-MD-PG: policy gradient against the mixture pi^b ∝ pi^(1-b) mu^b, v = P(. ≻ pi^b) - tau log(pi/mu).

    b = 0 is self-play, b = 1 the best response to mu. Between them the fixed point is biased,
    tau log(pi/mu) = P(. ≻ pi^b) + c [derived].

    Parameters
    ----------
    step : float or None
        Learning rate eta on the logits; ``None`` is 8 tau/(1 + 4 tau^2).
    mixture : float or None
        b in [0, 1]; ``None`` is 0.125, of the paper's experiments.

    References
    ----------
    Munos et al., arXiv 2312.00886, Nash-MD-PG [paper].

    Examples
    --------
    >>> NashMDPG(mixture=0.25).steps(0.5, 0)[0].opponent
    {'policy': 0.75, 'reference': 0.25}
    """

    step: float | None = None
    mixture: float | None = None

    name = "nash-md-pg"
    update = (
        "theta+ = theta + eta pi ⊙ (v - <pi, v>),  v = P(. ≻ pi^b) - tau log(pi/mu),  pi^b ∝ pi^(1-b) mu^b"
    )
    condition = "eta <= 16 tau/(1 + 4 tau^2), of local stability at b = 0; no rate is proved"
    source = "Munos et al., Nash Learning from Human Feedback, arXiv 2312.00886 (ICML 2024)"
    fixed_point = False
    _MIXTURE = 0.125


class _Pairs(_Climbing):
    """What the two losses on pairs share: their gradient is -(4/tau) times the climb of v."""

    _PAIRWISE = True
    learning_rate: float | None

    def _rate(self, tau: float) -> float:
        rate = self.learning_rate
        return largest_rate(tau, 1 - self._share) / 2 if rate is None else 4 * rate / tau

    @classmethod
    def with_eta(cls, eta, tau):
        """Return the rule with the forward step ``eta``: learning rate eta tau/4."""
        return cls(learning_rate=eta * tau / 4)

    def largest_eta(self, tau):
        """Return 16 tau/(4 tau^2 + (1-b)^2)."""
        return largest_rate(tau, 1 - self._share)


@dataclass(frozen=True)
class OnlineIPO(_Pairs):
    """Online IPO: gradient descent on E (D(pi) - D(mu) - 1/(2 tau))^2, winner first, both responses from pi.

    D(q) = log q(y_w) - log q(y_l). The gradient, with none through the sampling, is exactly -(4/tau) times that of
    self-play policy gradient [derived].

    Parameters
    ----------
    learning_rate : float or None
        Rate of descent on the loss; the forward step is 4/tau times it. ``None`` makes that 8 tau/(1 + 4 tau^2).

    References
    ----------
    Calandriello et al., arXiv 2403.08635 [paper].

    Examples
    --------
    >>> OnlineIPO(learning_rate=0.25).eta(tau=0.5)
    2.0
    """

    learning_rate: float | None = None

    name = "online-ipo"
    update = (
        "theta+ = theta - lr grad E (D(pi) - D(mu) - 1/(2 tau))^2 on winner-first pairs ~ pi,  eta = 4 lr/tau"
    )
    source = "Calandriello et al., Human Alignment through Online Preference Optimisation, arXiv 2403.08635"


@dataclass(frozen=True)
class IPOMD(_Pairs):
    """IPO-MD: online IPO's loss on pairs from the mixture pi^b ∝ pi^(1-b) mu^b, through which no gradient passes.

    Its fixed point is Nash-MD-PG's, tau log(pi/mu) = P(. ≻ pi^b) + c, and so biased for b > 0 [derived].

    Parameters
    ----------
    learning_rate : float or None
        Rate of descent on the loss; the forward step is 4/tau times it.
        ``None`` makes that 8 tau/(4 tau^2 + (1-b)^2).
    mixture : float or None
        b in [0, 1]; ``None`` is 0.125.

    References
    ----------
    Calandriello et al., arXiv 2403.08635 [paper]; local stability [derived].

    Examples
    --------
    >>> IPOMD(learning_rate=0.25).eta(tau=0.5)
    2.0
    """

    learning_rate: float | None = None
    mixture: float | None = None

    name = "ipo-md"
    update = (
        "theta+ = theta - lr grad E (D(pi) - D(mu) - 1/(2 tau))^2 on winner-first pairs ~ pi^b,"
        "  pi^b ∝ pi^(1-b) mu^b,  eta = 4 lr/tau"
    )
    condition = "eta <= 16 tau/(4 tau^2 + (1-b)^2), for local stability; no rate is proved"
    source = OnlineIPO.source
    fixed_point = False
    _MIXTURE = 0.125
