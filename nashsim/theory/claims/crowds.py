"""Crowds: what share of welfare the regularised Nash policy secures, and reward maximisation does not."""

from __future__ import annotations

import numpy as np

from ...equilibrium import solve_newton
from ...game import PreferenceGame
from ...logspace import kl, log_normalise
from ...preferences import DensePreference
from ...solutions.crowd import best_in_ball, guarantee
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Instance, Stack
from .rounding import logit_rounding, once

#: beta at the step 1.
_SHARPEST = 20.0
#: The guarantee is asserted for a ball that is smaller by this share, which rounding of KL stays below.
_INSIDE = 1e-6


def population(instance: Instance) -> tuple[np.ndarray, np.ndarray]:
    """Return utilities in [0, 1], shape (users, actions), and shares of users, read off the arrays of an instance.

    From four actions on: as many users as actions, U_uy = P(u ≻ y), shares the start. Of three: most users like g by
    x, b not at all and d fully, a share q likes b and d fully.
    """
    table = instance.skew + 0.5
    if instance.actions > 3:
        return table, np.exp(instance.log_start)
    x, q = table[0, 1], table[0, 2]
    return np.array([[x, 0.0, 1.0], [x, 1.0, 1.0]]), np.array([1 - q, q])


def _deceiving(instance: Instance) -> Instance:
    """Return the population whose rare lovers of b make it look better than g beside d, which mu hardly has."""
    beta = _SHARPEST * instance.step
    x = 1 / beta
    skew = np.zeros((3, 3))
    skew[0, 1], skew[0, 2] = x - 0.5, 3 * np.exp(-beta * (1 - x)) - 0.5
    log_reference = np.array([np.log(0.5), np.log(0.5), -600.0])
    return instance.replace(skew=skew - skew.T, log_reference=log_reference)


def _welfare(stack: Stack, algorithm: str) -> Evidence:
    beta = _SHARPEST * stack.step
    users = [population(instance) for instance in stack.instances]
    skew = np.stack(
        [
            np.tensordot(shares, 0.5 * np.tanh(0.5 * beta * (u[:, :, None] - u[:, None, :])), axes=1)
            for u, shares in users
        ]
    )
    skew = np.clip((skew - skew.swapaxes(1, 2)) / 2, -0.5, 0.5)
    game = PreferenceGame(DensePreference(skew), log_reference=stack.log_reference, tau=stack.tau)
    if algorithm == "nash":
        log_policy = solve_newton(game).log_policy
    else:
        log_policy = np.stack(
            [_rlhf(one, mu, stack.tau) for one, mu in zip(skew, stack.log_reference, strict=True)]
        )
    radii = (1 - _INSIDE) * kl(log_policy, stack.log_reference)
    secured, best = [], []
    for (u, shares), log_pi, log_mu, radius in zip(
        users, log_policy, stack.log_reference, radii, strict=True
    ):
        welfare = shares @ u
        secured.append(np.exp(log_pi) @ welfare)
        best.append(best_in_ball(welfare, log_mu, radius) @ welfare)
    allowed = np.array(secured) * (1 + 4 * logit_rounding(stack, log_policy))
    return once(guarantee(beta) * np.array(best), allowed)


def _rlhf(skew: np.ndarray, log_mu: np.ndarray, tau: float) -> np.ndarray:
    """Return log pi ∝ mu exp(r/tau), r the Bradley-Terry fit to pairs with the last response: r_y = logit P(y ≻ last).

    A fit to pairs that form a star is exact.
    """
    return log_normalise(log_mu + 2 * np.arctanh(2 * skew[:, -1]) / tau)


CLAIMS = (
    Claim(
        id="distortion-nash",
        statement="w(π*_τ) ≥ [4(σ(β) − 1/2)/β] w(π) for every π with KL(π‖μ) ≤ KL(π*_τ‖μ)",
        source="Distortion of AI alignment, arXiv 2505.23749, as corrected in Lean",
        tag="paper",
        kind="bound",
        conditions="users with utilities in [0, 1], choices σ(β(U_ui − U_uj)), β in [1, 20]; any τ > 0 and reference",
        quantity="[4(σ(β) − 1/2)/β] max w(π)",
        predicted="w(π*_τ)",
        measure=_welfare,
        algorithm="nash",
        control=Control(
            "a reward fitted to pairs with one response that mu hardly has, maximised under KL",
            "rlhf",
            Domain(actions=(3, 3), tau=(0.03, 0.05), step=(0.5, 0.6), floor=600.0, structure=_deceiving),
        ),
        domain=Domain(actions=(3, 8), step=(0.05, 1.0)),
    ),
)
