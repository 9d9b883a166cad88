"""Baselines of NLHF, arXiv 2312.00886, and who keeps π*: best response, self-play, moving averages, fixed points."""

from __future__ import annotations

import numpy as np

from ...logspace import log_normalise
from ...rules import RULES, BestResponse, NashEMA, SelfPlay
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rounding import EPS, logit_rounding, once, payoff
from .rule_claims import Mutated, keeps_only, mutated, play, unanchored

_NLHF = "NLHF, arXiv 2312.00886"


def _one_step(stack: Stack, algorithm) -> Evidence:
    path = play(stack, algorithm(stack.tau, stack.step), 1)
    best = log_normalise(stack.log_reference + payoff(stack, stack.log_reference) / stack.tau)
    return once(np.abs(path.log_policies[1] - best).max(axis=1), logit_rounding(stack, best, stack.log_start))


def _contraction(stack: Stack, algorithm) -> Evidence:
    """|pi_{t+1} - pi*|_1 against |pi_t - pi*|_1/(2 tau)."""
    path = play(stack, algorithm(stack.tau, stack.step), 30)
    apart = np.abs(np.exp(path.log_policies) - np.exp(stack.log_equilibrium)).sum(axis=2).T
    before, slack = apart[:, :-1], 4 * logit_rounding(stack, stack.log_equilibrium)[:, None]
    return Evidence(path.steps[1:], apart[:, 1:], before / (2 * stack.tau), slack, before=before)


def _ema(stack: Stack, algorithm) -> Evidence:
    """Two iterations of Nash-EMA written out: the second meets the average of logits."""
    rule, decay = algorithm(stack.tau, stack.step), 0.9
    eta = stack.step * 4 * stack.tau / (1 + 4 * stack.tau**2)
    log_policy = average = stack.log_start
    for _ in range(2):
        pulled = (1 - eta * stack.tau) * log_policy + eta * stack.tau * stack.log_reference
        log_policy = log_normalise(pulled + eta * payoff(stack, average))
        average = log_normalise(decay * average + (1 - decay) * log_policy)
    found = play(stack, rule, 2, record=2).log_policies[-1]
    return once(
        np.abs(found - log_policy).max(axis=1), 2 * logit_rounding(stack, log_policy, stack.log_start)
    )


def _stays(stack: Stack, algorithm) -> Evidence:
    """The largest move of log pi in one iteration from pi*, over all rules that claim pi* as a fixed point.

    Beside it what rounding may move against the least move of any of them from the start: that is no fixed point.
    """
    moves, tolerances, away = [], [], []
    best = log_normalise(stack.log_reference + payoff(stack, stack.log_equilibrium) / stack.tau)
    missed = np.abs(best - stack.log_equilibrium).max(axis=1)  # by the solver, within its promise
    for rule in algorithm(stack.tau, stack.step):
        path = play(stack, rule, 1, log_start=stack.log_equilibrium)
        moves.append(np.abs(path.log_policies[1] - path.log_policies[0]).max(axis=1))
        path = play(stack, rule, 1)
        away.append(np.abs(path.log_policies[1] - path.log_policies[0]).max(axis=1))
        # What the root misses by, and rounding, a step of eta multiplies by eta tau or by its pull.
        eta = max(1.0, rule.eta(stack.tau) * stack.tau)
        tolerances.append(
            4 * eta * (missed + logit_rounding(stack, stack.log_equilibrium)) + 16 * EPS * rule.eta(stack.tau)
        )
    worst = np.argmax(np.array(moves) / np.array(tolerances), axis=0)
    rows = np.arange(len(stack))
    moved, tolerance = np.array(moves)[worst, rows], np.array(tolerances)[worst, rows]
    return keeps_only(stack, moved, tolerance, np.min(away, axis=0))


def fixed_rules(tau: float, share: float) -> list:
    """Return every rule of the package with pi* as an exact fixed point, at its default step."""
    return [cls() for cls in RULES if cls.fixed_point and cls.regularised]


def _unanchored(tau: float, share: float) -> list:
    return [Mutated(rule, unanchored) for rule in fixed_rules(tau, share) if rule.name == "omd"]


