"""One tuple of all rules drives every invariant of the engine."""

import numpy as np
import pandas as pd
import pytest

from nashsim import NashsimError, PreferenceGame, StepSizeWarning, games
from nashsim.engine import record_steps, run, run_many
from nashsim.equilibrium import duality_gap, solve_newton
from nashsim.logspace import kl, log_normalise
from nashsim.rules import (
    COMAL,
    EGPO,
    INPO,
    MMD,
    OMD,
    ONPO,
    RULES,
    SPO,
    NashMD,
    NashMP,
)
from tests.zoo import damped_iteration, random_game, rock_paper_scissors

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
GAMES = [
    random_game(seed, actions=n, tau=tau)
    for seed, (n, tau) in enumerate([(2, 1.0), (3, 0.2), (10, 0.1), (37, 0.3)])
]


@every_rule
@pytest.mark.parametrize("contexts", [1, 3])
def test_compiled_equals_numpy(rule, contexts):
    game = random_game(5, actions=6, tau=0.2, contexts=contexts)
    compiled, readable = (
        run(game, rule(), queries=300, start="random", path=p) for p in ("compiled", "numpy")
    )
    np.testing.assert_allclose(compiled.log_policy, readable.log_policy, atol=1e-12, rtol=0)
    np.testing.assert_allclose(compiled.average_policy, readable.average_policy, atol=1e-12, rtol=0)
    for name in compiled.metrics:
        np.testing.assert_allclose(
            compiled.metrics[name], readable.metrics[name], atol=1e-12, rtol=0, err_msg=name
        )


@every_rule
def test_policies_stay_on_the_simplex(rule):
    for found in run_many(GAMES, rule(), queries=400, start="random", keep_policies=True):
        policies = np.exp(found.log_policies)
        np.testing.assert_allclose(policies.sum(axis=-1), 1, atol=1e-14)
        np.testing.assert_allclose(found.average_policy.sum(axis=-1), 1, atol=1e-13)
        assert policies.shape == (len(found.step), 1, found.game.actions)


@pytest.mark.filterwarnings("ignore::nashsim.StepSizeWarning")
@pytest.mark.parametrize("rule", [cls for cls in RULES if cls.fixed_point], ids=lambda rule: rule.name)
def test_equilibrium_is_a_fixed_point_of_every_constant_step(rule):
    for game in GAMES:
        exact = np.exp(solve_newton(game).log_policy)
        for eta in (0.05, 0.5 / game.tau):
            moved = run(game, rule.with_eta(eta, game.tau), queries=rule().queries_per_step, start=exact)
            # a step multiplies the rounding of the payoff, 1e-16, by eta
            np.testing.assert_allclose(np.exp(moved.log_policy), exact, atol=1e-15 * (2 + eta))


@every_rule
def test_relabelling_the_actions_relabels_the_run(rule):
    game = random_game(8, actions=5, tau=0.2)
    order = np.random.default_rng(0).permutation(5)
    renamed = PreferenceGame(game.probabilities[0][np.ix_(order, order)], game.reference[0][order], tau=0.2)
    one, other = (run(g, rule(), queries=100).log_policy[0] for g in (game, renamed))
    np.testing.assert_allclose(one[order], other, atol=1e-12)


@every_rule
def test_a_shift_of_the_logits_changes_nothing(rule):
    game = random_game(8, actions=5, tau=0.2)
    logits = np.random.default_rng(1).normal(size=(1, 5))
    one, other = (
        run(game, rule(), queries=50, start=np.exp(log_normalise(logits + c))) for c in (0.0, 300.0)
    )
    np.testing.assert_allclose(one.log_policy, other.log_policy, atol=1e-12)  # 300 costs 1e-14 a logit


def test_the_maps_are_the_same_under_their_names():
    """M1: OMD = INPO(1/eta) = MMD(eta/(1 - eta tau)); M2: EGPO = Nash-MP(eta tau/(1 - eta tau))."""
    game, eta = random_game(4, actions=7, tau=0.3), 0.6
    policies = {
        rule.name: run(game, rule.with_eta(eta, 0.3), queries=40, start="random").log_policy for rule in RULES
    }
    for same in ("inpo", "mmd"):
        np.testing.assert_allclose(policies["omd"], policies[same], atol=1e-14)
    np.testing.assert_allclose(policies["egpo"], policies["nash-mp"], atol=1e-14)
    assert np.abs(policies["omd"] - policies["egpo"]).max() > 1e-3
    assert np.abs(policies["omd"] - policies["nash-md"]).max() > 1e-3


def test_games_without_tau_play_rules_that_need_none():
    game = games.get("comal")
    found = run(game, ONPO(), queries=4000)
    assert set(found.metrics) == {
        "unregularised_gap",
        "average_unregularised_gap",
        "kl_to_lottery",
        "kl_to_reference",
    }
    assert found.metrics["kl_to_lottery"][-1] < 0.1 and found.log_equilibrium is None
    with pytest.raises(NashsimError, match="tau: this needs a regularised game"):
        run(game, COMAL(), queries=10)


