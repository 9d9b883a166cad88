"""Beyond KL: rates in the regulariser's own divergence, ranges of equilibria, and what labels by chance do."""

from __future__ import annotations

import numpy as np

from ...equilibrium import exploitability, solve_newton
from ...game import PreferenceGame
from ...logspace import log_normalise
from ...regularisers import ratios
from ...rules import OMD, NashMP
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Instance, Stack
from .rounding import EPS, logit_rounding, once, payoff
from .rule_claims import flipped, mutated, play

_STEPS = 40


def spread(instance: Instance) -> Instance:
    """Return the instance with a reference and a start of logits within 6 of the largest."""
    logs = (instance.log_reference, instance.log_start)
    reference, start = (log_normalise(np.maximum(log, log.max() - 6)) for log in logs)
    return instance.replace(log_reference=reference, log_start=start)


_DOMAIN = Domain(actions=(2, 12), structure=spread)


def _regularised(stack: Stack, word: str) -> Stack:
    """Return the stack with another regulariser; its equilibria are found anew."""
    other = Stack(stack.instances)
    other.game = stack.game.replace(regulariser=word)
    return other


def _slack(stack: Stack, divergence: np.ndarray) -> np.ndarray:
    """Return what rounding may add to D_R(pi*, pi), shape (instances, records).

    Probabilities off by a share r change D_R by (r^2/2) sum mu u^2 f''(u) <= (r^2/2)(1 + c/min mu) about pi*, f'' at
    most 1/u + c with c = 1, and D_R(pi*, pi) by that much and its root times the root of 2 D_R.
    """
    least = np.exp(stack.log_reference.min(axis=1))
    error = (2 * logit_rounding(stack, stack.log_start) * np.sqrt(1 + 1 / least))[:, None]
    return error * np.sqrt(2 * divergence) + error**2


def _contracts(word: str, algorithm_of):
    def measure(stack: Stack, algorithm) -> Evidence:
        other = _regularised(stack, word)
        path = play(other, algorithm(stack.tau, stack.step), _STEPS)
        divergence = np.stack(
            [other.game.divergence(other.log_equilibrium, log) for log in path.log_policies], axis=1
        )
        before = divergence[:, :-1]
        rho = 1 - algorithm_of(stack.tau, stack.step).eta(stack.tau) * stack.tau
        return Evidence(path.steps[1:], divergence[:, 1:], rho * before, _slack(stack, before), before=before)

    return measure


def _omd(tau: float, share: float) -> OMD:
    return OMD(step=share * OMD().largest_eta(tau))


def _nash_mp(tau: float, share: float) -> NashMP:
    return NashMP(prox_step=2 * tau * share)


def _range(stack: Stack, word: str) -> Evidence:
    found = _regularised(stack, word).log_equilibrium
    largest = ratios(found, stack.log_reference).max(axis=1)
    allowed = (1 + 1 / stack.tau) * (1 + logit_rounding(stack))
    return once(largest, allowed)


def _gap(stack: Stack, sign: float) -> Evidence:
    """J(BR, pi) - 1/2 from f = (u - 1)^2/2 against the closed form, at the start; BR of ``sign`` times the payoff."""
    other = _regularised(stack, "chi2")
    pi, mu = np.exp(stack.log_start), np.exp(stack.log_reference)
    gains = payoff(stack, stack.log_start)
    best = np.exp(other.game.log_response(sign * gains))
    terms = (
        stack.tau * np.square(pi - mu) / (2 * mu),
        -stack.tau * np.square(best - mu) / (2 * mu),
        best * gains,
    )
    direct = sum(term.sum(axis=1) for term in terms)
    size = sum(np.abs(term).sum(axis=1) for term in terms)
    error = np.abs(direct - exploitability(other.game, stack.log_start))
    return once(error, 8 * EPS * (stack.actions + 8) * (1 + size + 1 / stack.tau))


def _golden(stack: Stack, scaled: bool) -> Evidence:
    """The Nash policy of labels that are coins with probability 1 - theta, at tau, and that of P at tau/theta."""
    theta = stack.step
    noisy = PreferenceGame(theta * stack.skew + 0.5, log_reference=stack.log_reference, tau=stack.tau)
    clean = stack.game.replace(tau=stack.tau / theta if scaled else stack.tau)
    one, other = solve_newton(noisy).log_policy, solve_newton(clean).log_policy
    return once(np.abs(one - other).max(axis=1), 4 * logit_rounding(stack, one, other) / theta)


def _rate(word: str, said: str, rule: str, algorithm, condition: str) -> Claim:
    return Claim(
        id=f"{word}-{rule}",
        statement=f"D_R(π*, π_{{t+1}}) ≤ (1 − ητ) D_R(π*, π_t) with R = {said}, every step",
        source="derived: the proof for KL asks of R that it is 1-strongly convex in l1, and where a step projects its"
        " optimality inequalities point the right way",
        kind="bound",
        conditions=f"{condition}, from any start; log μ and log π₀ within 6 of their largest",
        quantity="D_R(π*, π_{t+1})",
        predicted="(1 − ητ) D_R(π*, π_t)",
        measure=_contracts(word, algorithm),
        algorithm=algorithm,
        control=Control("sign of the payoff flipped", mutated(algorithm, flipped)),
        domain=_DOMAIN,
        rules=(rule,),
        games=300,
    )


CLAIMS = (
    *(
        _rate(word, said, *rest)
        for word, said in (("chi2", "χ²/2"), ("mixed", "KL + χ²/2"))
        for rest in (("omd", _omd, "η ≤ 4τ/(1 + 4τ²)"), ("nash-mp", _nash_mp, "s ≤ 2τ, η = s/(τ(1 + s))"))
    ),
    Claim(
        id="chi2-range",
        statement="π*/μ ≤ 1 + 1/τ with R = χ²/2, where KL allows e^{1/τ}",
        source="derived; as in GBPM, arXiv 2602.23116v3 [read]",
        kind="bound",
        conditions="any game, reference and τ > 0",
        quantity="max π*/μ",
        predicted="1 + 1/τ",
        measure=_range,
        algorithm="chi2",
        control=Control("KL in place of chi2", "kl", Domain(tau=(0.03, 0.1))),
    ),
    Claim(
        id="chi2-gap",
        statement="max_π' J(π', π) − 1/2 = τ[D_R(π, b) + Σ_{b=0} π (f'(0) − (Pπ − λ)/τ)], b = BR_τ(π), R = χ²/2",
        source="derived: Fenchel-Young gap of R",
        kind="identity",
        conditions="any game, τ > 0 and policy; log μ and log π within 6 of their largest",
        quantity="|difference|",
        predicted="rounding",
        measure=_gap,
        algorithm=1.0,
        control=Control("best response to the opposite payoff", -1.0),
        domain=_DOMAIN,
    ),
    Claim(
        id="golden-labels",
        statement="labels that are coins with probability 1 − θ: the Nash policy at τ is that of P at τ/θ",
        source="derived; golden questions, arXiv 2505.19134 [second hand]",
        kind="identity",
        conditions="any game, τ > 0 and θ in [0.1, 1]; log μ within 6 of its largest",
        quantity="max |log π − log π'|",
        predicted="rounding",
        measure=_golden,
        algorithm=True,
        control=Control("tau left as it is", False, Domain(step=(0.1, 0.7), structure=spread)),
        domain=_DOMAIN,
    ),
)
