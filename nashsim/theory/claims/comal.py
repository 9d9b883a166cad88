"""COMAL, arXiv 2410.23223, and MPO, arXiv 2410.16714: refreshed references approach the original Nash policy."""

from __future__ import annotations

import numpy as np

from ...logspace import kl
from ...rules import COMAL, MPO
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rounding import logit_rounding, once
from .rule_claims import flipped, mutated, play, unanchored

_OUTER = 12


def inner(tau: float) -> int:
    """Return inner steps to rounding: KL falls by 1/(1 + 4 tau^2) a step, 72 factors of e in all.

    Parameters
    ----------
    tau : float
    """
    return int(np.ceil(72 / np.log1p(4 * tau**2)))


def _never_away(stack: Stack, algorithm) -> Evidence:
    """KL(lottery || reference_k) of successive references."""
    every = inner(stack.tau)
    path = play(stack, algorithm(stack.tau, stack.step), _OUTER * every, every, log_start=stack.log_reference)
    with np.errstate(divide="ignore"):
        divergence = kl(np.log(stack.lottery), path.log_policies).T
    error = (np.arange(1, _OUTER + 1) * logit_rounding(stack, stack.log_equilibrium)[:, None]) * 4
    # a KL moves by no more than its logits
    before = divergence[:, :-1]
    return Evidence(
        path.steps[1:] // every, divergence[:, 1:], before, error, x_label="outer steps", before=before
    )


def _inner_solve(stack: Stack, algorithm) -> Evidence:
    """KL from the Nash policy of the game regularised towards its reference to the first refreshed reference."""
    every = inner(stack.tau)
    path = play(stack, algorithm(stack.tau, stack.step), every, every)
    divergence = kl(stack.log_equilibrium, path.log_policies[-1])
    error = 2 * logit_rounding(stack, stack.log_equilibrium) * (1 + 1 / stack.tau)
    # 72 factors of e in KL, and what rounding leaves: an error of logits, amplified by A/tau along the solve
    return once(divergence, np.exp(-72) * stack.kl_start + error**2)


def _comal(tau: float, share: float) -> COMAL:
    return COMAL(inner=inner(tau))


def _mpo(tau: float, share: float) -> MPO:
    return MPO(inner=inner(tau))


def _claim(name: str, source: str, rule_of, rule: str) -> Claim:
    return Claim(
        id=f"{name}-monotone",
        statement="KL(π*, reference_k) to the original Nash policy does not increase over exact outer steps",
        source=source,
        tag="paper",
        kind="bound",
        conditions=f"{rule} with inner solves to rounding, τ ≥ 0.1",
        quantity="KL(lottery, reference_{k+1})",
        predicted="KL(lottery, reference_k)",
        measure=_never_away,
        algorithm=rule_of,
        control=Control("sign of the payoff flipped", mutated(rule_of, flipped)),
        domain=_DOMAIN,
        rules=(name,),
    )


_DOMAIN = Domain(actions=(2, 8), tau=(0.1, 3.0), step=(1.0, 1.0))


def _solved(name: str, source: str, rule_of, rule: str) -> Claim:
    return Claim(
        id=f"{name}-outer",
        statement="reference_{k+1} is the Nash policy of the game regularised towards reference_k",
        source=source,
        tag="paper",
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


_COMAL = ("comal", "COMAL, arXiv 2410.23223 (second hand)", _comal, "COMAL")
_MPO = ("mpo", "MPO, arXiv 2410.16714 (second hand)", _mpo, "MPO")

CLAIMS = (
    _claim(*_COMAL),
    _claim(*_MPO),
    _solved(*_COMAL),
    _solved(*_MPO),
)
