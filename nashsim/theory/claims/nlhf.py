"""Munos et al., Nash Learning from Human Feedback, arXiv 2312.00886: Nash-MD and the regularised game."""

from __future__ import annotations

import numpy as np

from ...logspace import kl
from ...rules import NashMD
from .domain import Domain
from .instance import Stack
from .language import Claim, Control, Evidence
from .rule_claims import flipped, mutated, play

_PAPER = "NLHF, arXiv 2312.00886"
#: A KL of two policies near each other is quadratic in their error, itself a few hundred roundings at worst.
KL_SLACK = 1e-24


def _constant(tau: float, share: float) -> NashMD:
    return NashMD(step=share / tau)


def _per_step(stack: Stack, algorithm) -> Evidence:
    eta = stack.step / stack.tau
    path = play(stack, algorithm(stack.tau, stack.step), 60)
    divergence = kl(stack.log_equilibrium, path.log_policies).T
    bound = (1 - eta * stack.tau) * divergence[:, :-1] + 2 * eta**2
    return Evidence(path.steps[1:], divergence[:, 1:], bound, slack=KL_SLACK)


def _schedule(stack: Stack, algorithm) -> Evidence:
    path = play(stack, algorithm(stack.tau, stack.step), 1000, record="log")
    late = path.steps > 0
    divergence = kl(stack.log_equilibrium, path.log_policies[late]).T
    bound = 8 / (stack.tau**2 * (path.steps[late] + 1))
    return Evidence(path.steps[late], divergence, np.broadcast_to(bound, divergence.shape), slack=KL_SLACK)


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
        control=Control("sign of the payoff flipped", mutated(_constant, flipped)),
        domain=Domain(step=(0.002, 1.0)),
        rules=("nash-md",),
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
        algorithm=lambda tau, share: NashMD(),
        control=Control("sign of the payoff flipped", mutated(lambda tau, share: NashMD(), flipped)),
        rules=("nash-md",),
        remark=lambda worst: (
            f"the sharper 1/(2τ²(T+1)) [derived] would have a worst ratio of {16 * worst:.3g}"
        ),
    ),
)
