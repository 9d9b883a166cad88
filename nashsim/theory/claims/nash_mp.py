"""Tiapkin et al., Accelerating NLHF via Mirror Prox, arXiv 2505.19731: Nash-MP (v1) and the proximal point (v2)."""

from __future__ import annotations

import numpy as np

from ...equilibrium import exploitability
from ...logspace import span
from ...rules import NashMP, NashProx
from ..fits import fit_rows
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rule_claims import contraction, flipped, mutated, play

_V1 = "Nash Mirror Prox, arXiv 2505.19731v1, abstract"


def _nash_mp(tau: float, share: float) -> NashMP:
    return NashMP(prox_step=2 * tau * share)


def _factor(tau: float, share: float) -> float:
    return 1 / (1 + 2 * tau * share)


def _curve(metric):
    """Return the measure of a linear rate of ``metric(stack, log_policies)`` at s = 2 tau, per iteration."""

    def measure(stack: Stack, algorithm) -> Evidence:
        rate = np.log(1 + 2 * stack.tau * stack.step)
        # as many iterations as the proved rate of KL needs for twelve orders, in 120 records
        every = max(1, round(28 / rate / 120))
        path = play(stack, algorithm(stack.tau, stack.step), 120 * every, record=every)
        values, power, floor = metric(stack, path.log_policies)
        bound = values[:, :1] * np.exp(-power * rate * path.steps)
        fits = fit_rows(path.steps.astype(float), values, power * rate, laws=["linear"], floor=floor)
        return Evidence(path.steps, values, bound, fits=fits)

    return measure


def _suboptimality(stack: Stack, log_policies: np.ndarray):
    values = [exploitability(stack.game, log_policy) for log_policy in log_policies]
    return np.array(values).T, 1.0, 1e-22


def _span(stack: Stack, log_policies: np.ndarray):
    # KL is quadratic in the distance: half its rate; Newton and the engine agree to some 1e-13 / tau
    return span(log_policies - stack.log_equilibrium).T, 0.5, 1e-11 / min(stack.tau, 1)


def _inner(tau: float) -> int:
    """Inner steps to rounding: each shrinks the distance to the proximal point by 1/(1 + 2 tau) or less."""
    return int(np.ceil(40 / np.log1p(2 * tau)))


def _prox_measure(stack: Stack, algorithm) -> Evidence:
    return contraction(12, _factor, every=_inner(stack.tau))(stack, algorithm)


def _prox(tau: float, share: float) -> NashProx:
    return NashProx(prox_step=2 * tau * share, inner=_inner(tau))


_TWO_CALL = {
    "source": f"{_V1}; proof derived",
    "tag": "derived",
    "kind": "bound",
    "quantity": "KL(π*, π_{k+1})",
    "predicted": "KL(π*, π_k)/(1+s)",
    "algorithm": _nash_mp,
    "rules": ("nash-mp",),
}

CLAIMS = (
    Claim(
        id="nash-mp-kl",
        statement="KL(π*, π_k) ≤ (1+s)^{−k} KL_0; at s = 2τ and N = 2k queries (1+2τ)^{−N/2} KL_0",
        conditions="Nash-MP with s ≤ 2τ, from any start",
        measure=contraction(60, _factor),
        control=Control("sign of the payoff flipped", mutated(_nash_mp, flipped)),
        **_TWO_CALL,
    ),
    Claim(
        id="nash-mp-step-limit",
        statement="the two-call factor 1/(1+s) holds at s = 2τ and fails for larger steps (found from 4τ)",
        conditions="Nash-MP with s = 2τ, from any start",
        measure=contraction(60, _factor),
        control=Control(
            "s = 6τ",
            domain=Domain(actions=(3, 6), tau=(0.03, 0.3), step=(3.0, 3.0)),
        ),
        domain=Domain(step=(1.0, 1.0)),
        **_TWO_CALL,
    ),
    Claim(
        id="nash-mp-actions",
        statement="the rate (1+2τ)^{−N/2} does not depend on the number of actions",
        conditions="Nash-MP with s ≤ 2τ on 32 to 128 actions",
        measure=contraction(40, _factor),
        control=Control("sign of the payoff flipped", mutated(_nash_mp, flipped), games=10),
        domain=Domain(actions=(32, 128), step=(0.5, 1.0)),
        **_TWO_CALL,
    ),
    Claim(
        id="nash-mp-suboptimality",
        statement="max_π' P(π' ≻ π_k) − 1/2 (regularised) falls as (1+2τ)^{−N/2}/τ",
        source=_V1,
        tag="paper",
        kind="rate",
        conditions="Nash-MP with s = 2τ",
        quantity="exploitability of π_k",
        predicted="log(1+2τ) an iteration",
        measure=_curve(_suboptimality),
        algorithm=_nash_mp,
        control=Control("sign of the payoff flipped", mutated(_nash_mp, flipped)),
        domain=Domain(step=(1.0, 1.0), tau=(0.05, 2.0)),
        rules=("nash-mp",),
    ),
    Claim(
        id="nash-mp-span",
        statement="span(log π_k − log π*) converges linearly, as the root of KL",
        source=_V1,
        tag="paper",
        kind="rate",
        conditions="Nash-MP with s = 2τ",
        quantity="span(log π_k − log π*)",
        predicted="½ log(1+2τ) an iteration",
        measure=_curve(_span),
        algorithm=_nash_mp,
        control=Control("sign of the payoff flipped", mutated(_nash_mp, flipped)),
        domain=Domain(step=(1.0, 1.0), tau=(0.05, 2.0)),
        rules=("nash-mp",),
    ),
    Claim(
        id="nash-prox",
        statement="KL(π*, π_{k+1}) ≤ KL(π*, π_k)/(1+s) for proximal points; Nash Prox converges for any s",
        source="Proximal Point NLHF, arXiv 2505.19731v2, abstract [paper]; the factor derived",
        tag="derived",
        kind="bound",
        conditions="inner solves to rounding, s ≤ 2τ so that 40/log(1+2τ) inner steps do",
        quantity="KL(π*, π_{k+1})",
        predicted="KL(π*, π_k)/(1+s)",
        measure=_prox_measure,
        algorithm=_prox,
        control=Control("sign of the payoff flipped", mutated(_prox, flipped)),
        domain=Domain(tau=(0.05, 3.0)),
        rules=("nash-prox",),
    ),
)