def test_several_lotteries_leave_the_distance_open():
    found = run(PreferenceGame(np.full((3, 3), 0.5)), SPO(), queries=10)
    assert np.isnan(found.metrics["kl_to_lottery"]).all() and (found.metrics["unregularised_gap"] == 0).all()


def test_average_iterate_is_the_mean_of_the_played_policies():
    game = rock_paper_scissors(reference=[0.6, 0.3, 0.1])
    one = run(game, OMD(), queries=4, record=1, keep_policies=True)
    np.testing.assert_allclose(one.average_policy, np.exp(one.log_policies[:4]).mean(axis=0), atol=1e-15)
    # the two-call rules play the half step: with one iteration the average is half_0
    two = run(game, EGPO(step=0.5), queries=2)
    np.testing.assert_allclose(
        two.average_policy, np.exp(run(game, OMD(step=0.5), queries=1).log_policy), atol=1e-15
    )


def test_metrics_against_their_definitions():
    game = random_game(9, actions=4, tau=0.25, contexts=2)
    found = run(game, OMD(), queries=3)
    pi, mu = np.exp(found.log_policy), game.reference
    star = np.exp(damped_iteration(game))
    P, tau, weights = game.probabilities, game.tau, game.weights

    def value(x, a, b):
        return a @ P[x] @ b - tau * (a @ np.log(a / mu[x])) + tau * (b @ np.log(b / mu[x]))

    best = [mu[x] * np.exp(P[x] @ pi[x] / tau) for x in range(2)]
    best = [b / b.sum() for b in best]
    exploitability = [value(x, best[x], pi[x]) - 0.5 for x in range(2)]
    expected = {
        "exploitability": weights @ exploitability,
        "duality_gap": 2 * (weights @ exploitability),
        "unregularised_gap": weights @ [2 * (P[x] @ pi[x]).max() - 1 for x in range(2)],
        "kl_to_equilibrium": weights @ [star[x] @ np.log(star[x] / pi[x]) for x in range(2)],
        "kl_to_reference": weights @ [pi[x] @ np.log(pi[x] / mu[x]) for x in range(2)],
        "span": max(np.ptp(np.log(pi[x] / star[x])) for x in range(2)),
    }
    for name, number in expected.items():
        np.testing.assert_allclose(found.metrics[name][-1], number, rtol=1e-9, err_msg=name)
    average = np.log(found.average_policy)
    np.testing.assert_allclose(found.metrics["average_duality_gap"][-1], weights @ duality_gap(game, average))


