"""Multiplayer Nash Preference Optimization, arXiv 2509.23102: the average against past players."""

from __future__ import annotations

import numpy as np

from ...logspace import log_normalise
from ...rules import MNPO
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rounding import logit_rounding, once, payoff
from .rule_claims import flipped, mutated, play
from .spo_onpo import _HORIZONS, _SLACK, average_gaps


def _mnpo(tau: float, share: float) -> MNPO:
    return MNPO(step=share)


def _average(stack: Stack, algorithm) -> Evidence:
    """The gap of the average of T iterates against 2D/(e T) + 5e/4, e = 2 eta/3.

    Logits move by v+ = -v/2 + eta (g_t + g_{t-1})/2, g = P pi, so that those of t are the start's plus e times the sum
    of all g before t, off by v/3 and by e/2 times a difference of two g: a span of 2e at most, as span v <= 2 eta and
    span g <= 1. Multiplicative weights at e have regret D/e + e T/8, and policies whose logits differ by a span d
    differ in <g, .> by d/4.
    """
    share, horizons = 2 * stack.step / 3, np.array(_HORIZONS)
    gaps = average_gaps(stack, lambda _: algorithm(stack.tau, stack.step))
    bound = 2 * stack.diameter[:, None] / (share * horizons) + 5 * share / 4
    return Evidence(horizons, gaps, bound, _SLACK, x_label="T")


def _by_hand(stack: Stack, algorithm) -> Evidence:
    """Three iterations of three players written out: the third meets two different iterates of the past."""
    eta, older, newer = stack.step, stack.log_start, stack.log_start
    for _ in range(3):
        gained = 0.5 * (payoff(stack, newer) + payoff(stack, older))
        older, newer = newer, log_normalise(0.5 * (newer + older) + eta * gained)
    path = play(stack, algorithm(stack.tau, stack.step), 3, record=3)
    error = np.abs(path.log_policies[-1] - newer).max(axis=1)
    return once(error, 4 * (1 + eta) * logit_rounding(stack, newer, stack.log_start))


def _two_players(tau: float, share: float) -> MNPO:
    return MNPO(step=share, players=2)


CLAIMS = (
    Claim(
        id="mnpo-update",
        statement="π_{t+1} ∝ exp(mean_j log π_j + η mean_j P(· ≻ π_j)) over the n − 1 other players",
        source="MNPO, arXiv 2509.23102",
        tag="paper",
        kind="identity",
        conditions="three players: the current policy and the one before it",
        quantity="max |log π_3 − by hand|",
        predicted="32ε(1+η)((n+4)/τ + max|log|)",
        measure=_by_hand,
        algorithm=lambda tau, share: MNPO(step=share, players=3),
        control=Control("two players: no past", _two_players),
        domain=Domain(tau=(1.0, 1.0), step=(0.1, 2.0)),
        rules=("mnpo",),
    ),
    Claim(
        id="mnpo-average",
        statement="DualGap(average of T iterates) ≤ 2D/(eT) + 5e/4, e = 2η/3: O(1/√T) at η of order √(D/T)",
        source="derived; MNPO, arXiv 2509.23102, has O(1/√T)",
        kind="bound",
        conditions="three players, any η > 0, any start, D = max_y −log π_0(y)",
        quantity="unregularised DualGap of the average",
        predicted="2D/(eT) + 5e/4",
        measure=_average,
        algorithm=_mnpo,
        control=Control("sign of the payoff flipped", mutated(_mnpo, flipped)),
        domain=Domain(tau=(0.1, 0.1), step=(0.05, 1.0)),
        rules=("mnpo",),
    ),
)
