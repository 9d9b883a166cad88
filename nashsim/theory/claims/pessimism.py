"""Pessimism on fixed logs: what the saddle point of lower bounds guarantees, and the law of PEPO's rejection."""

from __future__ import annotations

import numpy as np

from ...equilibrium import exploitability, solve_newton
from ...offline import lower_bound, saddle_point
from ...offline.pepo import NOTHING, Ensemble
from ...regularisers import ratios
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .regularisers import spread
from .rounding import EPS, once

#: Duels of all pairs together, and the draws and tries of rejection.
_DUELS, _DRAWS, _TRIES = 2000, 4000, 5
#: log(2/delta) of Bernstein's inequality at delta = 1e-6, less than one in a thousand over all that is measured.
_LEVEL = float(np.log(2e6))


def _widths(stack: Stack) -> np.ndarray:
    """Return P - L of pairs that the start is duelled for, one standard deviation, shape (instances, n, n)."""
    p, start = stack.game.probabilities, np.exp(stack.log_start)
    counts = 1 + _DUELS * start[:, :, None] * start[:, None]
    return p - lower_bound(p * counts, p, 1.0)


def _guaranteed(word: str):
    def measure(stack: Stack, sign: float) -> Evidence:
        """Exploitability of the saddle point of P + sign (P - L), what its guarantee promises, and what widths cost."""
        game, widths = stack.game.replace(regulariser=word), _widths(stack)
        bounds = game.probabilities + sign * widths
        solved = zip(bounds, game.log_reference, strict=True)
        log_policy = np.stack([saddle_point(*one, stack.tau, word)[0] for one in solved])
        least = np.einsum("ky,kyz->kz", np.exp(log_policy), bounds)
        worst = game.log_response(-least)

        def cost(log):
            return stack.tau * (game.reference * game.regulariser.generator(ratios(log, game.log_reference)))

        guarantee = (np.exp(worst) * least + cost(worst) - cost(log_policy)).sum(axis=1)
        missed = np.einsum("ky,kyz->kz", np.exp(solve_newton(game).log_policy), widths).max(axis=1)
        measured = np.stack([exploitability(game, log_policy), 0.5 - guarantee], axis=1)
        # the guarantee is that of the policy found, short of the best by a square of its error; terms reach 1/tau
        slack = 64 * EPS * (stack.actions + 4) * (1 + 1 / stack.tau)
        return Evidence(
            np.arange(2), measured, np.stack([0.5 - guarantee, missed], axis=1), slack, x_label=""
        )

    return measure


def _pessimistic(name: str, word: str, said: str) -> Claim:
    return Claim(
        id=name,
        statement="max_π' J(π', π̂) − ½ ≤ ½ − min_π' J_L(π̂, π') ≤ max_z Σ_y π*_y (P − L)_yz, π̂ the saddle point of any"
        f" L ≤ P under {said}: what π* is compared with is enough",
        source="derived: J_P ≥ J_L at π̂, and the value of L's game is at least what π* has in it",
        kind="bound",
        conditions="any game and τ, log μ and log π₀ within 6 of their largest; L = P − 1/(2√N), N ∝ π₀(y) π₀(z)",
        quantity="exploitability of π̂ in the game of P; ½ − its guarantee",
        predicted="½ − its guarantee; max_z Σ_y π*_y (P − L)_yz",
        measure=_guaranteed(word),
        algorithm=-1.0,
        control=Control("upper bounds in place of lower ones", 1.0, games=10),
        domain=Domain(actions=(2, 5), tau=(0.05, 2.0), step=(1.0, 1.0), structure=spread),
        games=30,
    )


def _rejected(stack: Stack, tries: int) -> Evidence:
    """Shares of what PEPO's rejection returns, nothing included, against their law, in widths of Bernstein."""
    half = np.logaddexp(stack.log_start, stack.log_reference) - np.log(2)
    ensemble = Ensemble(np.stack([stack.log_start, stack.log_reference, half]))
    silence = ensemble.silence(_TRIES)[:, None]
    law = np.concatenate([silence, (1 - silence) * np.exp(ensemble.log_policy)], axis=1)
    shares = np.stack(
        [
            np.bincount(
                ensemble.sample(_DRAWS, tries=tries, seed=k, context=k) - NOTHING, minlength=law.shape[1]
            )
            for k in range(len(stack))
        ]
    )
    width = np.sqrt(2 * law * _LEVEL / _DRAWS) + 2 * _LEVEL / (3 * _DRAWS)
    return once((np.abs(shares / _DRAWS - law) / width).max(axis=1), np.ones(len(stack)))


CLAIMS = (
    _pessimistic("pessimistic-gap", "kl", "KL"),
    _pessimistic("chi2-pessimistic-gap", "chi2", "χ²/2"),
    _pessimistic("forward-kl-pessimistic-gap", "forward-kl", "forward KL"),
    Claim(
        id="pepo-rejection",
        statement="whole responses by rejection: y with probability min_l π_l(y) (1 − (1 − Z)^T)/Z, nothing with"
        " (1 − Z)^T, Z = Σ_y min_l π_l(y), T tries",
        source="derived; PEPO, arXiv 2602.06239 (minimum of probabilities, tried again [code])",
        kind="statistical",
        conditions=f"three members, T = {_TRIES}, {_DRAWS} draws",
        quantity="largest |share − probability| over its width",
        predicted="1: Bernstein's inequality at 10⁻⁶",
        measure=_rejected,
        algorithm=_TRIES,
        control=Control("one try less", _TRIES - 1),
        domain=Domain(actions=(2, 8), step=(1.0, 1.0)),
        games=60,
    ),
)
