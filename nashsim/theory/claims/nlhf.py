"""Munos et al., Nash Learning from Human Feedback, arXiv 2312.00886: Nash-MD, its bias, and Bradley-Terry fits."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ...data.bradley_terry import fit_strengths
from ...equilibrium import solve_newton
from ...logspace import kl, log_normalise
from ...rules import NashMD
from .claim import LEAN, Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rounding import EPS, ONCE, logit_rounding, once, payoff
from .rule_claims import (
    contraction,
    flipped,
    keeps_only,
    kl_slack,
    log_mean_exp,
    loosened,
    mutated,
    payoffs,
    play,
    unmixed_opponent,
)
from .structures import bradley_terry, moderate

_PAPER = "NLHF, arXiv 2312.00886"


def _constant(tau: float, share: float) -> NashMD:
    return NashMD(step=share / tau)


def _scheduled(tau: float, share: float) -> NashMD:
    return NashMD()


def _per_step(stack: Stack, algorithm) -> Evidence:
    eta = stack.step / stack.tau
    found = contraction(60, lambda tau, share: 1 - share)(stack, algorithm)
    return replace(found, bound=found.bound + 2 * eta**2)


def _schedule(stack: Stack, algorithm) -> Evidence:
    path = play(stack, algorithm(stack.tau, stack.step), 1000, record="log")
    late = path.steps > 0
    divergence = kl(stack.log_equilibrium, path.log_policies[late]).T
    bound = 8 / (stack.tau**2 * (path.steps[late] + 1))
    return Evidence(path.steps[late], divergence, bound[None], kl_slack(stack, divergence))


def _mixtures(stack: Stack, log_policies: np.ndarray, share) -> np.ndarray:
    """Return pi^mu ∝ pi^(1 - share) mu^share."""
    return log_normalise((1 - share) * log_policies + share * stack.log_reference)


def _descent(stack: Stack, algorithm) -> Evidence:
    """KL(pi*, pi_{t+1}) along the schedule against its value by three-point identities."""
    path = play(stack, algorithm(stack.tau, stack.step), 100)
    share = 2 / (path.steps[:-1, None, None] + 2)
    policies, star = path.log_policies[:-1], stack.log_equilibrium
    mixture = _mixtures(stack, policies, share)
    grown = log_mean_exp(mixture, share / stack.tau * payoffs(stack, mixture))
    divergence, share = kl(star, path.log_policies), share[:, :, 0]
    before, inside, back = divergence[:-1], kl(mixture, policies), kl(mixture, star)
    bound = (1 - share) * (before - inside) - share * back + grown
    slack = kl_slack(stack, before.T) + 32 * EPS * (stack.actions + before + inside + back + grown).T
    return Evidence(path.steps[1:], divergence[1:].T, bound.T + slack, slack, before=before.T)


def _mixture_contracts(stack: Stack, algorithm) -> Evidence:
    """KL(q, pi^mu_t) with q the Nash policy at tau/(1 - eta tau): the mixture is the one-call map at that tau."""
    rule, share = algorithm(stack.tau, stack.step), _one_call_share(stack.tau, stack.step)
    star = solve_newton(stack.game.replace(tau=stack.tau / (1 - share))).log_policy
    path = play(stack, rule, 60)
    divergence = kl(star, _mixtures(stack, path.log_policies, share)).T
    before = divergence[:, :-1]
    return Evidence(
        path.steps[1:], divergence[:, 1:], (1 - share) * before, kl_slack(stack, before), before=before
    )


def _one_call_share(tau: float, share: float) -> float:
    """Return eta tau at which the mixture's step (1 - eta tau) eta is ``share`` of its one-call limit."""
    # x = share 4 tau^2/((1 - x)^2 + 4 tau^2): what is on the right grows too, and its first solution is met from below
    x = 0.0
    for _ in range(500):
        x = min(share * 4 * tau**2 / ((1 - x) ** 2 + 4 * tau**2), 0.999)
    return x


def _one_call(tau: float, share: float) -> NashMD:
    return NashMD(step=_one_call_share(tau, share) / tau)


def _lemma_1(stack: Stack, swapped: bool) -> Evidence:
    """KL(pi*, pi^mu) against eta tau KL(pi*, mu) + (1 - eta tau) KL(pi*, pi) - eta tau KL(pi^mu, mu)."""
    share, star = stack.step, stack.log_equilibrium
    mixture = _mixtures(stack, stack.log_start, 1 - share if swapped else share)
    towards, back = kl(star, stack.log_reference), kl(mixture, stack.log_reference)
    bound = share * (towards - back) + (1 - share) * stack.kl_start
    slack = kl_slack(stack, stack.kl_start[:, None]) + 32 * EPS * (towards + stack.kl_start + back)[:, None]
    return Evidence(ONCE, kl(star, mixture)[:, None], bound[:, None], slack, x_label="")


