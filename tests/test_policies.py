"""A policy is read alike wherever one is taken: arrays, labelled probabilities, results."""

import numpy as np
import pandas as pd
import pytest

from nashsim import NashsimError, PreferenceGame, certify, duality_gap, exploitability, lottery, run, solve
from nashsim.equilibrium import best_response_distance, solve_newton, unregularised_gap
from nashsim.online import Duels, play_learner
from nashsim.policies import read_log_policy
from tests.zoo import random_game

LABELS = ["a", "b", "c"]
GAME = PreferenceGame(
    [[0.5, 0.9, 0.2], [0.1, 0.5, 0.8], [0.8, 0.2, 0.5]], [0.6, 0.3, 0.1], tau=0.1, labels=LABELS
)
PI = np.array([0.2, 0.5, 0.3])
MEASURES = [duality_gap, exploitability, unregularised_gap, best_response_distance]


def forms(pi):
    series = pd.Series(pi, LABELS)
    return [
        pi,
        pi.tolist(),
        pi[None],
        np.log(pi),
        np.log(pi)[None],
        series,
        series[["c", "a", "b"]],
        series.to_frame().T.set_axis([0]),
        pd.concat({0: series}),
    ]


@pytest.mark.parametrize("measure", MEASURES)
def test_every_form_of_a_policy_has_the_same_measure(measure):
    expected = measure(GAME, np.log(PI)[None])
    for form in forms(PI):
        np.testing.assert_array_equal(measure(GAME, form), expected)


def test_every_form_starts_newton_answers_the_game_and_draws_duels():
    expected = GAME.log_best_response(np.log(PI)[None])
    drawn = Duels(GAME, seed=3).round(np.log(PI), size=50)
    start = run(GAME, "egpo", queries=4, start=PI)
    for form in forms(PI):
        np.testing.assert_array_equal(GAME.log_best_response(GAME.as_log_policy(form)), expected)
        assert solve_newton(GAME, start=form).residual <= 1e-13
        for array, other in zip(Duels(GAME, seed=3).round(form, size=50), drawn, strict=True):
            np.testing.assert_array_equal(array, other)
        if np.min(form) >= 0:  # a first policy and a reference are probabilities
            again = run(GAME, "egpo", queries=4, start=form)
            np.testing.assert_array_equal(again.log_policy, start.log_policy)
            np.testing.assert_array_equal(
                GAME.replace(reference=form).log_reference, GAME.replace(reference=PI).log_reference
            )


def test_results_are_policies_by_the_labels_of_their_game():
    order = [2, 0, 1]
    other = PreferenceGame(
        GAME.probabilities[0][np.ix_(order, order)],
        GAME.reference[0, order],
        tau=0.1,
        labels=[LABELS[k] for k in order],
    )
    for result in (solve(GAME), solve(GAME, "lottery"), run(GAME, "egpo", queries=10)):
        for game in (GAME, other):
            expected = duality_gap(game, result.policy)
            np.testing.assert_allclose(duality_gap(game, result), expected, rtol=1e-9, atol=1e-15)
        np.testing.assert_array_equal(
            GAME.replace(reference=result).log_reference,
            other.replace(reference=result).log_reference[:, [1, 2, 0]],
        )
    assert certify(other, solve(GAME)).residual <= 1e-13
    play = play_learner(GAME, "inpo-online", rounds=20, seeds=2)
    with pytest.raises(NashsimError, match="those of 2 seeds; give log_policy"):
        duality_gap(GAME, play)
    assert duality_gap(GAME, play_learner(GAME, "inpo-online", rounds=20, seeds=1)) > 0


def test_solve_and_lottery_give_one_type():
    for found in (solve(GAME), solve(GAME, "lottery"), lottery(GAME)):
        assert isinstance(found.policy, pd.Series) and found.policy.index.tolist() == LABELS
    stack = random_game(0, contexts=2, tau=0.1)
    for found in (solve(stack), lottery(stack)):
        assert isinstance(found.policy, pd.Series)
        np.testing.assert_allclose(duality_gap(stack, found.policy), duality_gap(stack, found), atol=1e-15)


def test_contexts_are_aligned_by_their_numbers():
    stack = random_game(0, contexts=11, tau=0.1)
    policy = solve(stack).policy
    expected = stack.as_log_policy(policy)
    shuffled = policy.sample(frac=1, random_state=0)
    np.testing.assert_array_equal(stack.as_log_policy(shuffled), expected)
    np.testing.assert_array_equal(stack.as_log_policy(policy.unstack().iloc[::-1]), expected)
    named = policy.rename(index=lambda k: k + 1 if isinstance(k, int) else k)
    with pytest.raises(NashsimError, match="policy's contexts: the labels 0, 1"):
        stack.as_log_policy(named)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (pd.Series(PI, ["a", "b", "d"]), "policy: the labels a, b, c are needed, found a, b, d"),
        (pd.Series(PI[:2] / PI[:2].sum(), ["a", "b"]), "policy: the labels a, b, c are needed, found a, b"),
        (pd.Series(PI, ["a", "b", "b"]), "policy: every label may stand once, found a, b, b"),
        (solve(GAME.replace(labels=["x", "y", "z"])), "policy: the labels a, b, c are needed, found x, y, z"),
        ([0.5, 0.5], r"policy: \(contexts, actions\) = \(1, 3\) is needed, found \(1, 2\)"),
        ([0.2, 0.5, 0.4], "policy must sum to 1, found a sum of 1.1"),
        ([0.6, 0.5, -0.1], r"exp\(policy\) must sum to 1"),
        ([0.0, 0.0, 0.0], r"exp\(policy\) must sum to 1, found a sum of 3"),
        ([0.5, 0.5, np.nan], "policy must sum to 1, found a sum of nan"),
    ],
)
def test_what_is_no_policy_of_the_game_is_refused(policy, message):
    for measure in MEASURES:
        with pytest.raises(NashsimError, match=message):
            measure(GAME, policy)


def test_one_action_has_one_policy_in_either_scale():
    for form in ([1.0], [0.0]):
        np.testing.assert_array_equal(read_log_policy(form, ["only"], 1), [[0.0]])
