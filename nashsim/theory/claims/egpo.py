"""Zhou et al., Extragradient Preference Optimization, arXiv 2503.08942: EGPO is Nash-MP, and its larger range."""

from __future__ import annotations

import math

from ...rules import EGPO, NashMP
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rule_claims import contraction, distance, flipped, mutated, play

_EGPO = "EGPO, arXiv 2503.08942"


def largest(tau: float) -> float:
    """Return 2 (sqrt(1 + tau^2) - tau), the root of eta^2 = 4 (1 - eta tau)."""
    return 2 * (math.sqrt(1 + tau**2) - tau)


def _egpo(tau: float, share: float) -> EGPO:
    return EGPO(step=share * largest(tau))


def _same_map(stack: Stack, algorithm) -> Evidence:
    one, other = (play(stack, rule, 30) for rule in algorithm(stack.tau, stack.step))
    return distance(stack, one, other, 2 * stack.step / (1 + 2 * stack.tau * stack.step))


def _two_names(tau: float, share: float) -> tuple[EGPO, NashMP]:
    s = 2 * tau * share
    return EGPO(step=s / (tau * (1 + s))), NashMP(prox_step=s)


def _step_confused(tau: float, share: float) -> tuple[EGPO, NashMP]:
    s = 2 * tau * share
    return EGPO(step=s / (tau * (1 + s)) / 2), NashMP(prox_step=s)


CLAIMS = (
    Claim(
        id="egpo-linear",
        statement="KL(π*, π_{k+1}) ≤ (1 − ητ) KL(π*, π_k) for η² ≤ 4(1 − ητ)",
        source=f"{_EGPO}; range of the step derived",
        kind="bound",
        conditions="EGPO, any constant η ≤ 2(√(1+τ²) − τ), from any start",
        quantity="KL(π*, π_{k+1})",
        predicted="(1 − ητ) KL(π*, π_k)",
        measure=contraction(60, lambda tau, share: 1 - share * largest(tau) * tau),
        algorithm=_egpo,
        control=Control("sign of the payoff flipped", mutated(_egpo, flipped)),
        rules=("egpo",),
    ),
    Claim(
        id="egpo-names",
        statement="EGPO at η = s/(τ(1+s)) is Nash-MP at s: one map",
        source=f"derived: {_EGPO}; Nash Mirror Prox, arXiv 2505.19731v1",
        kind="identity",
        conditions="any game, s ≤ 2τ",
        quantity="max |log π_k − log π'_k|",
        predicted="rounding × (k+1)(1+η/2)^k",
        measure=_same_map,
        algorithm=_two_names,
        control=Control("half of the step, as the released code's true_lr", _step_confused),
        domain=Domain(),
        rules=("egpo", "nash-mp"),
    ),
)