def _lemma_2(stack: Stack, sign: float) -> Evidence:
    """KL(pi*, pi+) against KL(pi*, pi) + <delta, pi - pi*> + span(delta)^2/8, pi+ ∝ pi exp(delta), delta = P pi/tau."""
    delta = stack.step / stack.tau * payoff(stack, stack.log_start)
    star, policy = stack.log_equilibrium, np.exp(stack.log_start)
    after = log_normalise(stack.log_start + sign * delta)
    crossed = (delta * (policy - np.exp(star))).sum(axis=1)
    bound = stack.kl_start + crossed + np.ptp(delta, axis=1) ** 2 / 8
    size = stack.kl_start + np.abs(delta).max(axis=1) + np.abs(after).max(axis=1)
    return Evidence(
        ONCE, kl(star, after)[:, None], bound[:, None], 32 * EPS * stack.actions * (1 + size[:, None])
    )


def _biased_point(stack: Stack, eta: float) -> np.ndarray:
    """Return the fixed point of Nash-MD, tau log(pi/mu) = P pi^mu + c.

    Its mixture q = pi^mu has log(q/mu) = (1 - eta tau) log(pi/mu), so q is the Nash policy at tau/(1 - eta tau).
    """
    mixture = solve_newton(stack.game.replace(tau=stack.tau / (1 - eta * stack.tau))).log_policy
    return log_normalise(stack.log_reference + payoff(stack, mixture) / stack.tau)


def _stays_at_biased_point(stack: Stack, algorithm) -> Evidence:
    rule = algorithm(stack.tau, stack.step)
    point = _biased_point(stack, stack.step / stack.tau)
    after = play(stack, rule, 1, log_start=point).log_policies[-1]
    away = play(stack, rule, 1).log_policies[-1] - stack.log_start
    moved, tolerance = np.abs(after - point).max(axis=1), 2 * logit_rounding(stack, point)
    return keeps_only(stack, moved, tolerance, np.abs(away).max(axis=1))


def _bias(stack: Stack, algorithm) -> Evidence:
    """KL(pi*, pi_T) against eta^2/(32 tau^2), once what is left of the start is below rounding.

    log pi/mu = A q/tau at the fixed point, log pi*/mu = A pi*/tau, so that KL(pi*, pi) <= span(A(q - pi*))^2/(8 tau^2)
    <= |q - pi*|_1^2/(8 tau^2); and |q - pi*|_1^2 <= KL + KL reversed = -eta <A pi*, q - pi*> <= eta |q - pi*|_1/2, as
    the two are Nash policies at tau/(1 - eta tau) and tau.
    """
    share = _one_call_share(stack.tau, stack.step)
    length, eta = math.ceil(100 / -math.log1p(-share)), share / stack.tau
    path = play(stack, algorithm(stack.tau, stack.step), length, record=length)
    divergence = kl(stack.log_equilibrium, path.log_policies[-1])[:, None]
    bound = np.full((len(stack), 1), eta**2 / (32 * stack.tau**2))
    return Evidence(np.array([length]), divergence, bound, kl_slack(stack, divergence), x_label="T")


def _proposition_2(stack: Stack, opponent) -> Evidence:
    """sum_z pi_z sigma(r_y - r_z) of the best fit on y, z ~ pi, against P(y > pi)."""
    policy = np.exp(stack.log_start)
    other = np.exp(opponent(stack))
    errors, sizes = [], []
    for p, q, skew in zip(policy, other, stack.skew, strict=True):
        rewards = _fit(p, q, skew)
        told = (1 / (1 + np.exp(rewards - rewards[:, None]))) @ p
        errors.append(np.abs(told - (skew + 0.5) @ p).max())
        sizes.append(1 / p.min())
    # Newton stops at rewards settled to 1e-12 or rounding; an action's condition weighs pi_y
    return once(np.array(errors), 1e-11 * np.array(sizes))


def _fit(first: np.ndarray, second: np.ndarray, skew: np.ndarray) -> np.ndarray:
    """Return Bradley-Terry rewards fitted to duels y ~ first, z ~ second."""
    wins = (skew + 0.5) * (np.outer(first, second) + np.outer(second, first))
    np.fill_diagonal(wins, 0.0)
    return fit_strengths(wins / wins.sum())


