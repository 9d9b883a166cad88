"""The regularised game itself: its unique Nash policy, exact gap, Lipschitz constant and class games."""

from __future__ import annotations

import numpy as np

from ...equilibrium import duality_gap, solve_newton
from ...equilibrium.fixed_point import RESIDUAL
from ...game import PreferenceGame
from ...logspace import kl, log_normalise
from ...preferences import DensePreference
from .claim import LEAN, Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rounding import EPS, ONCE, logit_rounding, once, payoff
from .structures import class_game, classes


def _objective(stack: Stack, log_policy: np.ndarray, log_opponent: np.ndarray) -> np.ndarray:
    """J_tau(pi, pi') - 1/2 from its definition: pi^T A pi' - tau KL(pi || mu) + tau KL(pi' || mu)."""
    policy, opponent = np.exp(log_policy), np.exp(log_opponent)
    gained = (policy * payoff(stack, log_opponent)).sum(axis=1)
    pull = (policy * (log_policy - stack.log_reference)).sum(axis=1)
    return gained - stack.tau * (pull - (opponent * (log_opponent - stack.log_reference)).sum(axis=1))


def _gap_identity(stack: Stack, temperature: float) -> Evidence:
    """What both players could gain by best responses, by definition, against the closed form."""
    best = log_normalise(stack.log_reference + payoff(stack, stack.log_start) / (temperature * stack.tau))
    by_definition = _objective(stack, best, stack.log_start) - _objective(stack, stack.log_start, best)
    error = np.abs(by_definition - duality_gap(stack.game, stack.log_start))
    return once(error, (1 + stack.tau) * logit_rounding(stack, best, stack.log_start))


def _equilibrium(stack: Stack, temperature: float) -> np.ndarray:
    if temperature == 1.0:
        return stack.log_equilibrium
    return solve_newton(stack.game.replace(tau=temperature * stack.tau)).log_policy


def _fixed_point(stack: Stack, temperature: float) -> Evidence:
    """max |pi* - BR_tau(pi*)| of the equilibrium that Newton finds: what its certificate promises, evaluated anew."""
    found = _equilibrium(stack, temperature)
    best = log_normalise(stack.log_reference + payoff(stack, found) / stack.tau)
    return once(np.abs(np.exp(found) - np.exp(best)).max(axis=1), RESIDUAL + 2 * logit_rounding(stack, best))


def _uniqueness(stack: Stack, anchored: bool) -> Evidence:
    """<F(p) - F(q), p - q> = -tau (KL(p||q) + KL(q||p)) < 0: two Nash policies would be one."""
    p, q = stack.log_start, stack.log_reference
    if anchored:
        field = payoff(stack, p) - payoff(stack, q) - stack.tau * (p - q)
    else:  # a field that is no zero-sum game's: both players share the payoff
        field = np.einsum("kyz,kz->ky", np.abs(stack.skew), np.exp(p) - np.exp(q)) - stack.tau * (p - q)
    error = np.abs((field * (np.exp(p) - np.exp(q))).sum(axis=1) + stack.tau * (kl(p, q) + kl(q, p)))
    return once(error, (1 + stack.tau) * logit_rounding(stack, p, q))


def _ratio_to_reference(stack: Stack, temperature: float) -> Evidence:
    ratio = np.abs(_equilibrium(stack, temperature) - stack.log_reference).max(axis=1)
    return Evidence(
        ONCE, ratio[:, None], np.full((len(stack), 1), 1 / stack.tau), logit_rounding(stack)[:, None]
    )


def _lipschitz(stack: Stack, zero_sum: bool) -> Evidence:
    """|u^T P v| for all differences of pure policies, and of the two policies of the instance."""
    n, probabilities = stack.actions, stack.skew + 0.5
    pure = np.eye(n)
    if zero_sum:
        pure = np.array([pure[i] - pure[j] for i in range(n) for j in range(i)])
    vectors = np.broadcast_to(pure, (len(stack), *pure.shape))
    if zero_sum:
        mixed = (np.exp(stack.log_start) - np.exp(stack.log_reference))[:, None]
        vectors = np.concatenate([vectors, mixed], axis=1)
    size = np.abs(vectors).sum(axis=2)
    measured = np.abs(np.einsum("kiy,kyz,kjz->kij", vectors, probabilities, vectors))
    bound = 0.5 * size[:, :, None] * size[:, None]
    measured, bound = measured.reshape(len(stack), -1), bound.reshape(len(stack), -1)
    # sums of n^2 products of numbers below 1
    return Evidence(np.arange(measured.shape[1]), measured, bound, slack=32 * n * EPS, x_label="pair (u, v)")


def _class_reduction(stack: Stack, weigh) -> Evidence:
    """pi*(y) = mu(y|c) m*(c), with m* the Nash policy of the game of classes."""
    member = classes(stack.actions)
    mass = np.stack(
        [np.exp(stack.log_reference)[:, member == c].sum(axis=1) for c in range(member.max() + 1)], 1
    )
    first = [int(np.argmax(member == c)) for c in range(member.max() + 1)]
    small = PreferenceGame(
        DensePreference(stack.skew[:, first][:, :, first]), log_reference=np.log(weigh(mass)), tau=stack.tau
    )
    reduced = solve_newton(small).log_policy
    predicted = stack.log_reference - np.log(mass)[:, member] + reduced[:, member]
    error = np.abs(predicted - stack.log_equilibrium).max(axis=1)
    # both are fixed points to their rounding r; the way back from r to pi* costs at most a factor 1 + 1/(2 tau)
    # times the condition of the field, whose symmetric part is -tau times a variance: 1/min mass
    condition = (1 + 0.5 / stack.tau) * np.exp(-stack.log_equilibrium.min(axis=1))
    return once(error, condition * logit_rounding(stack, stack.log_equilibrium))


