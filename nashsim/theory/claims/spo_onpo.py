"""SPO, arXiv 2401.04056, and ONPO, arXiv 2502.16852: averages, cycles, optimism, on the unregularised game."""

from __future__ import annotations

import numpy as np

from ...equilibrium import unregularised_gap
from ...logspace import kl, log_normalise
from ...rules import DNO, OMWU, ONPO, SPO, SPPO
from .claim import Claim, Control, Evidence
from .domain import Domain
from .instance import Stack
from .rounding import EPS
from .rule_claims import Mutated, distance, flipped, play
from .structures import cycle, dominated, near_winner, strong_cycle

_ONPO = "ONPO, arXiv 2502.16852"
_HORIZONS = (16, 64, 256, 1024)
#: An average of T policies is off by at most T roundings.
_SLACK = 1e-12


def average_gaps(stack: Stack, rule_of, horizons=_HORIZONS) -> np.ndarray:
    """Return the unregularised gap of the average of T iterates, for each T from the start, (instances, horizons).

    Parameters
    ----------
    stack : Stack
    rule_of : callable
        Function from T to the rule for T steps.
    horizons : sequence of int
    """
    gaps = []
    for horizon in horizons:
        path = play(stack, rule_of(horizon), int(horizon), record=int(horizon))
        gaps.append(unregularised_gap(stack.game, log_normalise(np.log(path.average))))
    return np.array(gaps).T


def _spo_average(stack: Stack, algorithm) -> Evidence:
    gaps = average_gaps(stack, algorithm(stack.actions, stack.step))
    bound = 4 * np.sqrt(np.log(stack.actions) / np.array(_HORIZONS))
    return Evidence(np.array(_HORIZONS), gaps, bound[None], _SLACK, x_label="T")


def _spo(actions: float, share: float):
    """Return SPO for T steps and D = log n: eta = share sqrt(D/T)."""
    return lambda horizon: SPO(step=share * np.sqrt(np.log(actions) / horizon))


def _anytime(stack: Stack, algorithm) -> Evidence:
    """Twice the regret of each of the three names, the worst of them."""
    eta, horizons = stack.step, np.array(_HORIZONS)
    gaps = [average_gaps(stack, lambda _, rule=rule: rule) for rule in algorithm(stack.tau, stack.step)]
    bound = 2 * stack.diameter[:, None] / (eta * horizons) + eta / 4
    return Evidence(horizons, np.max(gaps, axis=0), bound, _SLACK, x_label="T")


def _three(tau: float, share: float):
    return SPO(step=share), SPPO(step=share), DNO(eta_inverse=1 / share)


def _same_weights(stack: Stack, algorithm) -> Evidence:
    spo, sppo, dno = (play(stack, rule, 30) for rule in algorithm(stack.tau, stack.step))
    one, other = distance(stack, spo, sppo, stack.step), distance(stack, spo, dno, stack.step)
    return Evidence(one.x, np.maximum(one.measured, other.measured), one.bound)


def _leaves_the_lottery(stack: Stack, algorithm) -> Evidence:
    """KL(lottery || pi_t) + log(1 + psi Var) against KL(lottery || pi_{t+1}): it grows by at least so much.

    KL grows by log E exp(eta A pi) under pi, as <p, A pi> = 0 for a lottery p of full support; E A pi = 0 too, and
    e^x >= 1 + x + x^2 (e^-c - 1 + c)/c^2 for x >= -c.
    """
    eta, path = stack.step, play(stack, algorithm(stack.tau, stack.step), 200, record=1)
    with np.errstate(divide="ignore"):
        divergence = kl(np.log(stack.lottery), path.log_policies).T
    policy = np.exp(path.log_policies[:-1])
    gained = eta * np.einsum("kyz,tkz->tky", stack.skew, policy)
    least = np.maximum(-gained.min(axis=2), 1e-9)
    psi = np.where(least < 1e-4, 0.5 - least / 6, (np.expm1(-least) + least) / least**2)
    growth = np.log1p(psi * (policy * gained**2).sum(axis=2)).T
    # logits grow with the steps, and their rounding with them
    slack = 8 * EPS * np.abs(path.log_policies).max(axis=(0, 2))[:, None] * np.ones(divergence.shape[1] - 1)
    # a growth is compared with a growth, so that the bound is as tight near the end of a path as near its start
    return Evidence(path.steps[1:], growth, np.diff(divergence, axis=1) + slack, slack)


