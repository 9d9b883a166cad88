"""COMAL, arXiv 2410.23223, and MPO, arXiv 2410.16714: refreshed references approach the original Nash policy."""

from __future__ import annotations

import numpy as np

from ...equilibrium import solve_newton
from ...logspace import kl, log_normalise
from ...rules import COMAL, MPO
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rounding import logit_rounding, once
from .rule_claims import flipped, mutated, play, unanchored
from .spo_onpo import turning
from .structures import strong_cycle

#: Outer steps, and factors of e by which an inner solve brings KL down.
_OUTER, _FACTORS = 12, 72


def inner(tau: float) -> int:
    """Return inner steps to rounding: KL falls by 1/(1 + 4 tau^2) a step, 72 factors of e in all."""
    return int(np.ceil(_FACTORS / np.log1p(4 * tau**2)))


def _never_away(stack: Stack, algorithm) -> Evidence:
    """KL(lottery || reference_{k+1}) against KL(lottery || reference_k) - KL(q || reference_k), q the exact solution.

    tau log q/reference = A q + const, so that KL(lottery, .) falls by KL(q, reference) + <lottery, A q>/tau, and a
    lottery has <lottery, A q> >= 0.
    """
    every = inner(stack.tau)
    path = play(stack, algorithm(stack.tau, stack.step), _OUTER * every, every, log_start=stack.log_reference)
    with np.errstate(divide="ignore"):
        divergence = kl(np.log(stack.lottery), path.log_policies).T
    error = (np.arange(1, _OUTER + 1) * logit_rounding(stack, stack.log_equilibrium)[:, None]) * 4
    before, least = divergence[:, :-1], []
    for log_reference in path.log_policies[:-1]:
        exact = solve_newton(stack.game.replace(log_reference=log_reference)).log_policy
        least.append(kl(exact, log_reference))
    # a KL moves by no more than its logits
    bound = before - np.array(least).T
    return Evidence(
        path.steps[1:] // every, divergence[:, 1:], bound, error, x_label="outer steps", before=before
    )


#: How near to the lottery the references start that are held against the linearised map.
_NEAR = 1e-4


def _last(stack: Stack, algorithm) -> Evidence:
    """KL(lottery || reference_k) from near the lottery of a cycle, against (1 + beta^2/tau^2)^-k of its first value.

    x = log reference - log p moves by x = x+ - A diag(p) x+/tau, whose modes turn and shrink circles by
    |1 - i beta/tau|; third orders are of relative size |x|.
    """
    every, log_lottery = inner(stack.tau), np.log(stack.lottery)
    shift = stack.log_reference - (stack.lottery * stack.log_reference).sum(axis=1, keepdims=True)
    shift *= _NEAR / np.maximum(np.abs(shift).max(axis=1, keepdims=True), 1e-300)
    near = log_normalise(log_lottery + shift)
    around = Stack(
        [one.replace(log_reference=x, log_start=x) for one, x in zip(stack.instances, near, strict=True)]
    )
    path = play(around, algorithm(stack.tau, stack.step), _OUTER * every, every)
    divergence = kl(log_lottery, path.log_policies).T
    first, steps = divergence[:, :1], path.steps[1:] // every
    bound = first * (1 + (turning(stack)[:, None] / stack.tau) ** 2) ** -steps * (1 + 4 * _NEAR)
    error = _OUTER * logit_rounding(stack, log_lottery)[:, None] * 4
    slack = error * np.sqrt(2 * first) + error**2
    return Evidence(steps, divergence[:, 1:], bound, slack, x_label="outer steps", before=first)


def _inner_solve(stack: Stack, algorithm) -> Evidence:
    """KL from the Nash policy of the game regularised towards its reference to the first refreshed reference."""
    every = inner(stack.tau)
    path = play(stack, algorithm(stack.tau, stack.step), every, every)
    divergence = kl(stack.log_equilibrium, path.log_policies[-1])
    error = 2 * logit_rounding(stack, stack.log_equilibrium) * (1 + 1 / stack.tau)
    # 72 factors of e in KL, and what rounding leaves: an error of logits, amplified by A/tau along the solve
    return once(divergence, np.exp(-_FACTORS) * stack.kl_start + error**2)


def _comal(tau: float, share: float) -> COMAL:
    return COMAL(inner=inner(tau))


def _mpo(tau: float, share: float) -> MPO:
    return MPO(inner=inner(tau))


def _claim(name: str, source: str, rule_of, rule: str) -> Claim:
    return Claim(
        id=f"{name}-monotone",
        statement="KL(p, reference_{k+1}) ≤ KL(p, reference_k) − KL(q, reference_k) for a Nash policy p of the original"
        " game, q that of the game regularised towards reference_k",
        source=f"derived; that KL(p, .) does not increase is a theorem of {source}",
        kind="bound",
        conditions=f"{rule} with inner solves to rounding, τ ≥ 0.1",
        quantity="KL(lottery, reference_{k+1})",
        predicted="KL(lottery, reference_k) − KL(q, reference_k)",
        measure=_never_away,
        algorithm=rule_of,
        control=Control("sign of the payoff flipped", mutated(rule_of, flipped)),
        domain=_DOMAIN,
        rules=(name,),
    )


_DOMAIN = Domain(actions=(2, 8), tau=(0.1, 3.0), step=(1.0, 1.0), floor=30.0)


def _solved(name: str, source: str, rule_of, rule: str) -> Claim:
    return Claim(
        id=f"{name}-outer",
        statement="reference_{k+1} is the Nash policy of the game regularised towards reference_k",
        source=f"derived from the update of {source}",
        kind="identity",
        conditions=f"{rule} with 72/log(1+4τ²) inner steps, τ ≥ 0.1",
        quantity="KL(Nash policy, reference_{k+1})",
        predicted="e^{−72} KL_0 + rounding²",
        measure=_inner_solve,
        algorithm=rule_of,
        control=Control("the pull to the reference dropped", mutated(rule_of, unanchored)),
        domain=_DOMAIN,
        rules=(name,),
    )


def _near(name: str, source: str, rule_of, rule: str) -> Claim:
    return Claim(
        id=f"{name}-last",
        statement="near a full-support Nash policy p KL(p, reference_{k+1}) = KL(p, reference_k)/(1 + β²/τ²)",
        source=f"derived by linearisation; that the last iterate converges is a theorem of {source}",
        kind="bound",
        conditions=f"{rule} with exact inner solves on one cycle of three with margins ≥ 0.1, from within 1e-4 of p;"
        " ±iβ the eigenvalues of diag(p)A",
        quantity="KL(p, reference_k), k ≤ 12",
        predicted="(1 + β²/τ²)^{−k} KL(p, reference_0)",
        measure=_last,
        algorithm=rule_of,
        control=Control("the pull to the reference dropped", mutated(rule_of, unanchored)),
        domain=Domain(actions=(3, 3), tau=(0.1, 1.0), step=(1.0, 1.0), structure=strong_cycle, floor=30.0),
        rules=(name,),
    )


_COMAL = ("comal", "COMAL, arXiv 2410.23223 (second hand)", _comal, "COMAL")
_MPO = ("mpo", "MPO, arXiv 2410.16714 (second hand)", _mpo, "MPO")

CLAIMS = (
    _claim(*_COMAL),
    _claim(*_MPO),
    _near(*_COMAL),
    _near(*_MPO),
    _solved(*_COMAL),
    _solved(*_MPO),
)