def _theorem_2(stack: Stack, _) -> Evidence:
    """Rewards fitted under two policies, which are the same where P is Bradley-Terry."""
    errors = []
    uniform = np.full(stack.actions, 1 / stack.actions)
    for log_policy, skew in zip(stack.log_start, stack.skew, strict=True):
        policy = np.exp(log_policy)
        errors.append(np.abs(_fit(policy, policy, skew) - _fit(uniform, uniform, skew)).max())
    return once(np.array(errors), 1e-10 / np.exp(stack.log_start).min(axis=1))


#: Policies and preferences bounded away from 0 and 1, where the best Bradley-Terry rewards are finite.
_FITTED = Domain(actions=(2, 8), structure=moderate)

#: The schedule has no step to choose, and is dear to follow.
_SCHEDULED = Domain(actions=(2, 12), step=(1.0, 1.0))

CLAIMS = (
    Claim(
        id="nash-md-step",
        statement="KL(π*, π_{t+1}) ≤ (1 − ητ) KL(π*, π_t) + 2η²",
        source=f"{_PAPER}, the inequality behind the last-iterate theorem",
        tag="paper",
        kind="bound",
        conditions="Nash-MD at any constant ητ ≤ 1, from any start",
        quantity="KL(π*, π_{t+1})",
        predicted="(1 − ητ) KL(π*, π_t) + 2η²",
        measure=_per_step,
        algorithm=_constant,
        control=Control(
            "sign of the payoff flipped, at small steps",
            mutated(_constant, flipped),
            Domain(step=(0.002, 0.02), tau=(0.1, 3.0)),
        ),
        domain=Domain(step=(0.002, 1.0)),
        rules=("nash-md",),
        formal=f"{LEAN}, nashMDStep_contextAveragedKL_contraction; its Lemma 1 of appendix D is"
        " contextAveragedPolicyKLDivergence_geometricMixture_le",
    ),
    Claim(
        id="nash-md-schedule",
        statement="KL(π*, π_T) ≤ 8/(τ²(T+1)) with η_t = 2/(τ(t+2))",
        source=f"{_PAPER}, last-iterate theorem",
        tag="paper",
        kind="bound",
        conditions="Nash-MD with its schedule, from any start, T ≥ 1",
        quantity="KL(π*, π_T)",
        predicted="8/(τ²(T+1))",
        measure=_schedule,
        algorithm=_scheduled,
        control=Control("sign of the payoff flipped", mutated(_scheduled, flipped)),
        domain=_SCHEDULED,
        rules=("nash-md",),
        remark=lambda worst: (
            f"the sharper 1/(2τ²(T+1)) [derived] would have a worst ratio of {16 * worst:.3g}"
        ),
        formal=f"{LEAN}, nashMD_lastIterate_rate",
    ),
    Claim(
        id="nash-md-fixed-point",
        statement="a constant step has the fixed point τ log(π/μ) = Pπ^μ + c, π^μ the Nash policy at τ/(1 − ητ)",
        source="derived",
        kind="identity",
        conditions="Nash-MD at any constant ητ < 1, τ ≥ 0.005, below which π is beneath what a double holds",
        quantity="max |log π_{t+1} − log π_t| there; from π_0 it is more than rounding",
        predicted="16ε((n+4)/τ + max|log|)",
        measure=_stays_at_biased_point,
        algorithm=_constant,
        control=Control("opponent unmixed", mutated(_constant, unmixed_opponent)),
        domain=Domain(tau=(0.005, 100.0), step=(0.05, 0.9)),
        rules=("nash-md",),
    ),
    Claim(
        id="nash-md-bias",
        statement="with a constant step KL(π*, π_∞) ≤ η²/(32τ²)",
        source="derived",
        kind="bound",
        conditions="Nash-MD, steps as for nash-md-mixture, from any start; T = 100/log(1/(1 − ητ))",
        quantity="KL(π*, π_T)",
        predicted="η²/(32τ²)",
        measure=_bias,
        algorithm=_one_call,
        control=Control(
            "a tenth of the pull to μ left out",
            mutated(_one_call, loosened),
            Domain(tau=(0.1, 1.0), step=(0.1, 0.3)),
        ),
        domain=Domain(tau=(0.03, 100.0), step=(0.2, 1.0), actions=(2, 12)),
        rules=("nash-md",),
    ),
    Claim(
        id="nash-md-mixture",
        statement="KL(q, π^μ_{t+1}) ≤ (1 − ητ) KL(q, π^μ_t), q the Nash policy at τ/(1 − ητ): the mixture is the"
        " one-call map there",
        source="derived",
        kind="bound",
        conditions="Nash-MD, constant η with (1 − ητ)η ≤ 4τ'/(1 + 4τ'²), τ' = τ/(1 − ητ), from any start",
        quantity="KL(q, π^μ_{t+1})",
        predicted="(1 − ητ) KL(q, π^μ_t)",
        measure=_mixture_contracts,
        algorithm=_one_call,
        control=Control("opponent unmixed", mutated(_one_call, unmixed_opponent)),
        rules=("nash-md",),
    ),
    Claim(
        id="nash-md-descent",
        statement="KL(π*, π_{t+1}) ≤ (1 − ητ)(KL(π*, π_t) − KL(q, π_t)) − ητ KL(q, π*) + log E_q exp(η(P(· ≻ q) − ½)),"
        " q = π^μ_t: equality",
        source=f"derived by three-point identities: what the step inequality of {_PAPER}, leaves out",
        kind="bound",
        conditions="Nash-MD with its schedule, from any start",
        quantity="KL(π*, π_{t+1})",
        predicted="(1 − ητ)(KL(π*, π_t) − KL(q, π_t)) − ητ KL(q, π*) + log E_q exp(η(P(· ≻ q) − ½))",
        measure=_descent,
        algorithm=_scheduled,
        control=Control("sign of the payoff flipped", mutated(_scheduled, flipped)),
        domain=_SCHEDULED,
        rules=("nash-md",),
    ),
    Claim(
        id="nash-md-lemma-1",
        statement="KL(π, π^μ) ≤ ητ KL(π, μ) + (1 − ητ) KL(π, π_t) − ητ KL(π^μ, μ)",
        source=f"{_PAPER}, Lemma 1, read in its Lean form; proof derived",
        kind="bound",
        conditions="any μ, π_t, 0 ≤ ητ ≤ 1; π = π*",
        quantity="KL(π*, π^μ)",
        predicted="ητ KL(π*, μ) + (1 − ητ) KL(π*, π_t) − ητ KL(π^μ, μ)",
        measure=_lemma_1,
        algorithm=False,
        control=Control("weights of the mixture swapped", True, Domain(step=(0.1, 0.4))),
        domain=Domain(step=(0.0, 1.0)),
        formal=f"{LEAN}, contextAveragedPolicyKLDivergence_geometricMixture_le",
    ),
    Claim(
        id="nash-md-lemma-2",
        statement="KL(π, π⁺) ≤ KL(π, π⁻) + ⟨δ, π⁻ − π⟩ + span(δ)²/8 for π⁺ ∝ π⁻ exp δ; span(δ)²/8 ≤ ‖δ‖²/2 ≤ 2‖δ‖²",
        source=f"derived (Hoeffding); Lemma 2 of {_PAPER}, has 2‖δ‖² by what its step inequality needs",
        kind="bound",
        conditions="any policies; δ = c P(· ≻ π⁻)/τ with c in [0.001, 1]; π = π*",
        quantity="KL(π*, π⁺)",
        predicted="KL(π*, π⁻) + ⟨δ, π⁻ − π*⟩ + span(δ)²/8",
        measure=_lemma_2,
        algorithm=1.0,
        control=Control("δ of the other sign", -1.0),
        domain=Domain(step=(0.001, 1.0)),
    ),
    Claim(
        id="bradley-terry-fit",
        statement="the best Bradley-Terry fit on y, y' ~ π has Σ_z π(z) σ(r_y − r_z) = P(y ≻ π)",
        source=f"{_PAPER}, Proposition 2",
        tag="paper",
        kind="identity",
        conditions="π and P in the interior",
        quantity="max_y |fitted − P(y ≻ π)|",
        predicted="1e-11/min π",
        measure=_proposition_2,
        algorithm=lambda stack: stack.log_start,
        control=Control("y' from another policy than y", lambda stack: stack.log_reference),
        domain=_FITTED,
    ),
    Claim(
        id="bradley-terry-sampling",
        statement="the fitted reward does not depend on the sampling policy if P is Bradley-Terry, and does if not",
        source=f"{_PAPER}, Theorem 2",
        tag="paper",
        kind="identity",
        conditions="P Bradley-Terry, π in the interior",
        quantity="max |r_π − r_uniform|",
        predicted="1e-10/min π",
        measure=_theorem_2,
        algorithm=None,
        control=Control("P not Bradley-Terry", domain=_FITTED),
        domain=Domain(actions=(3, 8), structure=lambda instance: moderate(bradley_terry(instance))),
    ),
)
