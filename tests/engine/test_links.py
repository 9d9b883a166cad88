"""Rules under other regularisers: executors agree, steps are typed once by hand, and rates hold in D_R."""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize

from nashsim import NashsimError, StepSizeWarning, run, run_many, solve
from nashsim.engine import Feedback
from nashsim.regularisers import get_regulariser
from nashsim.regularisers.kl import KL
from nashsim.rules import EGPO, MMD, OMD, RULES, NashMP, OptimisticOMD

from ..zoo import random_game

WORDS = ("chi2", "mixed", "forward-kl", "tsallis:1.5", "tsallis:0.5")
MIRROR = [rule for rule in RULES if type(rule().steps(1.0, 0)[0]).__name__ == "MirrorStep"]
OTHERS = [rule for rule in RULES if rule not in MIRROR]


class TypedKL(KL):
    """KL by the path of every other regulariser."""


@pytest.mark.parametrize("rule", MIRROR, ids=lambda rule: rule.name)
def test_kl_by_the_general_path_is_kl(rule):
    game = random_game(3, actions=5, tau=0.3, contexts=2)
    options = {"queries": 60, "start": "random", "seed": 2, "record": 20}
    for path in ("compiled", "numpy"):
        one = run(game.replace(regulariser=TypedKL()), rule(), path=path, **options)
        other = run(game, rule(), path="portable", **options)
        assert np.abs(np.exp(one.log_policy) - np.exp(other.log_policy)).max() < 1e-12
        assert np.abs(one.average_policy - other.average_policy).max() < 1e-12
        for name in set(other.metrics) & set(one.metrics):
            assert np.allclose(one.metrics[name], other.metrics[name], rtol=1e-7, atol=1e-11, equal_nan=True)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("rule", MIRROR, ids=lambda rule: rule.name)
def test_executors_agree(rule, word):
    game = random_game(4, actions=4, tau=0.4).replace(regulariser=word)
    options = {"queries": 40, "start": "random", "seed": 1, "record": 40, "metrics": []}
    one, other = (run(game, rule(), path=path, **options) for path in ("compiled", "numpy"))
    assert np.abs(np.exp(one.log_policy) - np.exp(other.log_policy)).max() < 1e-12
    assert np.abs(one.average_policy - other.average_policy).max() < 1e-12


@pytest.mark.parametrize("word", WORDS)
def test_one_step_is_the_proximal_step_of_its_definition(word):
    """M1 maximises eta <P pi, .> - eta tau R - (1 - eta tau) D_R(., pi), found by SLSQP from the definition alone."""
    game, eta = random_game(6, actions=3, tau=0.4).replace(regulariser=word), 0.7
    found = np.exp(run(game, OMD(step=eta), queries=1, start=[0.5, 0.3, 0.2]).log_policy[0])
    r, mu, start = get_regulariser(word), game.reference[0], np.array([0.5, 0.3, 0.2])
    payoff = game.probabilities[0] @ start

    def loss(p):
        bregman = r.generator(p / mu) - r.generator(start / mu) - r.link(start / mu) * (p - start) / mu
        return -(eta * payoff @ p - eta * 0.4 * mu @ r.generator(p / mu) - (1 - eta * 0.4) * mu @ bregman)

    best = minimize(
        loss, start, bounds=[(1e-9, 1)] * 3, constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
        method="SLSQP", options={"ftol": 1e-15},
    )  # fmt: skip
    assert loss(found) <= best.fun + 1e-9
    assert np.abs(found - best.x).max() < 1e-4  # the square root of what the solver's objective resolves


