"""Rosset et al., Direct Nash Optimization, arXiv 2404.03715: improvement, finite pairs, ranked pairs."""

from __future__ import annotations

import numpy as np

from ...engine import Feedback, run_many
from ...logspace import kl, log_normalise
from ...rules import DNO, DNOPrct, RankingStep
from ..fits import fit_rows
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rounding import EPS, once
from .rule_claims import flipped, mutated, play
from .structures import moderate

_DNO = "DNO, arXiv 2404.03715"


def _dno(tau: float, share: float) -> DNO:
    return DNO(eta_inverse=share)


def _improves(stack: Stack, algorithm) -> Evidence:
    """eta_I (KL(q || pi) + KL(pi || q)), q ∝ pi exp(P pi/eta_I), against P(pi+ ≻ pi) - 1/2, along a path."""
    inverse = stack.step
    path = play(stack, algorithm(stack.tau, stack.step), 30)
    before, after = path.log_policies[:-1], path.log_policies[1:]
    won = np.einsum("tky,kyz,tkz->kt", np.exp(after), stack.skew, np.exp(before))
    # logits grow by 1/eta_I a step; their rounding enters eta_I KL once
    slack = 16 * EPS * (stack.actions + inverse * np.abs(path.log_policies).max())
    gained = np.einsum("kyz,tkz->tky", stack.skew, np.exp(before))
    target = log_normalise(before + gained / inverse)
    least = inverse * (kl(target, before) + kl(before, target)).T
    return Evidence(path.steps[1:], least, won + slack, slack)


#: Pairs a step, and seeds to average over.
_PAIRS = np.unique(np.geomspace(200, 20_000, 16).round().astype(int))
_SEEDS = range(20)


def _finite_pairs(stack: Stack, algorithm) -> Evidence:
    """Mean over seeds of TV^2 between a step fitted on N pairs and the exact one."""
    fitted, target = algorithm(stack.tau, stack.step)
    exact = np.exp(play(stack, target, 1).log_policies[-1])
    start, distances = np.exp(stack.log_start), []
    for pairs in _PAIRS:
        options = {"queries": 1, "record": 1, "metrics": [], "seeds": _SEEDS, "start": start}
        runs = run_many([stack.game], fitted, feedback=Feedback("pairs", int(pairs)), **options)
        total = [0.5 * np.abs(np.exp(found.log_policy) - exact).sum(axis=1) for found in runs]
        distances.append(np.mean(np.square(total), axis=0))
    distances = np.array(distances).T
    # the mean of 20 squares carries noise of a third, which the interval measures
    fits = fit_rows(_PAIRS.astype(float), distances, 1.0, laws=["power"], floor=0.0, burn_in=0.0)
    return Evidence(_PAIRS, distances, distances[:, :1] * _PAIRS[0] / _PAIRS, fits=fits, x_label="pairs N")


def _ranking(stack: Stack, algorithm) -> Evidence:
    """First-order condition of the logistic fit that the step along w = eta_I (log pi+ - log pi) claims to be."""
    rule, margin, ridge = algorithm(stack.tau, stack.step), 0.1, 0.01
    path = play(stack, rule, 1)
    w = (path.log_policies[1] - path.log_policies[0]) * stack.step
    w = w - w.mean(axis=1, keepdims=True)  # the ridge keeps the scores centred
    policy = np.exp(stack.log_start)
    rates = np.einsum("kyz,kz->ky", stack.skew, policy)
    # a pair may be drawn in two orders; one at the margin is kept whatever its rounding
    kept = (
        2 * (rates[:, :, None] - rates[:, None] >= margin * (1 - 1e-9)) * policy[:, :, None] * policy[:, None]
    )
    push = kept / (1 + np.exp(w[:, :, None] - w[:, None]))
    gradient = push.sum(axis=2) - push.sum(axis=1) - ridge * w
    # Newton on a strongly concave function of curvature >= ridge, whose steps settle at rounding of its scores
    size = 1 + np.abs(w).max(axis=1) + np.abs(path.log_policies).max(axis=(0, 2)) * stack.step
    return once(np.abs(gradient).max(axis=1), 1e-9 * size)


def _prct(tau: float, share: float) -> DNOPrct:
    return DNOPrct(eta_inverse=share)


def _worse_kept(steps: tuple, tau: float) -> tuple:
    """The worse response of every pair taken for the better one."""
    from dataclasses import replace

    return tuple(replace(s, margin=-s.margin) if isinstance(s, RankingStep) else s for s in steps)


CLAIMS = (
    Claim(
        id="dno-improvement",
        statement="P(π_{t+1} ≻ π_t) = 1/2 + η_I (KL(q ‖ π_t) + KL(π_t ‖ q)), q ∝ π_t exp(P(· ≻ π_t)/η_I) the target",
        source=f"derived; {_DNO}, monotonic improvement, has ≥ 1/2 + η_I KL(q ‖ π_t)",
        kind="bound",
        conditions="exact DNO, any η_I, any start",
        quantity="η_I (KL(q ‖ π_t) + KL(π_t ‖ q))",
        predicted="P(π_{t+1} ≻ π_t) − 1/2",
        measure=_improves,
        algorithm=_dno,
        control=Control("sign of the payoff flipped", mutated(_dno, flipped)),
        domain=Domain(tau=(0.1, 0.1), step=(0.005, 10.0), widest_step=(0.001, 10.0)),
        rules=("dno",),
    ),
    Claim(
        id="dno-pairs",
        statement="E TV(π_{t+1}, target)² = O(1/N) with N sampled pairs",
        source=f"derived, as the per-step theorem of {_DNO}, which is of the logistic loss",
        kind="statistical",
        conditions="one step from π_t by least squares on N label differences; 20 seeds; π_t in the interior",
        quantity="mean TV²",
        predicted="N^{−1} or faster",
        measure=_finite_pairs,
        algorithm=lambda tau, share: (_dno(tau, share), _dno(tau, share)),
        control=Control(
            "fitted with half of the step", lambda tau, share: (_dno(tau, 2 * share), _dno(tau, share))
        ),
        domain=Domain(actions=(3, 5), tau=(0.1, 0.1), step=(0.3, 1.0), structure=moderate, cells=4),
        rules=("dno",),
        games=8,
    ),
    Claim(
        id="dno-ranking",
        statement="DNO-Prct's step is along w = argmax Σ W(y,z) log σ(w_y − w_z) − (λ/2)|w|²",
        source=f"derived: first-order condition of the loss of {_DNO}, DNO-Prct",
        kind="identity",
        conditions="any game and start; W the pairs of margin ≥ 0.1, λ = 0.01",
        quantity="max |gradient at w|",
        predicted="1e-9 (1 + max|w| + η_I max|log|)",
        measure=_ranking,
        algorithm=_prct,
        control=Control("the worse response of a pair kept", mutated(_prct, _worse_kept)),
        domain=Domain(actions=(2, 8), tau=(0.1, 0.1), step=(0.5, 4.0)),
        rules=("dno-prct",),
    ),
)
