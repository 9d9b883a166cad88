"""Sokota et al., Magnetic Mirror Descent, arXiv 2206.05825: the one-call map M1 at a constant step."""

from __future__ import annotations

import numpy as np

from ...logspace import kl, log_normalise
from ...rules import INPO, MMD, OMD
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rule_claims import contraction, distance, flipped, kl_slack, mutated, play
from .structures import rock_paper_scissors

_MMD = "MMD, arXiv 2206.05825"


def largest(tau: float) -> float:
    """Return the largest forward step of the one-call linear rate, 4 tau/(1 + 4 tau^2)."""
    return 4 * tau / (1 + 4 * tau**2)


def _factor(tau: float, share: float) -> float:
    return 1 - share * largest(tau) * tau


def _omd(tau: float, share: float) -> OMD:
    return OMD(step=share * largest(tau))


def _same_map(stack: Stack, algorithm) -> Evidence:
    """The three names from one start; the worst of the two differences at every step."""
    omd, inpo, mmd = (play(stack, rule, 30) for rule in algorithm(stack.tau, stack.step))
    eta = stack.step * largest(stack.tau)
    one, other = distance(stack, omd, inpo, eta), distance(stack, omd, mmd, eta)
    return Evidence(one.x, np.maximum(one.measured, other.measured), one.bound)


def _three_names(tau: float, share: float) -> tuple[OMD, INPO, MMD]:
    eta = share * largest(tau)
    return OMD(step=eta), INPO(eta_inverse=1 / eta), MMD(prox_weight=eta / (1 - eta * tau))


def _inverse_taken_forward(tau: float, share: float) -> tuple[OMD, INPO, MMD]:
    omd, inpo, mmd = _three_names(tau, share)
    return omd, INPO(eta_inverse=max(omd.step, tau)), mmd


def _threshold(tau: float) -> float:
    return 2 * tau / (tau**2 + 1 / 12)


#: How near to the equilibrium a path starts that is held against its linearisation.
_NEAR = 1e-4


def _stable(stack: Stack, algorithm) -> Evidence:
    """KL to the uniform equilibrium of RPS, from very near it, against |rho + i eta/sqrt 12|^(2t) KL_0.

    That eigenvalue turns and shrinks a circle, so that KL falls without swinging; third orders are a share |x| of it.
    """
    shift = stack.log_start - stack.log_start.mean(axis=1)[:, None]
    shift *= _NEAR / np.maximum(np.abs(shift).max(axis=1, keepdims=True), 1e-300)
    near = log_normalise(stack.log_reference + shift)
    path = play(stack, algorithm(stack.tau, stack.step), 2000, record=50, log_start=near)
    divergence = kl(stack.log_equilibrium, path.log_policies).T
    eta = min(min(stack.step, 0.98) * _threshold(stack.tau), 1 / stack.tau)
    square = (1 - eta * stack.tau) ** 2 + eta**2 / 12
    first = divergence[:, :1]
    bound = first * square ** path.steps[1:] * (1 + 4 * _NEAR)
    return Evidence(path.steps[1:], divergence[:, 1:], bound, kl_slack(stack, first), before=first)


def _rps(tau: float, share: float) -> OMD:
    return OMD(step=min(share * _threshold(tau), 1 / tau))


CLAIMS = (
    Claim(
        id="one-call-linear",
        statement="KL(π*, π_{t+1}) ≤ (1 − ητ) KL(π*, π_t); at η = 4τ/(1+4τ²) the factor is 1/(1+4τ²)",
        source=f"derived from the linear rate of {_MMD}, with the zero-sum Lipschitz constant 1/2",
        kind="bound",
        conditions="regularised OMD, any constant η ≤ 4τ/(1+4τ²), from any start",
        quantity="KL(π*, π_{t+1})",
        predicted="(1 − ητ) KL(π*, π_t)",
        measure=contraction(60, _factor),
        algorithm=_omd,
        control=Control("sign of the payoff flipped", mutated(_omd, flipped)),
        rules=("omd",),
    ),
    Claim(
        id="one-call-step-limit",
        statement="the one-call factor 1 − ητ needs its condition η ≤ 4τ/(1+4τ²)",
        source=f"derived from {_MMD}",
        kind="bound",
        conditions="MMD with e ≤ 4τ, from any start",
        quantity="KL(π*, π_{t+1})",
        predicted="KL(π*, π_t)/(1 + eτ)",
        measure=contraction(60, _factor),
        algorithm=lambda tau, share: MMD.with_eta(share * largest(tau), tau),
        control=Control(
            "η six times its limit", domain=Domain(tau=(0.05, 0.2), step=(6.0, 6.0), actions=(3, 12))
        ),
        rules=("mmd",),
    ),
    Claim(
        id="one-call-threshold",
        statement="on uniform RPS the one-call map returns to π* for η < 2τ/(τ² + 1/12), by |ρ + iη/√12|² a step in KL",
        source="derived",
        kind="bound",
        conditions="uniform rock-paper-scissors, η ≤ 0.98 of the threshold, starts near π*",
        quantity="KL(π*, π_t)",
        predicted="(ρ² + η²/12)^t KL(π*, π_0)",
        measure=_stable,
        algorithm=_rps,
        control=Control(
            "η 2% beyond the threshold",
            domain=Domain(actions=(3, 3), tau=(0.03, 0.25), step=(1.02, 1.02), structure=rock_paper_scissors),
        ),  # fmt: skip
        domain=Domain(actions=(3, 3), tau=(0.03, 0.25), step=(0.3, 0.98), structure=rock_paper_scissors),
        rules=("omd",),
    ),
    Claim(
        id="one-call-names",
        statement="INPO (η = 1/η_I) = regularised OMD = MMD (η = e/(1 + eτ)): one map",
        source=f"derived: INPO, arXiv 2407.00617; {_MMD}",
        kind="identity",
        conditions="any game, any constant step inside the range",
        quantity="max |log π_t − log π'_t|",
        predicted="rounding × (t+1)(1+η/2)^t",
        measure=_same_map,
        algorithm=_three_names,
        control=Control("INPO's inverse step taken forward", _inverse_taken_forward),
        rules=("omd", "inpo", "mmd"),
    ),
)