@every_rule
def test_queries_are_counted(rule):
    calls = 0

    class Counting:
        """A preference that counts how often a payoff vector is asked for."""

        contexts, actions = 1, 3

        def margin(self, policy):
            nonlocal calls
            calls += 1
            return np.zeros(policy.shape)

        def dense(self):
            return np.zeros((1, 3, 3))

    found = run(PreferenceGame(Counting(), tau=1.0), rule(), queries=11, path="numpy", metrics=[])
    assert found.queries[-1] == calls == (11 // rule().queries_per_step) * rule().queries_per_step


def test_many_games_rules_and_seeds_equal_single_runs_for_any_number_of_threads():
    several = [random_game(k, actions=3 + k % 2, tau=0.2, contexts=1 + k % 3) for k in range(9)]
    options = {"queries": 60, "start": "random", "metrics": ["kl_to_equilibrium", "span"]}
    one = run_many(several, ["omd", "egpo"], seeds=[3, 4], **options)
    two = run_many(several, ["omd", "egpo"], seeds=[3, 4], jobs=3, **options)
    assert [(r.rule.name, r.game, r.seed) for r in one] == [
        (name, game, seed) for name in ("omd", "egpo") for game in several for seed in (3, 4)
    ]
    for a, b in zip(one, two, strict=True):
        alone = run(a.game, a.rule, seed=a.seed, **options)
        for other in (b, alone):
            assert np.array_equal(a.log_policy, other.log_policy)
            assert all(np.array_equal(a.metrics[name], other.metrics[name]) for name in a.metrics)


def test_frame_is_tidy():
    found = run(rock_paper_scissors(), EGPO(), queries=20, seed=3, metrics=["span", "duality_gap"], record=5)
    frame = found.frame()
    assert list(frame.columns) == ["game", "rule", "seed", "step", "queries", "metric", "value"]
    assert frame.step.tolist() == [0, 5, 10] * 2 and frame.queries.tolist() == [0, 10, 20] * 2
    assert set(frame.metric) == {"span", "duality_gap"} and set(frame.seed) == {3}
    assert isinstance(found.policy, pd.Series) and "EGPO" in repr(found)
    assert run(rock_paper_scissors(), EGPO(), queries=20, metrics=[]).frame().empty


def test_zero_mass_references_play_on_their_support():
    game = rock_paper_scissors(tau=0.3, reference=[0.7, 0.3, 0.0])
    smaller = PreferenceGame(game.probabilities[0][:2, :2], [0.7, 0.3], tau=0.3)
    for path in ("compiled", "numpy"):
        for rule in (EGPO(), NashMD()):
            full, part = (run(g, rule, queries=200, path=path) for g in (game, smaller))
            assert full.log_policy[0, 2] == -np.inf
            np.testing.assert_allclose(full.log_policy[0, :2], part.log_policy[0], atol=1e-13)
            for name in ("span", "average_duality_gap", "kl_to_equilibrium"):
                np.testing.assert_allclose(full.metrics[name], part.metrics[name], atol=1e-12)


@pytest.mark.parametrize(
    "matrix", [[[0.5]], np.full((4, 4), 0.5), [[0.5, 1.0], [0.0, 0.5]], np.full((1000, 1000), 0.5)]
)
def test_degenerate_games(matrix):
    # On two actions, one sure to win, log-odds grow by v a step and the average's gap is below
    # (1/2 + log(2)/v)/T: the slowest is MNPO, which starts from the mean of two iterates, v = 0.1/3.
    # Each of the two refreshes of COMAL and MPO adds 1/(2 tau) = 1 to the log-odds.
    limits = {
        "duality_gap": 1e-4,
        "average_unregularised_gap": (0.5 + np.log(2) / (0.1 / 3)) / 200,
        "unregularised_gap": 1 / (1 + np.exp(2)) + 1e-9,
    }
    for rule in RULES:
        found = run(PreferenceGame(matrix, tau=0.5), rule(), queries=200, record=100, metrics=[rule.target])
        assert found.metrics[rule.target][-1] < limits[rule.target]
        assert np.isfinite(found.log_policy).all()


def test_duplicate_actions_share_the_mass_of_one():
    skew = np.array([[0, 0.3, 0.3], [-0.3, 0, 0], [-0.3, 0, 0]])
    found = run(PreferenceGame(skew + 0.5, tau=0.2), EGPO(), queries=200)
    single = run(PreferenceGame(skew[:2, :2] + 0.5, [1 / 3, 2 / 3], tau=0.2), EGPO(), queries=200)
    np.testing.assert_allclose(
        np.exp(found.log_policy[0, 1:]), np.exp(single.log_policy[0, 1]) / 2, atol=1e-14
    )


def test_status_says_how_it_went():
    game = rock_paper_scissors(tau=0.05, reference=[0.6, 0.3, 0.1])
    assert run(game, EGPO(), queries=2000).status.startswith("converged: duality gap")
    assert run(game, NashMD(), queries=500).status.startswith("still converging")
    with pytest.warns(StepSizeWarning, match=r"omd: eta = 4 is outside the condition eta <= 4 tau"):
        cycling = run(game, OMD(step=4.0), queries=2000)
    assert cycling.status.startswith("not converging") and "eta <= 4 tau" in cycling.status
    assert run(game, EGPO(), queries=2, metrics=[]).status == "done: 2 queries"
    with pytest.warns(StepSizeWarning), np.errstate(all="ignore"):
        assert run(game, OMD(step=1e300), queries=50, metrics=[]).status.startswith("overflowed")


@pytest.mark.parametrize("steps", [1, 7, 1000])
def test_record_steps(steps):
    grid = record_steps(steps)
    assert grid[0] == 0 and grid[-1] == steps and (np.diff(grid) > 0).all()
    assert record_steps(steps, 3)[1] == min(3, steps)
    assert record_steps(steps, [1, 99_999]).tolist() == sorted({0, 1, steps})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "nash-mdd"}, "unknown rule 'nash-mdd'; did you mean 'nash-md'"),
        ({"metrics": ["gap"]}, "unknown metric 'gap'"),
        ({"path": "cuda"}, "unknown path 'cuda'"),
        ({"queries": 1, "rule": "egpo"}, "one iteration of 'egpo' asks 2, found a budget of 1"),
        ({"start": "nowhere"}, "start: 'reference', 'uniform', 'random' or probabilities"),
        ({"start": [1.0, 0.0, 0.0]}, "mass exactly where the reference has"),
        ({"record": "linear"}, "record: 'log', an interval"),
        ({"record": 0}, "record: the interval must be at least 1"),
        ({"jobs": 0}, "jobs: at least one thread"),
    ],
)
def test_bad_input(options, message):
    options = {"rule": "omd", "queries": 10, **options}
    with pytest.raises(NashsimError, match=message):
        run(rock_paper_scissors(), options.pop("rule"), **options)


def test_a_game_without_tau_is_refused():
    with pytest.raises(NashsimError, match="tau: this needs a regularised game"):
        run(PreferenceGame([[0.5, 0.6], [0.4, 0.5]]), "omd")


def test_progress_is_told():
    told = []
    run(rock_paper_scissors(), EGPO(), queries=100, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (50, 50) and all(a < b for a, b in zip(told, told[1:], strict=False))


def test_uniform_start():
    game = rock_paper_scissors(reference=[0.6, 0.3, 0.1])
    found = run(game, INPO(), queries=1, start="uniform", keep_policies=True)
    np.testing.assert_allclose(np.exp(found.log_policies[0]), 1 / 3)
    assert MMD() != NashMP() and kl(found.log_equilibrium, found.log_policy)[0] > 0