def _self_play(tau: float, share: float) -> SelfPlay:
    return SelfPlay()


def _nash_ema(tau: float, share: float) -> NashEMA:
    return NashEMA(step=share * 4 * tau / (1 + 4 * tau**2))


def _swapped(steps: tuple, tau: float) -> tuple:
    return steps[:1] + tuple(
        type(s)(dict(zip(s.base, reversed(s.base.values()), strict=True)), s.opponent, s.eta, s.into)
        for s in steps[1:]
    )


CLAIMS = (
    Claim(
        id="fixed-points",
        statement="π* is an exact fixed point of M1, M2, optimistic OMD, Nash Prox, Nash-EMA and self-play gradients;"
        " π_0 ≠ π* is not",
        source="derived: τ log(π*/μ) = Pπ* + const",
        kind="identity",
        conditions="any game; every rule of the package that says so, at its default step",
        quantity="max |log π_1 − log π*| from π*",
        predicted="4 max(1, ητ) (max|log BR(π*)/π*| + 8ε((n+4)/τ + max|log|))",
        measure=_stays,
        algorithm=fixed_rules,
        control=Control("the pull to the reference dropped", _unanchored),
        domain=Domain(actions=(2, 12), step=(1.0, 1.0)),
        rules=tuple(cls.name for cls in RULES if cls.fixed_point and cls.regularised),
    ),
    Claim(
        id="best-response",
        statement="the best-response baseline is BR_τ(μ) after one step",
        source=f"{_NLHF}, baseline",
        tag="paper",
        kind="identity",
        conditions="any game, any start",
        quantity="max |log π_1 − log BR(μ)|",
        predicted="8ε((n+4)/τ + max|log|)",
        measure=_one_step,
        algorithm=lambda tau, share: BestResponse(),
        control=Control("against itself instead of μ", lambda tau, share: SelfPlay()),
        rules=("best-response",),
    ),
    Claim(
        id="self-play-contraction",
        statement="‖π_{t+1} − π*‖₁ ≤ ‖π_t − π*‖₁/(2τ): self-play contracts for τ > 1/2",
        source=f"derived; baseline SP of {_NLHF}",
        kind="bound",
        conditions="iterated best response, any start",
        quantity="‖π_{t+1} − π*‖₁",
        predicted="‖π_t − π*‖₁/(2τ)",
        measure=_contraction,
        algorithm=_self_play,
        control=Control("the pull to the reference dropped", mutated(_self_play, unanchored)),
        domain=Domain(tau=(0.55, 100.0)),
        rules=("self-play",),
    ),
    Claim(
        id="self-play-best-response",
        statement="self-play is π_{t+1} = BR_τ(π_t)",
        source=f"{_NLHF}, baseline SP",
        tag="paper",
        kind="identity",
        conditions="any game, any start",
        quantity="max |log π_1 − log BR(π_0)|",
        predicted="8ε((n+4)/τ + max|log|)",
        measure=lambda stack, algorithm: _is_best_response(stack, algorithm),
        algorithm=_self_play,
        control=Control("against μ instead of itself", lambda tau, share: BestResponse()),
        rules=("self-play",),
    ),
    Claim(
        id="nash-ema-update",
        statement="Nash-EMA: the one-call map against the moving average of logits, decay 0.9; nothing more is proved",
        source=f"derived from the update; the moving average of {_NLHF}, is of parameters",
        kind="identity",
        conditions="any game, any start, any step of the one-call range",
        quantity="max |log π_2 − by hand|",
        predicted="16ε((n+4)/τ + max|log|)",
        measure=_ema,
        algorithm=_nash_ema,
        control=Control("weights of the average swapped", mutated(_nash_ema, _swapped)),
        rules=("nash-ema",),
    ),
)


def _is_best_response(stack: Stack, algorithm) -> Evidence:
    path = play(stack, algorithm(stack.tau, stack.step), 1)
    best = log_normalise(stack.log_reference + payoff(stack, stack.log_start) / stack.tau)
    return once(np.abs(path.log_policies[1] - best).max(axis=1), logit_rounding(stack, best, stack.log_start))