def _class_gap(stack: Stack, missing: float) -> Evidence:
    """Gap of the sequence game - gap of its class masses = 2 tau E_c KL(pi(.|c) || mu(.|c))."""
    member = classes(stack.actions)
    count = member.max() + 1
    policy, reference = np.exp(stack.log_start), np.exp(stack.log_reference)
    masses = [np.stack([p[:, member == c].sum(axis=1) for c in range(count)], 1) for p in (policy, reference)]
    first = [int(np.argmax(member == c)) for c in range(count)]
    small = PreferenceGame(
        DensePreference(stack.skew[:, first][:, :, first]), log_reference=np.log(masses[1]), tau=stack.tau
    )
    gap = duality_gap(small, np.log(masses[0]))
    inside = (policy * (stack.log_start - stack.log_reference)).sum(axis=1)
    inside -= (masses[0] * (np.log(masses[0]) - np.log(masses[1]))).sum(axis=1)
    error = np.abs(duality_gap(stack.game, stack.log_start) - gap - missing * stack.tau * inside)
    return once(error, (1 + stack.tau) * logit_rounding(stack, stack.log_start))


_DEFINITION = "derived from the definition of J_τ; regularised game of NLHF, arXiv 2312.00886"
_CLASSES = "derived: class games"

CLAIMS = (
    Claim(
        id="nash-fixed-point",
        statement="π* = BR_τ(π*), i.e. τ log(π*/μ) = Pπ* + const",
        source=_DEFINITION,
        kind="identity",
        conditions="any game, reference and τ > 0",
        quantity="max |π* − BR(π*)|",
        predicted="1e-13 (the solver's promise) + 16ε((n+4)/τ + max|log|)",
        measure=_fixed_point,
        algorithm=1.0,
        control=Control("equilibrium of the game at 1.01 τ", 1.01),
    ),
    Claim(
        id="nash-unique",
        statement="⟨F(p) − F(q), p − q⟩ = −τ(KL(p‖q) + KL(q‖p)), F(π) = Pπ − τ log(π/μ): two Nash policies are one",
        source=_DEFINITION,
        kind="identity",
        conditions="any game, any two policies",
        quantity="|difference of the two sides|",
        predicted="8ε(1+τ)((n+4)/τ + max|log|)",
        measure=_uniqueness,
        algorithm=True,
        control=Control("both players share the payoff: no zero-sum game", False),
        formal=f"{LEAN}, regularizedPreferenceGameEquilibrium_unique",
    ),
    Claim(
        id="nash-ratio",
        statement="π*/μ ∈ [e^{−1/τ}, e^{1/τ}]",
        source=_DEFINITION,
        kind="bound",
        conditions="any game, reference and τ > 0",
        quantity="max |log π*/μ|",
        predicted="1/τ",
        measure=_ratio_to_reference,
        algorithm=1.0,
        control=Control("equilibrium of the game at τ/8", 0.125),
    ),
    Claim(
        id="gap-identity",
        statement="max_π' J(π', π) − min_π' J(π, π') = 2τ KL(π ‖ BR_τ(π)),  BR_τ(π)(y) ∝ μ(y) exp(P(y ≻ π)/τ)",
        source=_DEFINITION,
        kind="identity",
        conditions="any game, reference, policy and τ > 0",
        quantity="|gap by definition − closed form|",
        predicted="8ε(1+τ)((n+4)/τ + max|log|)",
        measure=_gap_identity,
        algorithm=1.0,
        control=Control("best response at 1.01 τ", 1.01),
    ),
    Claim(
        id="lipschitz",
        statement="|uᵀPv| ≤ ½ ‖u‖₁‖v‖₁ for u, v of sum zero",
        source="derived; tight for n ≥ 4",
        kind="bound",
        conditions="any game; u, v differences of policies",
        quantity="|uᵀPv|",
        predicted="½ ‖u‖₁‖v‖₁",
        measure=_lipschitz,
        algorithm=True,
        control=Control("u, v not of sum zero", False),
        domain=Domain(actions=(2, 12)),
    ),
    Claim(
        id="class-game",
        statement="π*(y) = μ(y|c) m*(c) if P depends on classes only; m* the Nash policy of the class game under μ(c)",
        source=_CLASSES,
        kind="identity",
        conditions="class games of up to three classes, any reference",
        quantity="max |log π* − log μ(·|c) m*(c)|",
        predicted="rounding × (1 + 1/(2τ))/min π*",
        measure=_class_reduction,
        algorithm=lambda mass: mass,
        control=Control(
            "class reference uniform instead of μ(c)", lambda mass: np.full_like(mass, 1 / mass.shape[1])
        ),
        domain=Domain(actions=(3, 12), tau=(0.1, 3.0), structure=class_game),
    ),
    Claim(
        id="class-gap",
        statement="DualGap(π) = DualGap(class masses of π) + 2τ E_c KL(π(·|c) ‖ μ(·|c))",
        source=_CLASSES,
        kind="identity",
        conditions="class games, any policy and reference",
        quantity="|difference of the two sides|",
        predicted="8ε(1+τ)((n+4)/τ + max|log|)",
        measure=_class_gap,
        algorithm=2.0,
        control=Control("the gap of class masses taken for the whole gap", 0.0),
        domain=Domain(actions=(4, 12), structure=class_game),
    ),
)
