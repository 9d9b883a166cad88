"""Stochastic policy gradient on a softmax policy: one duel an iteration, a sample of the rules' exact gradients.

The opponent and the scores climbed are those of ``rules/policy_gradient.py`` and ``rules/prox_gradient.py``; only the
step decreases, which sampling noise needs: eta_t = step/sqrt(t + 1) keeps a noise floor that falls with it.

Measured exponents of regret, 20 seeds, rounds 1e3 to 1e5, tau = .1: .32 to .50 on biased RPS, .47 on the NLHF table,
.58 to .63 on a random game of 10 actions (.44 to .52 from 3e4 on). No rate is proved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...rules import POLICY, REFERENCE, Rule
from ...rules.policy_gradient import NashMDPG, OnlineIPO
from ...rules.prox_gradient import TARGET, NashMPSGD, NashProxSGD
from ...rules.rule import HALF
from .learner import Learner


@dataclass(frozen=True)
class GradientLearner(Learner):
    """Common part: y ~ pi against the rule's opponent, and a step along the rule's score at y.

    Parameters
    ----------
    step : float or None
        eta_t = step/sqrt(t + 1) on the logits; ``None`` is min(1, 1/pull), where pull is the weight of -log pi in what
        is climbed, so that the pull back of a drawn logit is at most its own distance [derived].
    """

    positive = ("step",)
    #: Rule with the exact gradient step of which an iteration is a sample.
    rule: ClassVar[Rule]
    #: Whether the target is the moving average of Nash Prox, and not the reference for ever.
    averaged: ClassVar[bool] = False

    step: float | None = None

    def gradient(self, tau):
        """Return the exact gradient step of which an iteration is a sample."""
        return self.rule.steps(tau, 0)[0]

    def state(self, arena, seeds):
        contexts, actions = arena.log_mu.shape
        return {
            "theta": np.zeros((seeds, contexts, actions)),
            "target": np.broadcast_to(arena.log_mu, (seeds, contexts, actions)).copy(),
            "scratch": np.zeros((seeds, 2, actions)),
        }

    def advance(self, arena, book, state, t0, t1, first, last):
        from .gradient_kernel import gradient_rounds

        step = self.gradient(arena.tau)
        weights = (_weights(step.opponent), _weights(step.score))
        first_rate = min(1.0, -1 / weights[1][0]) if self.step is None else self.step
        decay = NashProxSGD().steps(1.0, 0)[1].base[TARGET] if self.averaged else 1.0
        rates = first_rate / np.sqrt(np.arange(t0, t1) + 1.0)
        gradient_rounds(arena, book, *state.values(), *weights, step.pairwise, decay, rates, t0, first, last)


def _weights(named: Mapping[str, float | np.ndarray]) -> np.ndarray:
    """Return the weights of the policy that climbs, the reference and the target."""
    known = {POLICY: 0, HALF: 0, REFERENCE: 1, TARGET: 2}
    weights = np.zeros(3)
    for name, weight in named.items():
        weights[known[name]] += weight
    return weights


class OnlineNashMPSGD(GradientLearner):
    """Approximate Nash-MP, first half step: y' from the target, a moving average of the policy's own logits.

    pi climbs grad log pi(y) [I - 1/2 - tau log(pi/mu)(y) - (tau/s) log(pi/pi_k)(y)], y ~ pi, y' ~ pi_k. The rule's
    second half step is left out and its target replaced by Nash Prox's average, so that an iteration buys one duel.

    References
    ----------
    Tiapkin et al., arXiv 2505.19731, moving-average target [paper]; the gradient form from the update [derived].
    """

    name = "nash-mp-sgd"
    update = (
        "y ~ pi, y' ~ pi_k;  logits += eta_t grad log pi(y) [I - 1/2 - tau log pi/mu - (tau/s) log pi/pi_k];"
        "  pi_k <- moving average"
    )
    source = NashMPSGD.source
    tag = "derived"
    rule = NashMPSGD(step=1.0)
    averaged = True


class OnlineNashProxSGD(GradientLearner):
    """Approximate Nash Prox: the same gradient in self-play, y' ~ pi, near a moving average of the own logits.

    References
    ----------
    Tiapkin et al., arXiv 2505.19731, moving-average target [paper]; the gradient form [derived].
    """

    name = "nash-prox-sgd"
    update = (
        "y, y' ~ pi;  logits += eta_t grad log pi(y) [I - 1/2 - tau log pi/mu - (tau/s) log pi/pi_k];"
        "  pi_k <- moving average"
    )
    source = NashProxSGD.source
    tag = "derived"
    rule = NashProxSGD(step=1.0)
    averaged = True


class OnlineIPOPairs(GradientLearner):
    """Online IPO: descent on (D(pi) - D(mu) - 1/(2 tau))^2, winner first, on one pair y, y' ~ pi.

    The learning rate is eta_t tau/4, by which the expected step is that of self-play policy gradient at eta_t.

    References
    ----------
    Calandriello et al., arXiv 2403.08635 (the loss [paper]); one duel a step and the schedule [derived].
    """

    name = "online-ipo"
    update = "y, y' ~ pi;  logits -= (eta_t tau/4) grad (D(pi) - D(mu) - 1/(2 tau))^2, winner first"
    source = OnlineIPO.source
    tag = "paper"

    def gradient(self, tau):
        return OnlineIPO(learning_rate=tau / 4).steps(tau, 0)[0]


class OnlineNashMDPG(GradientLearner):
    """Nash-MD-PG: y' from the geometric mixture pi^(1-b) mu^b, through which no gradient passes; b = 0.125.

    Its limit is biased, tau log(pi/mu) = P(. ≻ pi^b) + c, so regret is linear in the end [derived].

    References
    ----------
    Munos et al., arXiv 2312.00886 (the gradient [paper]); one duel a step and the schedule [derived].
    """

    name = "nash-md-pg"
    update = "y ~ pi, y' ~ pi^(1-b) mu^b;  logits += eta_t grad log pi(y) [I - 1/2 - tau log pi/mu]"
    source = NashMDPG.source
    tag = "paper"
    rule = NashMDPG(step=1.0)
