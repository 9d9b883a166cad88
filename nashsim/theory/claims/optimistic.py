"""Optimistic regularised mirror descent: the linear rate of one call a step, and the potential that proves it."""

from __future__ import annotations

import numpy as np

from ...logspace import kl
from ...rules.optimistic_omd import OptimisticOMD
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rule_claims import flipped, kl_slack, mutated, play

_STEPS = 60


def _optimistic(tau: float, share: float) -> OptimisticOMD:
    return OptimisticOMD(step=share * OptimisticOMD().largest_eta(tau))


def _without_optimism(tau: float, share: float) -> OptimisticOMD:
    return OptimisticOMD(step=share * OptimisticOMD().largest_eta(tau), optimism=0.0)


def _numbers(stack: Stack) -> tuple[float, float, float]:
    """Return eta, rho = 1 - eta tau and kappa = (rho^2 - T)/(2 rho), T = eta (1 - rho)^2/(4 rho tau), of b = 1."""
    eta = _optimistic(stack.tau, stack.step).step
    rho = 1 - eta * stack.tau
    return eta, rho, (rho**2 - eta * (1 - rho) ** 2 / (4 * rho * stack.tau)) / (2 * rho)


def _potential(stack: Stack, algorithm) -> Evidence:
    """V_{t+1} against rho V_t, V = KL(pi* || pi_t) + (eta/rho) <A delta_t, e_t> + kappa KL(pi_t || pi_{t-1})."""
    eta, rho, kappa = _numbers(stack)
    path = play(stack, algorithm(stack.tau, stack.step), _STEPS).log_policies
    before = np.concatenate([path[:1], path[:-1]])
    to_equilibrium, moved = kl(stack.log_equilibrium, path).T, kl(path, before).T
    change, error = np.exp(path) - np.exp(before), np.exp(path) - np.exp(stack.log_equilibrium)
    crossed = np.einsum("kyz,tkz,tky->kt", stack.skew, change, error)
    value = to_equilibrium + eta / rho * crossed + kappa * moved
    # what rounding does to the product is at most what it does to both divergences, (eta/rho)/2 times
    slack = (1 + eta / rho) * (kl_slack(stack, to_equilibrium) + kl_slack(stack, moved))
    slack, before = slack[:, :-1] + slack[:, 1:], value[:, :-1]
    return Evidence(np.arange(1, _STEPS + 1), value[:, 1:], rho * before, slack, before=before)


def _linear(stack: Stack, algorithm) -> Evidence:
    eta, rho, _ = _numbers(stack)
    path = play(stack, algorithm(stack.tau, stack.step), _STEPS)
    divergence = kl(stack.log_equilibrium, path.log_policies).T
    bound = divergence[:, :1] * rho**path.steps / (1 - eta / (2 * rho**1.5))
    return Evidence(path.steps, divergence, bound, kl_slack(stack, divergence), before=divergence[:, :1])


CLAIMS = (
    Claim(
        id="optimistic-potential",
        statement="V_{t+1} ≤ (1 − ητ) V_t, V = KL(π*, π_t) + (η/ρ)⟨A(π_t − π_{t−1}), π_t − π*⟩ + κ KL(π_t, π_{t−1})",
        source="derived; see the notes of the rule `optimistic`",
        kind="bound",
        conditions="optimism b = 1, any constant η with ρ² ≥ η√ρ + η³τ/(4ρ), ρ = 1 − ητ, from any start",
        quantity="V_{t+1}",
        predicted="(1 − ητ) V_t",
        measure=_potential,
        algorithm=_optimistic,
        control=Control(
            "the same step without optimism",
            _without_optimism,
            Domain(tau=(0.03, 0.2), step=(0.7, 1.0), actions=(3, 12)),
        ),
        rules=("optimistic",),
    ),
    Claim(
        id="optimistic-linear",
        statement="KL(π*, π_t) ≤ (1 − ητ)^t KL₀/(1 − q), q = η/(2ρ^{3/2}), of one call a step",
        source="derived; see the notes of the rule `optimistic`",
        kind="bound",
        conditions="as for optimistic-potential",
        quantity="KL(π*, π_t)",
        predicted="(1 − ητ)^t KL₀/(1 − q)",
        measure=_linear,
        algorithm=_optimistic,
        control=Control("sign of the payoff flipped", mutated(_optimistic, flipped)),
        rules=("optimistic",),
    ),
)
