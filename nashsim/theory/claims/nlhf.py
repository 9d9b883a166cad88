"""Munos et al., Nash Learning from Human Feedback, arXiv 2312.00886: Nash-MD, its bias, and Bradley-Terry fits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...data.bradley_terry import fit_strengths
from ...equilibrium import solve_newton
from ...logspace import kl, log_normalise
from ...rules import NashMD
from ..fits import fit_rows
from .claim import LEAN, Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rounding import logit_rounding, once, payoff
from .rule_claims import contraction, flipped, kl_slack, loosened, mutated, play, unmixed_opponent
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


#: eta tau of the bias, as shares of min(1, tau^2): half octaves.
_SHARES = 0.02 * 2.0 ** (-0.5 * np.arange(10))


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
    return once(np.abs(after - point).max(axis=1), 2 * logit_rounding(stack, point))


def _bias(stack: Stack, algorithm) -> Evidence:
    """KL(pi*, pi) against eta, 1/(eta tau) steps after the fixed point; 1/eta as abscissa makes its order a decay."""
    shares = _SHARES * min(1.0, stack.tau**2)
    biases = []
    for share in shares:
        point = _biased_point(stack, share / stack.tau)
        length = round(1 / share)
        path = play(stack, algorithm(stack.tau, share), length, record=length, log_start=point)
        biases.append(kl(stack.log_equilibrium, path.log_policies[-1]))
    biases, inverse = np.array(biases).T, stack.tau / shares
    # the next order is of relative size eta tau: it moves a slope by no more than twice the largest of these
    predicted = 2 - 2 * shares[0]
    # a game whose bias is lost in rounding has none to fit
    floor = 1e3 * float(kl_slack(stack, np.zeros((len(stack), 1))).max())
    fits = fit_rows(inverse, biases, predicted, laws=["power"], floor=floor)
    bound = biases[:, :1] * (inverse[0] / inverse) ** 2
    return Evidence(inverse, biases, bound, fits=fits, x_label="1/η")


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
        tag="derived",
        kind="identity",
        conditions="Nash-MD at any constant ητ < 1",
        quantity="max |log π_{t+1} − log π_t| there",
        predicted="16ε((n+4)/τ + max|log|)",
        measure=_stays_at_biased_point,
        algorithm=_constant,
        control=Control("opponent unmixed", mutated(_constant, unmixed_opponent)),
        domain=Domain(step=(0.05, 0.9)),
        rules=("nash-md",),
    ),
    Claim(
        id="nash-md-bias",
        statement="with a constant step KL(π*, π_∞) = O(η²)",
        source="derived",
        tag="derived",
        kind="rate",
        conditions="Nash-MD, ητ ≤ 0.02 min(1, τ²)",
        quantity="KL(π*, π_∞)",
        predicted="order ≥ 2 in η",
        measure=_bias,
        algorithm=_constant,
        control=Control("a tenth of the pull to μ left out", mutated(_constant, loosened)),
        domain=Domain(tau=(0.1, 3.0), step=(1.0, 1.0)),
        rules=("nash-md",),
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