def test_chi2_step_is_the_weighted_projection():
    """into = argmin sum (x - z)^2/mu over the simplex with z the arithmetic mixture plus eta mu P: by bisection."""
    game = random_game(7, actions=6, tau=0.02).replace(regulariser="chi2")
    eta, start = 40.0, np.array([0.4, 0.1, 0.1, 0.2, 0.15, 0.05])
    mu, p = game.reference[0], game.probabilities[0]
    raw = (1 - eta * 0.02) * start + eta * 0.02 * mu + eta * mu * (p @ start)
    shift = brentq(lambda s: np.maximum(raw - s * mu, 0).sum() - 1, -50, 50, xtol=1e-15)
    expected = np.maximum(raw - shift * mu, 0)
    with pytest.warns(StepSizeWarning):
        found = np.exp(run(game, OMD(step=eta), queries=1, start=start).log_policy[0])
    assert (expected == 0).any()
    assert np.abs(found - expected).max() < 1e-12


@pytest.mark.parametrize("word", WORDS)
def test_two_call_rules_reach_the_exact_equilibrium(word):
    games = [random_game(s, actions=4, tau=0.3).replace(regulariser=word) for s in range(2)]
    for found in run_many(games, [NashMP(), EGPO(), MMD(), OptimisticOMD()], queries=3000):
        assert found.status.startswith("converged"), (found.rule, found.status)
        assert np.abs(np.exp(found.log_policy) - solve(found.game).probabilities).max() < 1e-11


@pytest.mark.parametrize("word", ["mixed", "tsallis:1.2", "chi2"])
@pytest.mark.parametrize("rule", [OMD(), NashMP()], ids=lambda rule: rule.name)
def test_linear_rates_hold_in_the_bregman_divergence(rule, word):
    """D_R(pi*, pi_t) <= (1 - eta tau)^t D_0: Pinsker's inequality is all that the proof asks of R [derived]."""
    for seed in range(2):
        game = random_game(seed, actions=5, tau=0.2).replace(regulariser=word)
        found = run(game, rule, queries=80 * rule.queries_per_step, start="random", record=1)
        divergence = found.metrics["divergence_to_equilibrium"]
        bound = divergence[0] * (1 - rule.eta(0.2) * 0.2) ** found.step
        assert (divergence <= bound * (1 + 1e-9) + 1e-24).all()


def test_noise_is_drawn_alike_and_games_side_by_side_change_nothing():
    games = [
        random_game(s, actions=4, tau=0.3).replace(regulariser=w)
        for s, w in enumerate(("chi2", "chi2", "mixed"))
    ]
    for feedback in (Feedback("duels", 3), Feedback("pairs", 50)):
        together = run_many(games, "omd", queries=50, feedback=feedback, seeds=[3])
        for game, found in zip(games, together, strict=True):
            alone = run(game, "omd", queries=50, feedback=feedback, seed=3)
            plain = run(game, "omd", queries=50, feedback=feedback, seed=3, path="numpy")
            assert np.array_equal(alone.log_policy, found.log_policy)
            assert np.abs(np.exp(alone.log_policy) - np.exp(plain.log_policy)).max() < 1e-10


def test_a_killed_run_goes_on_to_the_same_bits(tmp_path):
    game = random_game(0, actions=4, tau=0.2).replace(regulariser="chi2")
    whole = run(game, "egpo", queries=2000)
    run(game, "egpo", queries=2000, checkpoint=tmp_path, interval=0)
    again = run(game, "egpo", queries=2000, checkpoint=tmp_path)
    assert np.array_equal(whole.log_policy, again.log_policy)
    with pytest.raises(NashsimError, match="other settings"):
        run(game.replace(regulariser="mixed"), "egpo", queries=2000, checkpoint=tmp_path)


@pytest.mark.parametrize("rule", OTHERS, ids=lambda rule: rule.name)
def test_rules_that_do_not_carry_over_are_refused_in_one_line(rule):
    game = random_game(0, actions=3, tau=0.5).replace(regulariser="chi2")
    for path in ("compiled", "numpy"):
        with pytest.raises(NashsimError, match="KL alone") as refused:
            run(game, rule(), queries=10, path=path)
        assert "\n" not in str(refused.value) and rule.name in str(refused.value)
