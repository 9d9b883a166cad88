"""What is proved of the rules, on the engine: convergence, bounds, thresholds, and who needs no fixed pull."""

import numpy as np
import pytest

from nashsim import StepSizeWarning, games
from nashsim.engine import first_policy, run, run_many, start_facts
from nashsim.equilibrium import solve_newton
from nashsim.logspace import log_normalise
from nashsim.rules import COMAL, EGPO, MPO, OMD, OMWU, ONPO, RULES, SPO, NashMD, NashMP, NashProx
from tests.zoo import random_game, rock_paper_scissors

SIZES = [(2, 1.0), (3, 0.2), (10, 0.1), (37, 0.3)]
GAMES = [random_game(seed, actions=n, tau=tau) for seed, (n, tau) in enumerate(SIZES)]
CONVERGENT = [cls for cls in RULES if cls.target == "duality_gap" and cls.theorems]
UNREGULARISED = [cls for cls in RULES if cls.target != "duality_gap" and cls.theorems]


@pytest.mark.parametrize("rule", CONVERGENT, ids=lambda rule: rule.name)
def test_converges_to_newton(rule):
    # the schedules' 1/T^2 tail of KL, constants at most 8/tau^2 of the theorem, leaves 1e-6 after 1e5 queries
    for found in run_many(GAMES, rule(), queries=100_000, record=100_000):
        assert found.metrics["kl_to_equilibrium"][-1] < (1e-25 if found.rule.constant else 1e-6)


def test_nash_md_with_a_constant_step_is_biased_by_order_eta_squared():
    game = rock_paper_scissors(tau=0.5, reference=[0.6, 0.3, 0.1])
    bias = [
        run(game, NashMD(step=eta), queries=20_000, record=20_000).metrics["kl_to_equilibrium"][-1]
        for eta in (0.02, 0.01)
    ]
    assert bias[1] > 1e-10
    np.testing.assert_allclose(
        bias[0] / bias[1], 4, rtol=0.1
    )  # O(eta^2), next order O(eta^3) is a few per cent


PROVED = [(cls, theorem.metric) for cls in RULES for theorem in cls.theorems if theorem.bound is not None]


