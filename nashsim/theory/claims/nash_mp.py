"""Tiapkin et al., Accelerating NLHF via Mirror Prox, arXiv 2505.19731: Nash-MP (v1) and the proximal point (v2)."""

from __future__ import annotations

import numpy as np

from ...equilibrium import exploitability, solve_newton
from ...logspace import kl, log_normalise, span
from ...rules import NashMP, NashProx
from ..fits import fit_rows
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rounding import EPS, ONCE, logit_rounding
from .rule_claims import contraction, flipped, kl_slack, mutated, payoffs, play

_V1 = "Nash Mirror Prox, arXiv 2505.19731v1, abstract"


def _nash_mp(tau: float, share: float) -> NashMP:
    return NashMP(prox_step=2 * tau * share)


def _factor(tau: float, share: float) -> float:
    return 1 / (1 + 2 * tau * share)


#: How near to pi* a path starts that is held against its linearisation.
_NEAR = 1e-3


def _near(stack: Stack) -> np.ndarray:
    """Return the start, brought so near to pi* that log pi - log pi* is at most ``_NEAR``."""
    shift = stack.log_start - stack.log_equilibrium
    shift -= (np.exp(stack.log_equilibrium) * shift).sum(axis=1, keepdims=True)
    shift *= _NEAR / np.maximum(np.abs(shift).max(axis=1, keepdims=True), 1e-300)
    return log_normalise(stack.log_equilibrium + shift)


def _records(stack: Stack, algorithm):
    """Return a path from near pi* over the decades that rounding leaves, in 120 records, and log(1+s)."""
    rate = np.log1p(2 * stack.tau * stack.step)
    every = max(1, round(20 / rate / 120))
    return play(stack, algorithm(stack.tau, stack.step), 120 * every, every, log_start=_near(stack)), rate


def _suboptimality(stack: Stack, algorithm) -> Evidence:
    """tau KL(pi_k || BR(pi_k)) from near pi*, against (tau + 1/(4 tau)) (1+s)^(-2k) KL_0.

    x = log pi - log pi* moves by x+ = rho x + eta B(rho x + eta B x), B = A cov(pi*), which is skew in the norm of
    cov(pi*) and at most 1/2 there: each mode falls by rho or faster, as (rho - b^2)^2 + rho^2 b^2 <= rho^2 for b = eta
    beta <= eta/2. KL is half the square of that norm and the gap tau times that of x - B x/tau, up to a share |x|.
    """
    path, rate = _records(stack, algorithm)
    values = np.array([exploitability(stack.game, log_policy) for log_policy in path.log_policies]).T
    first = kl(stack.log_equilibrium, path.log_policies[0])[:, None]
    bound = (stack.tau + 1 / (4 * stack.tau)) * first * np.exp(-2 * rate * path.steps) * (1 + 8 * _NEAR)
    error = 2 * logit_rounding(stack, stack.log_equilibrium)[:, None] * (1 + 1 / stack.tau)
    slack = stack.tau * (error * np.sqrt(2 * first * (1 + 1 / (4 * stack.tau**2))) + error**2)
    return Evidence(path.steps, values, bound, slack, before=bound[:, :1])


def _span(stack: Stack, algorithm) -> Evidence:
    """span(log pi_k - log pi*) from near pi*, against rho = 1/(1+s) an iteration.

    Modes that have mass fall by rho or faster, as in ``_suboptimality``; an action without any is driven by them, so
    that the span may fall as k rho^k: at most 1/k slower at k than the rate.
    """
    path, rate = _records(stack, algorithm)
    values = span(path.log_policies - stack.log_equilibrium).T
    bound = values[:, :1] * np.exp(-rate * path.steps)
    # Newton and the engine agree to some 1e-13/tau; third orders bend a curve by a share |x|
    floor = 1e-11 / min(stack.tau, 1)
    predicted = rate * (1 - 4 * _NEAR - 2 / np.log(_NEAR / floor))
    fits = fit_rows(path.steps.astype(float), values, predicted, laws=["linear"], floor=floor, burn_in=0.5)
    return Evidence(path.steps, values, bound, fits=fits)


def _span_step(stack: Stack, algorithm) -> Evidence:
    """span(log pi_{k+1} - log pi*) against rho times that of k, and eta |half step - pi*|_1."""
    rho = 1 / (1 + 2 * stack.tau * stack.step)
    eta = (1 - rho) / stack.tau
    policies = play(stack, algorithm(stack.tau, stack.step), 60).log_policies
    values = span(policies - stack.log_equilibrium).T
    base = rho * policies[:-1] + (1 - rho) * stack.log_reference
    half = log_normalise(base + eta * payoffs(stack, policies[:-1]))
    apart = np.abs(np.exp(half) - np.exp(stack.log_equilibrium)).sum(axis=2).T
    bound = rho * values[:, :-1] + eta * apart
    slack = 4 * (1 + eta) * logit_rounding(stack, stack.log_start, stack.log_equilibrium)[:, None]
    return Evidence(np.arange(1, values.shape[1]), values[:, 1:], bound, slack, before=values[:, :-1])


def _inner(tau: float) -> int:
    """Inner steps to rounding: each shrinks the distance to the proximal point by 1/(1 + 2 tau) or less."""
    return int(np.ceil(40 / np.log1p(2 * tau)))


