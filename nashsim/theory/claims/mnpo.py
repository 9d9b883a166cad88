"""Multiplayer Nash Preference Optimization, arXiv 2509.23102: the average against past players."""

from __future__ import annotations

import numpy as np

from ...logspace import log_normalise
from ...rules import MNPO
from ..fits import fit_rows
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rounding import logit_rounding, once, payoff
from .rule_claims import Mutated, flipped, play
from .spo_onpo import average_gaps

_HORIZONS = np.unique(np.geomspace(64, 16384, 16).round().astype(int))


def _mnpo(actions: int, share: float):
    """Return MNPO of three players for T steps: eta = share sqrt(log n/T)."""
    return lambda horizon: MNPO(step=share * np.sqrt(np.log(actions) / horizon))


def _average(stack: Stack, algorithm) -> Evidence:
    """The gap, taken at 2D/(e T) + e/4 where it lies below: smaller gaps may do what they like.

    That is what multiplicative weights reach at e = 2 eta/3, a constant over sqrt T. Three players move at e: from the
    mean of two iterates logits advance by v = -v/2 + eta P [derived].
    """
    gaps = average_gaps(stack, algorithm(stack.actions, stack.step), _HORIZONS)
    share = 2 * stack.step / 3
    constant = (2 / share + share / 4) * np.sqrt(np.log(stack.actions))
    gaps = np.maximum(gaps, constant / np.sqrt(_HORIZONS))
    fits = fit_rows(_HORIZONS.astype(float), gaps, 0.5, laws=["power"], floor=1e-12)
    return Evidence(_HORIZONS, gaps, gaps[:, :1] * np.sqrt(_HORIZONS[0] / _HORIZONS), fits=fits, x_label="T")


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
        statement="DualGap(average of T iterates) = O(1/√T)",
        source="MNPO, arXiv 2509.23102",
        tag="paper",
        kind="rate",
        conditions="three players, η of order 1/√T, from the uniform policy",
        quantity="max(DualGap of the average, 2D/(eT) + e/4), e = 2η/3",
        predicted="T^{−1/2} or faster",
        measure=_average,
        algorithm=_mnpo,
        control=Control(
            "sign of the payoff flipped", lambda n, share: lambda t: Mutated(_mnpo(n, share)(t), flipped)
        ),
        domain=Domain(start="uniform", tau=(0.1, 0.1), step=(1.0, 4.0)),
        rules=("mnpo",),
    ),
)