@pytest.mark.parametrize("count", [50, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("rule", "metric"), PROVED, ids=lambda value: getattr(value, "name", value))
def test_proved_bounds_hold_at_every_record_on_random_games(rule, metric, count):
    """The proved right-hand side is never crossed, from the reference and from random starts."""
    rng = np.random.default_rng(11)
    for k in range(0, count, 5):  # five games of a size and a tau run side by side
        actions, tau = int(rng.integers(2, 13)), (0.03, 0.1, 0.3, 1.0, 3.0)[k // 5 % 5]
        references = rng.choice(["uniform", "dirichlet"], 5)
        sample = [random_game(1000 + k + i, actions, tau, reference=references[i]) for i in range(5)]
        exact = [solve_newton(game).log_policy for game in sample]
        # constant steps inside the condition as well as the default
        largest = min(rule().largest_eta(tau), 2.0)
        for chosen in (rule(), rule.with_eta(0.5 * largest, tau)):
            for start in ("reference", "random"):
                check_bounds(sample, exact, chosen, metric, start, seed=k)


def check_bounds(sample, exact, rule, metric, start, seed):
    options = {"queries": 400, "start": start, "seeds": [seed], "metrics": [metric], "record": 7}
    for found, log_equilibrium in zip(run_many(sample, rule, **options), exact, strict=True):
        game = found.game
        facts = start_facts(game, first_policy(game, start, seed), log_equilibrium)
        bound = rule.bound(metric, game.tau, found.step, facts)
        measured = found.metrics[metric]
        # Rounding is all that the measured side can be off by: squared in KL, 1e-15 in a gap
        slack = 1e-24 if metric == "kl_to_equilibrium" else 1e-14
        assert (measured <= bound * (1 + 1e-9) + slack).all(), (game, rule, np.max(measured / bound))


CYCLES = [
    games.get(name).replace(tau=0.3, reference=[0.5, 0.3, 0.2]) for name in ("rps", "comal", "biased-rps")
]


@pytest.mark.parametrize("rule", UNREGULARISED, ids=lambda rule: rule.name)
def test_rules_without_a_fixed_pull_close_their_gap_to_the_original_game(rule):
    for game in CYCLES:
        found = run(game, rule(), queries=20_000, record=20_000)
        # a last-iterate theorem: on to the lottery itself, fast by refreshes, possibly slowly by optimism
        first, last = found.metrics["kl_to_lottery"]
        assert last < {COMAL: 1e-6, MPO: 1e-6, ONPO: 0.3 * first, OMWU: 0.3 * first}.get(rule, np.inf)
        # the average: O(1/sqrt T) at best for a fixed step, eta/4 = 0.025 of noise for 0.1
        assert found.metrics[rule.target][-1] < 0.03 < found.metrics[rule.target][0]


def test_self_play_without_optimism_runs_around_the_cycle():
    found = run(CYCLES[0], SPO(), queries=20_000, record=20_000)
    assert found.metrics["unregularised_gap"][-1] > 0.5
    assert found.metrics["average_unregularised_gap"][-1] < 0.03
    assert found.status.startswith("still converging: average iterate's unregularised gap")


@pytest.mark.parametrize("rule", [COMAL(inner=400), MPO(inner=400)], ids=lambda rule: rule.name)
def test_refreshed_references_approach_the_lottery_monotonically(rule):
    """With inner solves that are exact to rounding, KL(lottery, .) does not increase over outer steps."""
    for game in CYCLES:
        found = run(game, rule, queries=400 * 30, record=400, metrics=["kl_to_lottery"])
        values = found.metrics["kl_to_lottery"]
        assert (np.diff(values) <= 1e-12).all() and values[-1] < 0.3 * values[0]


def test_a_regularised_rule_stops_at_tau_where_comal_goes_on():
    game = CYCLES[1]
    fixed, refreshed = (
        run(game, rule, queries=20_000, metrics=["unregularised_gap"]) for rule in (OMD(), COMAL())
    )
    assert fixed.metrics["unregularised_gap"][-1] > 0.05 > 1e-4 > refreshed.metrics["unregularised_gap"][-1]


def test_nash_prox_between_one_call_and_the_exact_proximal_point():
    game, s = random_game(4, actions=7, tau=0.3), 0.4
    eta = s / (0.3 * (1 + s))
    one = run(game, NashProx(prox_step=s, inner=1), queries=6, start="random").log_policy
    np.testing.assert_allclose(
        one, run(game, OMD(step=eta), queries=6, start="random").log_policy, atol=1e-14
    )
    two = run(game, NashProx(prox_step=s, inner=2), queries=6, start="random").log_policy
    np.testing.assert_allclose(
        two, run(game, NashMP(prox_step=s), queries=6, start="random").log_policy, atol=1e-14
    )
    # many inner steps: the regularised Nash policy of J_tau + (tau/s) KL(. || pi_0), a game of larger tau
    start = np.random.default_rng(0).dirichlet(np.ones(7))
    mixed = log_normalise((np.log(start) + s * game.log_reference) / (1 + s))
    point = solve_newton(game.replace(log_reference=mixed, tau=0.3 * (1 + s) / s)).log_policy
    found = run(game, NashProx(prox_step=s, inner=200), queries=200, start=start).log_policy
    np.testing.assert_allclose(found, point, atol=1e-13)


def test_unstable_one_call_map_beyond_its_threshold_on_rps():
    """eta > 2 tau/(tau^2 + 1/12) leaves the equilibrium of uniform RPS, eta below it returns [derived]."""
    tau = 0.1
    game, threshold = rock_paper_scissors(tau), 2 * tau / (tau**2 + 1 / 12)
    start = np.array([1 / 3 + 1e-6, 1 / 3, 1 / 3 - 1e-6])
    with pytest.warns(StepSizeWarning):
        for factor, grows in ((0.98, False), (1.02, True)):
            kl_ = run(game, OMD(step=factor * threshold), queries=400, start=start).metrics[
                "kl_to_equilibrium"
            ]
            assert (kl_[-1] > kl_[0]) == grows


@pytest.mark.parametrize("s_over_tau", [2.0, 2.0 * (0.2 + np.sqrt(1.04))])
def test_two_call_map_contracts_at_every_step_up_to_the_proved_range(s_over_tau):
    tau = 0.2
    for k in range(40):
        game = random_game(50 + k, actions=4, tau=tau)
        values = run(game, EGPO.with_eta(s_over_tau / (1 + s_over_tau * tau), tau), queries=40, record=1, seed=k,
                     start="random").metrics["kl_to_equilibrium"]  # fmt: skip
        alive = values[:-1] > 1e-20
        assert (values[1:][alive] <= values[:-1][alive] / (1 + s_over_tau * tau) * (1 + 1e-9)).all()