def _onpo_average(stack: Stack, algorithm) -> Evidence:
    eta, horizons = stack.step, np.array(_HORIZONS)
    gaps = average_gaps(stack, lambda _: algorithm(stack.tau, stack.step))
    return Evidence(horizons, gaps, 2 * stack.diameter[:, None] / (eta * horizons), _SLACK, x_label="T")


def _printed_bound(stack: Stack, algorithm) -> Evidence:
    """The printed 4 sqrt(D)/T against the gap at the worst T: it is exceeded; that gap against what is proved."""
    divergence = kl(np.log(np.maximum(stack.lottery, 1e-300)), stack.log_start)[:, None]
    horizons = np.unique(np.geomspace(4, 512, 15).round().astype(int))
    gaps = average_gaps(stack, lambda _: algorithm(stack.tau, stack.step), horizons)
    printed = 4 * np.sqrt(divergence) / horizons
    worst = np.argmin(printed / gaps, axis=1)[:, None]
    take = lambda values: np.take_along_axis(np.broadcast_to(values, gaps.shape), worst, axis=1)  # noqa: E731
    proved = 2 * stack.diameter[:, None] / (stack.step * horizons)
    measured, bound = np.hstack([take(printed), take(gaps)]), np.hstack([take(gaps), take(proved)])
    return Evidence(np.array([0, 1]), measured, bound, _SLACK, x_label="printed, proved")


def _same_optimism(stack: Stack, algorithm) -> Evidence:
    one, other = (play(stack, rule, 30) for rule in algorithm(stack.tau, stack.step))
    return distance(stack, one, other, stack.step)


#: Steps of a last iterate, those after which one mode is left of it, and how near to the lottery it starts.
_LAST, _SETTLED, _NEAR = 4000, 100, 1e-4


def turning(stack: Stack) -> np.ndarray:
    """Return beta of the eigenvalues ±i beta of diag(p) A at the lottery p, shape (instances,), of three actions."""
    upper = np.triu(np.square(stack.skew))
    return np.sqrt(np.einsum("ky,kyz,kz->k", stack.lottery, upper, stack.lottery))


def _comes_closer(stack: Stack, algorithm) -> Evidence:
    """KL(lottery || pi_t) from near the lottery, against the rate of the linearised map, once one mode is left.

    x = log pi - log p moves by x+ = x + eta A diag(p) (2 x - x_before): its modes are the roots of lambda^2 -
    (1 + 2 i eta beta) lambda + i eta beta. In the norm of diag(p) each turns on a circle, so that KL, half the square
    of that norm up to a share |x|, falls by |lambda|^2 a step without swinging.
    """
    log_lottery, eta = np.log(stack.lottery), stack.step
    shift = stack.log_start - (stack.lottery * stack.log_start).sum(axis=1, keepdims=True)
    shift *= _NEAR / np.maximum(np.abs(shift).max(axis=1, keepdims=True), 1e-300)
    near = log_normalise(log_lottery + shift)
    path = play(stack, algorithm(stack.tau, stack.step), _LAST, record=_SETTLED, log_start=near)
    divergence = kl(log_lottery, path.log_policies).T[:, 1:]
    b = 1 + 2j * eta * turning(stack)
    root = np.sqrt(b**2 - 4j * eta * turning(stack))
    rate = -2 * np.log(np.maximum(np.abs(b + root), np.abs(b - root)) / 2)[:, None]
    steps = path.steps[2:] - path.steps[1]
    # the other mode, |lambda| <= eta beta (1 + ...), is below rounding by now; third orders are of relative size |x|
    bound = divergence[:, :1] * np.exp(-rate * steps) * (1 + 4 * _NEAR)
    error = 8 * EPS * np.sqrt(_LAST) * np.abs(log_lottery).max(axis=1, keepdims=True)
    slack = error * np.sqrt(2 * divergence[:, :1]) + error**2
    before = np.broadcast_to(divergence[:, :1], bound.shape)
    return Evidence(path.steps[2:], divergence[:, 1:], bound, slack, before=before)


