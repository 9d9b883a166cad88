"""The regularised game itself: its unique Nash policy, exact gap, Lipschitz constant and class games."""

from __future__ import annotations

import numpy as np

from ...equilibrium import duality_gap
from ...logspace import log_normalise
from .instance import Stack
from .language import Claim, Control, Evidence

EPS = np.finfo(float).eps


def _objective(stack: Stack, log_policy: np.ndarray, log_opponent: np.ndarray) -> np.ndarray:
    """J_tau(pi, pi') - 1/2 from its definition: pi^T A pi' - tau KL(pi || mu) + tau KL(pi' || mu)."""
    policy, opponent = np.exp(log_policy), np.exp(log_opponent)
    payoff = np.einsum("ky,kyz,kz->k", policy, stack.skew, opponent)
    pull = (policy * (log_policy - stack.log_reference)).sum(axis=1)
    return payoff - stack.tau * (pull - (opponent * (log_opponent - stack.log_reference)).sum(axis=1))


def _gap_identity(stack: Stack, temperature: float) -> Evidence:
    """Both best responses by definition against 2 tau KL(pi || BR(pi)); the error against its rounding."""
    payoff = np.einsum("kyz,kz->ky", stack.skew, np.exp(stack.log_start))
    best = log_normalise(stack.log_reference + payoff / (temperature * stack.tau))
    # J(BR, pi) - J(pi, BR): what the two players could gain together
    by_definition = _objective(stack, best, stack.log_start) - _objective(stack, stack.log_start, best)
    error = np.abs(by_definition - duality_gap(stack.game, stack.log_start))
    # every term is a sum of n products, of size tau max|log pi/mu| + 1 at most; a few roundings each
    size = 1 + stack.tau * np.maximum(np.abs(stack.log_start), np.abs(best)).max(axis=1)
    size += stack.tau * np.abs(stack.log_reference).max(axis=1)
    tolerance = 8 * (stack.actions + 4) * EPS * size
    return Evidence(np.array([0]), error[:, None], tolerance[:, None])


CLAIMS = (
    Claim(
        id="gap-identity",
        statement="max_π' J(π', π) − min_π' J(π, π') = 2τ KL(π ‖ BR_τ(π)),  BR_τ(π)(y) ∝ μ(y) exp(P(y ≻ π)/τ)",
        source="derived from the definition of J_τ",
        tag="derived",
        kind="identity",
        conditions="any game, reference, policy and τ > 0",
        quantity="|gap by definition − closed form|",
        predicted="8(n+4)ε(1 + τ max|log|)",
        measure=_gap_identity,
        algorithm=1.0,
        control=Control("best response at 1.01 τ", 1.01),
    ),
)
