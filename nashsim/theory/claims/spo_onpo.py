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
from .structures import cycle, dominated, near_winner

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
    """KL(lottery || pi_t) of one step as what is measured, of the next as its bound: it never falls."""
    path = play(stack, algorithm(stack.tau, stack.step), 200, record=1)
    with np.errstate(divide="ignore"):
        divergence = kl(np.log(stack.lottery), path.log_policies).T
    # logits grow with the steps, and their rounding with them
    slack = 8 * EPS * np.abs(path.log_policies).max(axis=(0, 2))[:, None] * np.ones(divergence.shape[1] - 1)
    return Evidence(path.steps[1:], divergence[:, :-1], divergence[:, 1:], slack, before=divergence[:, 1:])


def _onpo_average(stack: Stack, algorithm) -> Evidence:
    eta, horizons = stack.step, np.array(_HORIZONS)
    gaps = average_gaps(stack, lambda _: algorithm(stack.tau, stack.step))
    return Evidence(horizons, gaps, 2 * stack.diameter[:, None] / (eta * horizons), _SLACK, x_label="T")


def _printed_bound(stack: Stack, algorithm) -> Evidence:
    """The printed 4 sqrt(D)/T as what is measured, the gap it should bound as the bound: it is exceeded somewhere."""
    divergence = kl(np.log(np.maximum(stack.lottery, 1e-300)), stack.log_start)[:, None]
    horizons = np.unique(np.geomspace(4, 512, 15).round().astype(int))
    gaps = average_gaps(stack, lambda _: algorithm(stack.tau, stack.step), horizons)
    printed = 4 * np.sqrt(divergence) / horizons
    worst = np.argmin(printed / gaps, axis=1)[:, None]
    take = lambda values: np.take_along_axis(np.broadcast_to(values, gaps.shape), worst, axis=1)  # noqa: E731
    return Evidence(np.array([0]), take(printed), take(gaps), x_label="the worst T")


def _same_optimism(stack: Stack, algorithm) -> Evidence:
    one, other = (play(stack, rule, 30) for rule in algorithm(stack.tau, stack.step))
    return distance(stack, one, other, stack.step)


def _comes_closer(rule_of, steps: int):
    """Return the measure of KL(lottery || pi) after ``steps`` iterations against its first value."""

    def measure(stack: Stack, algorithm) -> Evidence:
        path = play(stack, algorithm(stack.tau, stack.step), steps, record=steps // 20)
        with np.errstate(divide="ignore"):
            divergence = kl(np.log(stack.lottery), path.log_policies).T
        # every step rounds logits of the path's size twice, to the same side where the play all but stands still
        slack = EPS * steps * np.abs(path.log_policies).max(axis=(0, 2))[:, None]
        return Evidence(path.steps[1:], divergence[:, 1:], divergence[:, :1], slack, before=divergence[:, :1])

    return measure


def _onpo(tau: float, share: float) -> ONPO:
    return ONPO(step=share)


def _omwu(tau: float, share: float) -> OMWU:
    return OMWU(step=share)


_CYCLES = Domain(actions=(3, 3), tau=(0.1, 0.1), structure=cycle)

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
        tag="derived",
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
        tag="derived",
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
        statement="KL(lottery, π_{t+1}) ≥ KL(lottery, π_t) where the lottery has full support: the last iterate cycles",
        source=f"derived, E_π exp(η Aπ) ≥ 1 (Jensen); cycling in {_ONPO}",
        tag="derived",
        kind="bound",
        conditions="SPO, any η, games that are one cycle of three",
        quantity="KL(lottery, π_t)",
        predicted="KL(lottery, π_{t+1})",
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
        tag="derived",
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
        statement="the printed bound 4√D/T is exceeded where one action beats all and D > 1/4",
        source=f"{_ONPO}, as printed; counter-example derived",
        tag="derived",
        kind="bound",
        conditions="ONPO with η = 1/2, uniform start, n ≥ 4 actions of which one beats all",
        quantity="4√D/T",
        predicted="DualGap of the average at the worst T",
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
        tag="derived",
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
        statement="the last iterate of ONPO converges to a unique Nash policy, linearly and possibly very slowly",
        source=f"{_ONPO}, last-iterate theorem",
        tag="paper",
        kind="bound",
        conditions="η ≤ 1/8, games that are one cycle of three",
        quantity="KL(lottery, π_T), T ≤ 4000",
        predicted="KL(lottery, π_0)",
        measure=_comes_closer(_onpo, 4000),
        algorithm=_onpo,
        control=Control("optimism left out (SPO)", lambda tau, share: SPO(step=share)),
        domain=Domain(actions=(3, 3), tau=(0.1, 0.1), step=(0.02, 0.125), structure=cycle),
        rules=("onpo",),
    ),
    Claim(
        id="omwu-last",
        statement="the last iterate of OMWU converges for small η and a full-support Nash policy",
        source="OMWU, arXiv 1807.04252",
        tag="recalled",
        kind="bound",
        conditions="η ≤ 1/4, games that are one cycle of three",
        quantity="KL(lottery, π_T), T ≤ 4000",
        predicted="KL(lottery, π_0)",
        measure=_comes_closer(_omwu, 4000),
        algorithm=_omwu,
        control=Control("optimism left out (SPO)", lambda tau, share: SPO(step=share)),
        domain=Domain(actions=(3, 3), tau=(0.1, 0.1), step=(0.02, 0.25), structure=cycle),
        rules=("omwu",),
    ),
)
