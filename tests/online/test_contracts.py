"""Contracts by brute force and by simulated annotators; fatigue by expectation."""

import numpy as np
import pytest
from scipy.stats import binom

from nashsim import NashsimError, PreferenceGame
from nashsim.online import Consistency, Duels, Linear, Threshold, golden_questions

NUMBERS = {"labels": 200, "questions": 20, "cost": 0.4}


@pytest.mark.parametrize(("bonus", "expected"), [(20.0, 0.25), (60.0, 0.75), (500.0, 1.0), (0.0, 0.0)])
def test_linear_effort_is_the_closed_form(bonus, expected):
    found = Linear(bonus).best_effort(**NUMBERS)
    assert found.attention == pytest.approx(expected, abs=1e-6) and found.pay == pytest.approx(
        bonus * expected, abs=1e-4
    )


@pytest.mark.parametrize("bonus", [5.0, 25.0, 40.0, 90.0])
@pytest.mark.parametrize("share", [0.6, 0.9, 1.0])
def test_threshold_effort_beats_every_other(bonus, share):
    found = Threshold(bonus, share).best_effort(**NUMBERS)
    needed = int(np.ceil(share * 20 - 1e-9))

    def profit(theta):
        won = sum(binom.pmf(k, 20, (1 + theta) / 2) for k in range(needed, 21))
        return bonus * won - 200 * 0.4 * theta**2 / 2

    assert found.profit == pytest.approx(profit(found.attention), abs=1e-9)
    assert found.profit >= max(profit(theta) for theta in np.linspace(0, 1, 201)) - 1e-9


def test_consistency_is_all_or_nothing():
    """bonus clarity >= labels cost/2 = 40 or not."""
    assert Consistency(41.0).best_effort(**NUMBERS).attention == 1
    assert Consistency(39.0).best_effort(**NUMBERS).attention == 0
    assert Consistency(41.0, clarity=0.5).best_effort(**NUMBERS).attention == 0


def test_the_pay_of_consistency_is_that_of_simulated_annotators():
    """40,000 pairs asked twice, the second time in swapped order: agreement within 4 standard errors, 4 x .0025."""
    game, theta, n = PreferenceGame([[0.5, 0.8], [0.2, 0.5]]), 0.7, 40_000
    duels = Duels(game, seed=3, attention=theta)
    once, again = duels.duel(np.zeros(n, int), 1), ~duels.duel(np.ones(n, int), 0)
    pay = Consistency(1.0, clarity=0.6**2).pay(np.array([theta]), n)[0]
    assert 2 * (once == again).mean() - 1 == pytest.approx(pay, abs=8 * 0.0025)
    lazy = Duels(game, seed=3, position_bias=0.999999)
    assert (lazy.duel(np.zeros(500, int), 1) == ~lazy.duel(np.ones(500, int), 0)).mean() < 0.01


def test_golden_questions_find_the_effort_that_a_contract_buys():
    """Sure questions, n = 4000: the standard error of theta is at most 2 sqrt(1/4/4000) = .016."""
    theta = Threshold(40.0, 0.8).best_effort(**NUMBERS).attention
    duels = Duels(PreferenceGame([[0.5, 1.0], [0.0, 0.5]]), seed=5, attention=theta)
    found = golden_questions(duels.duel(np.zeros(4000, int), 1), np.ones(4000))
    assert abs(found.estimate - theta) < 4 * 0.016


def test_fatigue_fades_to_coins_and_rests():
    """Means of 4000 sessions: within 4 standard errors, 4 x .5/sqrt(4000)."""
    game = PreferenceGame([[0.5, 1.0], [0.0, 0.5]])
    duels = Duels(game, seed=1, attention=0.9, fatigue=0.3, session=8)
    won = np.concatenate([duels.duel(np.zeros(5, int), 1) for _ in range(6400)]).reshape(4000, 8).mean(axis=0)
    assert np.abs(won - (0.5 + 0.45 * np.exp(-0.3 * np.arange(8)))).max() < 4 * 0.5 / np.sqrt(4000)
    tired = Duels(game, seed=1, attention=0.9, fatigue=0.3)
    batch = tired.round([1.0, 0.0], [0.0, 1.0], size=4000)
    assert batch.won[100:].mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(3900))
    rested = Duels(game, seed=1, fatigue=0.0, session=8).duel(np.zeros(9, int), 1)
    assert np.array_equal(rested, Duels(game, seed=1).duel(np.zeros(9, int), 1))


@pytest.mark.parametrize(
    "wrong",
    [lambda: Linear(-1.0), lambda: Threshold(1.0, 0.0), lambda: Consistency(1.0, 2.0), lambda: Linear("x"),
     lambda: Linear(1.0).best_effort(labels=10, questions=11, cost=1.0),
     lambda: Linear(1.0).best_effort(labels=10, questions=1, cost=0.0)],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(NashsimError, match="is needed"):
        wrong()


@pytest.mark.parametrize("how", [{"fatigue": -1}, {"session": 0}, {"fatigue": 0.1, "times": True}])
def test_fatigue_out_of_range_is_refused(how):
    with pytest.raises(NashsimError, match="is needed"):
        Duels(PreferenceGame([[0.5, 0.7], [0.3, 0.5]]), **how)
