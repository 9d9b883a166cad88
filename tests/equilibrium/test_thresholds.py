"""What is certified, and what counts as zero: formulas and thresholds at the places where they decide."""

import dataclasses
import importlib
import math
from itertools import permutations

import numpy as np
import pytest

from nashsim import EquilibriumDisagreement, PreferenceGame
from nashsim.equilibrium import check_agreement, exact, lottery, lottery_in_reach, solve_newton
from nashsim.equilibrium.newton import _accuracy
from nashsim.equilibrium.pivoting import Pivoted, only_policy, pivoted_vertex
from nashsim.preferences import LowRankPreference

EPS = np.finfo(float).eps
RPS = np.array([[0.0, 0.4, -0.3], [-0.4, 0.0, 0.5], [0.3, -0.5, 0.0]])
ZERO = 1e-11


def test_the_accuracy_of_newton_is_pinsker_and_rounding():
    game = PreferenceGame(np.full((2, 2), 0.5), tau=1.0)  # pi* = mu = (1/2, 1/2), where Pinsker is tight
    for e in (1e-3, 1e-6):
        policy = np.array([[0.5 + e, 0.5 - e]])
        divergence = float((policy * np.log(2 * policy)).sum()) if e > 1e-4 else 2 * e**2
        found = _accuracy(game, np.log(policy), np.array([divergence]))[0]
        assert 2 * e <= found <= 2 * e * 1.001 + 100 * EPS
    mu = np.array([0.9, 0.1 - 1e-200, 1e-200])
    far = PreferenceGame(np.full((3, 3), 0.5), mu, tau=1.0)
    found = _accuracy(far, far.log_reference, np.zeros(1))[0]
    due = 4 * EPS * (1 + 2 * (mu * -np.log(mu)).sum())
    assert found == pytest.approx(due, rel=1e-12, abs=0)


def test_two_answers_may_differ_by_the_sum_of_their_accuracies():
    found = solve_newton(PreferenceGame(RPS + 0.5, tau=0.5))
    one = dataclasses.replace(found, accuracy=np.array([3e-4]))

    def other(size):
        policy = np.exp(found.log_policy) + np.array([[size / 2, -size / 2, 0.0]])
        return dataclasses.replace(found, log_policy=np.log(policy), accuracy=np.array([1e-4]))

    assert check_agreement(one, other(3.99e-4)) == pytest.approx(3.99e-4, rel=1e-9)
    with pytest.raises(EquilibriumDisagreement, match="3e-04|0.0003"):
        check_agreement(one, other(4.01e-4))


def test_the_residual_of_a_lottery_is_the_largest_over_contexts(monkeypatch):
    module = importlib.import_module("nashsim.equilibrium.lottery")
    right = module.symmetric_equilibrium
    wrong = np.array([0.2, 0.3, 0.5])
    answers = iter([right(RPS), (wrong, True)])
    monkeypatch.setattr(module, "symmetric_equilibrium", lambda *_: next(answers))
    game = PreferenceGame(np.stack([RPS, RPS]) + 0.5, weights=[0.75, 0.25])
    found, gain = lottery(game), float((RPS @ wrong).max())
    assert gain > 0.01
    assert found.residual == pytest.approx(gain, rel=1e-12)
    assert found.duality_gap == pytest.approx(2 * 0.25 * gain, rel=1e-9)


def grown(row):
    """RPS with a fourth action that has this row against the three."""
    skew = np.zeros((4, 4))
    skew[:3, :3], skew[3, :3], skew[:3, 3] = RPS, row, -np.asarray(row)
    return skew


LOTTERY = np.array([5.0, 3.0, 4.0]) / 12


def only(skew, values, inside, scale=0.5):
    return only_policy(skew, scale, Pivoted(np.array(values, float), np.array(inside)), ZERO)


def test_the_only_policy_needs_mass_slack_and_a_nonsingular_block():
    np.testing.assert_allclose(only(RPS, LOTTERY, [True] * 3), LOTTERY, atol=1e-15)
    outside = [True, True, True, False]
    for slack in (1e-3, 1e-10):
        losing = grown(np.full(3, -slack))
        found = only(losing, [*LOTTERY, slack / 0.5], outside)
        np.testing.assert_allclose(found[:3], LOTTERY, atol=1e-12)
    # slack below what counts as zero, by what pivoting says or by the policy itself
    assert only(grown(np.full(3, -1e-3)), [*LOTTERY, 1e-12], outside) is None
    assert only(grown(np.full(3, -1e-12)), [*LOTTERY, 0.1], outside) is None
    # mass below it, by either
    thin = np.array([[0.0, 0.4, -0.4], [-0.4, 0.0, 1e-13], [0.4, -1e-13, 0.0]])  # (1e-13, .4, .4)/.8
    assert only(thin, [0.2, 0.4, 0.4], [True] * 3) is None
    assert only(RPS, [1e-12, 0.5, 0.5], [True] * 3) is None
    # indifference: the block is singular, exactly and to rounding
    assert only(np.zeros((2, 2)), [0.5, 0.5], [True] * 2) is None
    tiny = 1e-13 * RPS
    assert only(tiny, LOTTERY, [True] * 3) is None
    assert only(1e-6 * RPS, LOTTERY, [True] * 3) is not None


def test_pivoting_finds_the_vertex_whichever_action_stands_where():
    game = grown([-0.1, 0.2, -0.2])
    for order in permutations(range(4)):
        mixed = game[np.ix_(order, order)]
        point = pivoted_vertex(mixed, float(mixed.max()))
        assert point is not None and (mixed @ np.where(point.inside, point.values, 0.0)).max() < 1e-12


def test_five_thousand_actions_are_the_most_without_a_matrix():
    for actions, reached in ((5000, True), (5001, False)):
        game = PreferenceGame(LowRankPreference(np.full((actions, 1), 0.1), np.full((actions, 1), 0.2)))
        assert lottery_in_reach(game) is reached


def test_zero_is_one_part_in_1e11_where_floats_decide_alone(monkeypatch):
    monkeypatch.setattr(exact, "MOST_ACTIONS", {True: 0, False: 0})
    assert lottery(PreferenceGame(0.5 + grown(np.full(3, -1e-9)))).unique == (True,)
    twin = grown(RPS[0])
    assert lottery(PreferenceGame(0.5 + twin)).unique == (False,)
    assert math.isclose(lottery(PreferenceGame(0.5 + twin)).probabilities[0, 3], LOTTERY[0] / 2, rel_tol=1e-9)
