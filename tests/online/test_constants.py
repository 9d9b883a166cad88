"""Constants of learners and estimates that no play would show: ties, widths, the first t, the tolerance of a round."""

import math

import numpy as np
import pytest

from nashsim import PreferenceGame
from nashsim.online.arena import make_arena, open_book
from nashsim.online.estimates import CountEstimate
from nashsim.online.learners import get_learner
from nashsim.online.learners.iterative import OnlineNashMD
from nashsim.online.learners.minimax import MinimaxSelf


def test_a_tie_is_no_win_of_copeland():
    probabilities = [[0.5, 0.5, 0.9], [0.5, 0.5, 0.4], [0.1, 0.6, 0.5]]
    arena = make_arena(PreferenceGame(probabilities, tau=1.0))
    np.testing.assert_array_equal(arena.loss[1, 0], [0.0, 0.5, 0.0])  # scores 1/2, 0, 1/2
    assert np.isnan(arena.loss[0]).all()  # nobody beats all


def test_the_width_of_a_count_is_two_sided():
    estimate = CountEstimate(2)
    estimate.add([0] * 100, [1] * 100, [True] * 50 + [False] * 50)
    due = (math.sqrt(100 * math.log(2 / 0.05) / 2) + 0.5) / 101
    assert estimate.width(0.95)[0, 1] == pytest.approx(due, rel=1e-14)


def test_online_nash_md_samples_the_mixture_of_nash_md_at_t():
    # eta_t tau = 2/(t + 2), so that pi has the weight t/(t + 2), from the reference alone on
    weights = get_learner("nash-md-online").own_weight(0.3, 0, 6)
    np.testing.assert_allclose(weights, [t / (t + 2) for t in range(6)], rtol=1e-14)
    np.testing.assert_allclose(get_learner("nash-md-online").own_weight(0.3, 4, 6), weights[4:], rtol=1e-14)


def test_online_nash_md_at_other_schedules_mixes_by_its_own_step():
    for schedule, shares in (("constant", np.full(5, 0.3 / 0.8)), ("root", 1 / np.sqrt(np.arange(5) + 4))):
        learner = OnlineNashMD(schedule=schedule, eta_inverse=0.8)
        np.testing.assert_allclose(learner.shares(0.3, 0, 5), shares, rtol=1e-14)
        np.testing.assert_allclose(learner.own_weight(0.3, 0, 5), 1 - shares, rtol=1e-14)


def test_the_residual_of_a_round_falls_with_the_root_of_t():
    game = PreferenceGame([[0.5, 0.85, 0.25], [0.15, 0.5, 0.9], [0.75, 0.1, 0.5]], [0.2, 0.3, 0.5], tau=0.3)
    learner, arena, book = MinimaxSelf(tolerance=1.0), make_arena(game), open_book(game, [0])
    state = learner.state(arena, 1)
    tightest, solved = 0.0, 0
    for t in range(400):
        before = state["wins"].sum()
        learner.advance(arena, book, state, t, t + 1, 0, 1)
        solved = t if state["wins"].sum() > before else solved  # an action that met itself teaches nothing
        residual = np.abs(state["theta"][0, 0] - state["skew"][0, 0] @ book.policy[0, 0]).max()
        bound = game.tau / math.sqrt(solved + 2)
        assert residual <= bound * (1 + 1e-9), t
        tightest = max(tightest, residual / bound)
    assert tightest > 0.9  # the bound is met, so that one without the root would be seen