def _proximal_point(stack: Stack, s_of) -> Evidence:
    """KL(pi*, q) against (KL(pi*, pi) - KL(q, pi) - s KL(q, pi*))/(1+s), q the proximal point of pi by Newton."""
    s, told = s_of(stack.step)
    base = log_normalise((stack.log_start + s * stack.log_reference) / (1 + s))
    found = solve_newton(stack.game.replace(log_reference=base, tau=stack.tau * (1 + s) / s)).log_policy
    inside, back = kl(found, stack.log_start), kl(found, stack.log_equilibrium)
    bound = (stack.kl_start - inside - told * back) / (1 + told)
    size = (stack.kl_start + inside) / (1 + told) + back
    slack = kl_slack(stack, stack.kl_start[:, None]) + 64 * EPS * stack.actions * (1 + size[:, None])
    return Evidence(
        ONCE, kl(stack.log_equilibrium, found)[:, None], bound[:, None] + slack, slack, x_label=""
    )


def _prox_measure(stack: Stack, algorithm) -> Evidence:
    return contraction(12, _factor, every=_inner(stack.tau))(stack, algorithm)


def _prox(tau: float, share: float) -> NashProx:
    return NashProx(prox_step=2 * tau * share, inner=_inner(tau))


_TWO_CALL = {
    "source": f"{_V1}; proof derived",
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
        conditions="Nash-MP with s ≤ 2τ on 32 to 256 actions",
        measure=contraction(40, _factor),
        control=Control("sign of the payoff flipped", mutated(_nash_mp, flipped), games=10),
        domain=Domain(actions=(32, 256), step=(0.5, 1.0), cells=10),
        games=60,
        **_TWO_CALL,
    ),
    Claim(
        id="nash-mp-suboptimality",
        statement="max_π' J(π', π_k) − 1/2 ≤ (τ + 1/(4τ)) (1+s)^{−2k} KL(π*, π_0) near π*: order 1/τ, twice the rate"
        " proved from afar",
        source=f"derived by linearisation; {_V1}, has (1+2τ)^{{−N/2}}/τ up to constants",
        kind="bound",
        conditions="Nash-MP with s ≤ 2τ, from within 1e-3 of π* in log-probability",
        quantity="exploitability of π_k",
        predicted="(τ + 1/(4τ)) (1+s)^{−2k} KL(π*, π_0)",
        measure=_suboptimality,
        algorithm=_nash_mp,
        control=Control("sign of the payoff flipped", mutated(_nash_mp, flipped)),
        domain=Domain(step=(0.3, 1.0), tau=(0.05, 20.0), actions=(2, 12), floor=30.0),
        rules=("nash-mp",),
    ),
    Claim(
        id="nash-mp-span-step",
        statement="span(log π_{k+1} − log π*) ≤ span(log π_k − log π*)/(1+s) + η ‖π_half − π*‖₁",
        source=f"derived; {_V1}, has the linear rate of the span",
        kind="bound",
        conditions="Nash-MP at any s > 0, η = s/(τ(1+s)), from any start",
        quantity="span(log π_{k+1} − log π*)",
        predicted="span(log π_k − log π*)/(1+s) + η ‖π_half − π*‖₁",
        measure=_span_step,
        algorithm=_nash_mp,
        control=Control("sign of the payoff flipped", mutated(_nash_mp, flipped)),
        domain=Domain(step=(0.1, 4.0)),
        rules=("nash-mp",),
    ),
    Claim(
        id="nash-mp-span",
        statement="span(log π_k − log π*) falls linearly, by 1/(1+s) an iteration or faster near π*",
        source=f"derived by linearisation; {_V1}, has a linear rate uniformly",
        kind="rate",
        conditions="Nash-MP with s = 2τ, from within 1e-3 of π* in log-probability",
        quantity="span(log π_k − log π*)",
        predicted="log(1+2τ) an iteration",
        measure=_span,
        algorithm=_nash_mp,
        control=Control("sign of the payoff flipped", mutated(_nash_mp, flipped)),
        domain=Domain(step=(1.0, 1.0), tau=(0.05, 2.0), actions=(2, 12), floor=30.0),
        rules=("nash-mp",),
    ),
    Claim(
        id="nash-prox",
        statement="KL(π*, π_{k+1}) ≤ KL(π*, π_k)/(1+s) for proximal points; Nash Prox converges for any s",
        source="Proximal Point NLHF, arXiv 2505.19731v2, abstract [paper]; the factor derived",
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
    Claim(
        id="nash-prox-any",
        statement="KL(π*, q) ≤ (KL(π*, π) − KL(q, π) − s KL(q, π*))/(1+s) for the proximal point q of π:"
        " equality, any s > 0",
        source="Proximal Point NLHF, arXiv 2505.19731v2, abstract: any s; the identity derived",
        kind="bound",
        conditions="any game, π and s; q by Newton",
        quantity="KL(π*, q)",
        predicted="(KL(π*, π) − KL(q, π) − s KL(q, π*))/(1+s)",
        measure=_proximal_point,
        algorithm=lambda share: (share, share),
        control=Control(
            "s taken twice as large", lambda share: (share, 2 * share), Domain(step=(0.5, 2.0), floor=30.0)
        ),
        domain=Domain(step=(0.01, 100.0)),
    ),
)