def _onpo(tau: float, share: float) -> ONPO:
    return ONPO(step=share)


def _omwu(tau: float, share: float) -> OMWU:
    return OMWU(step=share)


CLAIMS = (
    Claim(
        id="spo-average",
        statement="DualGap(average of T iterates) ≤ 4√(D/T), D = log n from the uniform policy",
        source=f"{_ONPO}, Theorem 1, of SPO, arXiv 2401.04056",
        tag="paper",
        kind="bound",
        conditions="SPO, constant η = c√(D/T), c in [1, √8]",
        quantity="unregularised DualGap of the average",
        predicted="4√(D/T)",
        measure=_spo_average,
        algorithm=_spo,
        control=Control(
            "sign of the payoff flipped",
            lambda n, share: lambda t: Mutated(_spo(n, share)(t), flipped),
        ),
        domain=Domain(start="uniform", tau=(0.1, 0.1), step=(1.0, 8**0.5)),
        rules=("spo",),
    ),
    Claim(
        id="multiplicative-regret",
        statement="DualGap(average of T iterates) ≤ 2D/(ηT) + η/4, D = max_y −log π_0(y), for SPO, SPPO and DNO",
        source="derived: regret of multiplicative weights (Hoeffding)",
        kind="bound",
        conditions="any η > 0, any start",
        quantity="unregularised DualGap of the average",
        predicted="2D/(ηT) + η/4",
        measure=_anytime,
        algorithm=_three,
        control=Control(
            "sign of the payoff flipped",
            lambda tau, share: [Mutated(rule, flipped) for rule in _three(tau, share)],
        ),
        domain=Domain(tau=(0.1, 0.1), step=(0.05, 1.0)),
        rules=("spo", "sppo", "dno"),
    ),
    Claim(
        id="multiplicative-names",
        statement="SPO (η) = SPPO (η) = DNO (1/η_I): multiplicative weights, one map",
        source="derived: SPPO, arXiv 2405.00675; DNO, arXiv 2404.03715",
        kind="identity",
        conditions="any game, any η",
        quantity="max |log π_t − log π'_t|",
        predicted="rounding × (t+1)(1+η/2)^t",
        measure=_same_weights,
        algorithm=_three,
        control=Control(
            "DNO's inverse step taken forward",
            lambda tau, share: (SPO(step=share), SPPO(step=share), DNO(eta_inverse=share)),
        ),
        domain=Domain(tau=(0.1, 0.1), step=(0.05, 0.9)),
        rules=("spo", "sppo", "dno"),
    ),
    Claim(
        id="spo-cycles",
        statement="KL(lottery, π_{t+1}) ≥ KL(lottery, π_t) + log(1 + ψ η² Var_π Aπ) where the lottery has full support:"
        " the last iterate leaves it",
        source=f"derived, E_π exp(η Aπ) ≥ 1 + ψ η² Var_π Aπ; cycling in {_ONPO}",
        kind="bound",
        conditions="SPO, any η, games that are one cycle of three",
        quantity="log(1 + ψ η² Var_π Aπ), ψ = (e^{−c} − 1 + c)/c², c = −η min Aπ",
        predicted="KL(lottery, π_{t+1}) − KL(lottery, π_t)",
        measure=_leaves_the_lottery,
        algorithm=lambda tau, share: SPO(step=share),
        control=Control("optimism added (ONPO)", lambda tau, share: ONPO(step=share)),
        domain=Domain(actions=(3, 3), tau=(0.1, 0.1), step=(0.05, 0.5), structure=cycle),
        rules=("spo",),
    ),
    Claim(
        id="onpo-average",
        statement="DualGap(average of T iterates) ≤ 2D/(ηT), D = log n from the uniform policy",
        source=f"{_ONPO}; constants derived",
        kind="bound",
        conditions="ONPO, any η ≤ 1/2",
        quantity="unregularised DualGap of the average",
        predicted="2D/(ηT)",
        measure=_onpo_average,
        algorithm=_onpo,
        control=Control(
            "optimism left out (SPO), 3-cycles",
            lambda tau, share: SPO(step=share),
            Domain(actions=(3, 3), tau=(0.1, 0.1), step=(0.5, 0.5), structure=cycle),
        ),  # fmt: skip
        domain=Domain(start="uniform", tau=(0.1, 0.1), step=(0.05, 0.5)),
        rules=("onpo",),
    ),
    Claim(
        id="onpo-printed",
        statement="the printed bound 4√D/T is exceeded where one action beats all and D > 1/4, the proved 2D/(ηT)"
        " is not",
        source=f"{_ONPO}, as printed; counter-example derived",
        kind="bound",
        conditions="ONPO with η = 1/2, uniform start, n ≥ 4 actions of which one beats all",
        quantity="4√D/T; the gap",
        predicted="DualGap of the average at the worst T; 2D/(ηT)",
        measure=_printed_bound,
        algorithm=_onpo,
        control=Control(
            "a start near the winner: D < 1/4",
            domain=Domain(
                actions=(4, 64),
                tau=(0.1, 0.1),
                step=(0.5, 0.5),
                structure=lambda i: near_winner(dominated(i)),
            ),
        ),
        domain=Domain(actions=(4, 64), tau=(0.1, 0.1), step=(0.5, 0.5), start="uniform", structure=dominated),
        rules=("onpo",),
    ),
    Claim(
        id="optimism-names",
        statement="ONPO's leader and OMWU's 2P(· ≻ π_t) − P(· ≻ π_{t−1}) are one map",
        source=f"derived: {_ONPO}; OMWU, arXiv 1807.04252",
        kind="identity",
        conditions="any game, any η",
        quantity="max |log π_t − log π'_t|",
        predicted="rounding × (t+1)(1+η/2)^t",
        measure=_same_optimism,
        algorithm=lambda tau, share: (ONPO(step=share), OMWU(step=share)),
        control=Control("optimism left out of one", lambda tau, share: (ONPO(step=share), SPO(step=share))),
        domain=Domain(tau=(0.1, 0.1), step=(0.05, 0.9)),
        rules=("onpo", "omwu"),
    ),
    Claim(
        id="onpo-last",
        statement="near a full-support lottery KL(lottery, π_{t+1}) = |λ|² KL(lottery, π_t), λ² − (1+2iηβ)λ + iηβ = 0:"
        " linear, |λ|² ≈ 1 − η²β²",
        source=f"derived by linearisation; that the last iterate converges linearly is the theorem of {_ONPO}",
        kind="bound",
        conditions="η ≤ 1/8, one cycle of three with margins ≥ 0.1, after 100 steps from within 1e-4 of its lottery;"
        " ±iβ the eigenvalues of diag(p)A",
        quantity="KL(lottery, π_T), T ≤ 4000",
        predicted="|λ|^{2(T−100)} KL(lottery, π_100)",
        measure=_comes_closer,
        algorithm=_onpo,
        control=Control("optimism left out (SPO)", lambda tau, share: SPO(step=share)),
        domain=Domain(actions=(3, 3), tau=(0.1, 0.1), step=(0.05, 0.125), structure=strong_cycle, floor=30.0),
        rules=("onpo",),
    ),
    Claim(
        id="omwu-last",
        statement="OMWU's last iterate converges for small η and a full-support Nash policy: near it as ONPO's",
        source="OMWU, arXiv 1807.04252, and 2512.24818 (abstract); rate by linearisation, range of η not known",
        tag="recalled",
        kind="bound",
        conditions="η ≤ 1/4, otherwise as for onpo-last",
        quantity="KL(lottery, π_T), T ≤ 4000",
        predicted="|λ|^{2(T−100)} KL(lottery, π_100)",
        measure=_comes_closer,
        algorithm=_omwu,
        control=Control("optimism left out (SPO)", lambda tau, share: SPO(step=share)),
        domain=Domain(actions=(3, 3), tau=(0.1, 0.1), step=(0.05, 0.25), structure=strong_cycle, floor=30.0),
        rules=("omwu",),
    ),
)
