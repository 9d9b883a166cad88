"""Fixed logs: what the Nash of an estimate costs in the true game, and that it is of order 1/n."""

from __future__ import annotations

import numpy as np

from ...equilibrium import exploitability, solve_newton
from ...game import PreferenceGame
from ...offline import error_constant, fit_preference, pair_policies, pair_shares
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rounding import logit_rounding, once

_LOGS, _DUELS = 200, 64_000
#: The sd of a weighted chi-square is at most sqrt 2 of its mean: four standard errors over the logs.
_NOISE = 1 + 4 * np.sqrt(2 / _LOGS)
_SECOND_HAND = "plug-in with unilateral concentrability, arXiv 2604.06738 [second hand]; constant derived"


def _estimate(stack: Stack) -> np.ndarray:
    """Return an estimate that owes nothing to the game: Bradley-Terry of the starts, shape (instances, n, n)."""
    logits = stack.log_start
    return 0.5 + 0.5 * np.tanh((logits[:, :, None] - logits[:, None]) / 2)


def _gap(stack: Stack, algorithm) -> Evidence:
    """Exploitability of the Nash of an estimate, solved at ``algorithm`` times tau, against the span of its error."""
    estimate = _estimate(stack)
    solved = stack.game.replace(preference=estimate, tau=algorithm * stack.tau)
    log_policy = solve_newton(solved).log_policy
    error = np.einsum("kyz,kz->ky", estimate - stack.game.probabilities, np.exp(log_policy))
    span = np.ptp(error, axis=1)
    measured = exploitability(stack.game, log_policy)
    # logits of policy and best response err by this; their divergence by its square and its product with the distance
    rounding = 2 * logit_rounding(stack, log_policy)
    slack = rounding * (stack.tau * rounding + span)
    return once(measured, span**2 / (8 * stack.tau) + slack)


def _logs(game: PreferenceGame, shares: np.ndarray, seed: int) -> np.ndarray:
    """Return the wins of many logs of one game, shape (logs, actions, actions)."""
    rng, upper = np.random.default_rng(seed), np.triu_indices(game.actions, 1)
    chance = shares[0][upper]
    counts = rng.multinomial(_DUELS, np.append(chance, 1 - chance.sum()), _LOGS)[:, :-1]
    won = rng.binomial(counts, game.probabilities[0][upper])
    wins = np.zeros((_LOGS, game.actions, game.actions))
    wins[:, upper[0], upper[1]], wins[:, upper[1], upper[0]] = won, counts - won
    return wins


def _rate(stack: Stack, model: str) -> Evidence:
    """n times the mean exploitability of the plug-in over logs of n duels, against the constant."""
    measured, bound = [], []
    for k, instance in enumerate(stack.instances):
        game = instance.game
        shares = pair_shares(game, *pair_policies(game, "uniform"))
        fitted = PreferenceGame(
            fit_preference(_logs(game, shares, k), model), log_reference=game.log_reference, tau=game.tau
        )
        repeated = np.repeat(game.probabilities, _LOGS, axis=0)
        true = game.replace(preference=repeated, log_reference=game.log_reference[0], weights=None)
        measured.append(_DUELS * exploitability(true, solve_newton(fitted).log_policy).mean())
        bound.append(_NOISE * error_constant(game, shares))
    return once(np.array(measured), np.array(bound))


CLAIMS = (
    Claim(
        id="plug-in-gap",
        statement="max_π' J(π', π̂) − ½ ≤ span((P̂ − P) π̂)²/(8τ), π̂ the regularised Nash of any estimate P̂",
        source="derived: exploitability is τ D_{R*}(Pπ̂/τ, P̂π̂/τ); for KL by Hoeffding's lemma",
        tag="derived",
        kind="bound",
        conditions="any game, reference and τ; any estimate with P̂ + P̂ᵀ = 1",
        quantity="exploitability of π̂ in the game of P",
        predicted="span((P̂ − P) π̂)²/(8τ)",
        measure=_gap,
        algorithm=1.0,
        control=Control("the Nash of the estimate at 2τ", 2.0),
        domain=Domain(tau=(0.05, 2.0), step=(1.0, 1.0)),
    ),
    Claim(
        id="plug-in-rate",
        statement="n E[exploitability of the plug-in] → (1/2τ) Σ_{y≠z} π*_y π*_z² P_yz P_zy/ν_yz: a gap of order 1/n",
        source=_SECOND_HAND,
        tag="derived",
        kind="statistical",
        conditions=f"KL, τ = 0.2, named games, uniform pairs, {_LOGS} logs of {_DUELS} duels",
        quantity="n × mean exploitability",
        predicted=f"{_NOISE:.1f} × the constant: four standard errors",
        measure=_rate,
        algorithm="tabular",
        control=Control("a Bradley-Terry fit of a cycle, whose gap has a floor", "bradley-terry", games=2),
        domain=Domain(
            actions=(3, 3),
            tau=(0.2, 0.2),
            games=("biased-rps", "comal", "p-eps", "dice", "three-humans", "rps:strength=0.6"),
            cells=6,
        ),
        games=6,
    ),
)
