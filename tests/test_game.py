"""The game validates once, at the door."""

import numpy as np
import pandas as pd
import pytest

from nashsim import NashsimError, PreferenceGame
from nashsim.preferences import as_preference
from tests.zoo import random_game, rock_paper_scissors

P = [[0.5, 0.9], [0.1, 0.5]]


def test_defaults():
    game = PreferenceGame(P)
    assert (game.labels, game.tau, game.contexts, game.actions) == (("0", "1"), None, 1, 2)
    np.testing.assert_allclose(game.reference, [[0.5, 0.5]])
    np.testing.assert_allclose(game.probabilities[0], P)
    assert repr(game) == "PreferenceGame('game', actions=2, tau=None)"
    assert "contexts=3" in repr(random_game(0, contexts=3))


def test_one_reference_serves_all_contexts_and_weights_are_probabilities():
    game = PreferenceGame([P, P, P], [0.2, 0.8], weights=[0.5, 0.25, 0.25])
    np.testing.assert_allclose(game.reference, [[0.2, 0.8]] * 3)
    np.testing.assert_allclose(game.weights, [0.5, 0.25, 0.25])


def test_zero_mass_leaves_the_support():
    game = rock_paper_scissors(reference=[0.5, 0.5, 0.0])
    assert game.support.tolist() == [[True, True, False]]
    assert np.exp(game.log_best_response(game.log_reference))[0, 2] == 0


def test_best_response_is_mu_times_the_exponential_of_the_payoff():
    game = random_game(1, actions=4, tau=0.3)
    pi, mu = game.reference[0], game.reference[0]
    weights = mu * np.exp(game.probabilities[0] @ pi / 0.3)
    np.testing.assert_allclose(
        np.exp(game.log_best_response(game.log_reference))[0], weights / weights.sum(), atol=1e-15
    )


def test_replace_keeps_the_rest_and_tiny_masses():
    log_mu = np.array([-800.0, np.log1p(-np.exp(-800.0))])
    game = PreferenceGame(P, log_reference=log_mu, labels=["a", "b"], name="tiny")
    again = game.replace(tau=0.2)
    assert again.log_reference[0, 0] == -800.0 and again.labels == ("a", "b") and again.name == "tiny"
    np.testing.assert_allclose(game.replace(reference=None).reference, [[0.5, 0.5]])


def test_a_copy_has_the_same_bits():
    for seed in range(50):
        game = random_game(seed, actions=7)
        again = PreferenceGame(game.preference, log_reference=game.log_reference)
        assert np.array_equal(again.log_reference, game.log_reference)


def test_label_policy_is_a_series_by_action_or_by_context_and_action():
    one = rock_paper_scissors()
    assert one.label_policy(one.log_reference).index.tolist() == ["rock", "paper", "scissors"]
    many = random_game(0, contexts=2)
    labelled = many.label_policy(many.log_reference)
    assert labelled.index.tolist() == [(context, label) for context in range(2) for label in many.labels]
    np.testing.assert_array_equal(labelled.unstack().to_numpy(), np.exp(many.log_reference))


def test_a_frame_brings_its_labels_and_its_columns_are_aligned_by_them():
    rows = pd.DataFrame(np.array(P), index=["x", "y"], columns=["x", "y"])
    game = PreferenceGame(rows[["y", "x"]])
    assert game.labels == ("x", "y")
    plain = PreferenceGame(P).probabilities[0]
    np.testing.assert_array_equal(game.probabilities[0], plain)
    for storage in ("dense", "packed"):
        np.testing.assert_array_equal(as_preference(rows[["y", "x"]], storage).dense()[0] + 0.5, plain)
    assert PreferenceGame(rows, labels=["x", "y"]).labels == ("x", "y")


def test_a_frame_whose_rows_and_columns_differ_is_refused():
    rows = pd.DataFrame(np.array(P), index=["x", "y"], columns=["x", "z"])
    with pytest.raises(NashsimError, match="columns: the labels x, y are needed, found x, z"):
        PreferenceGame(rows)
    with pytest.raises(NashsimError, match="columns: every label may stand once, found x, x"):
        PreferenceGame(rows.set_axis(["x", "x"], axis=1))
    with pytest.raises(NashsimError, match="labels: y, x are given for a DataFrame of x, y"):
        PreferenceGame(rows.set_axis(["x", "y"], axis=1), labels=["y", "x"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reference": [0.5, 0.6]}, r"reference: probabilities must sum to 1, found a sum of 1.1"),
        ({"reference": [1.5, -0.5]}, r"reference: every entry must be a probability >= 0, found -0.5"),
        ({"reference": [0.5, np.nan]}, r"reference: every entry must be a probability >= 0, found nan"),
        ({"reference": [0.2, 0.3, 0.5]}, r"reference: 2 probabilities are needed, one an action, found 3"),
        ({"reference": [0.5, 0.5], "log_reference": [0, 0]}, "not both"),
        ({"log_reference": [0.1, np.nan]}, "log-probability <= 0"),
        ({"weights": [0.5, 0.5]}, r"weights: 1 probabilities are needed, one a context, found 2"),
        ({"tau": 0}, r"tau: the regularisation must be a finite number > 0, found 0"),
        ({"tau": -1}, "tau: the regularisation"),
        ({"tau": float("nan")}, "tau: the regularisation"),
        ({"tau": "small"}, "tau: a number > 0 is needed, found 'small'"),
        ({"labels": ["a"]}, r"labels: 2 labels are needed, one an action, found 1"),
        ({"labels": ["a", "a"]}, r"labels: every action needs its own label, found 'a' more than once"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(NashsimError, match=message):
        PreferenceGame(P, **arguments)


def test_what_needs_tau_says_so():
    game = PreferenceGame(P)
    with pytest.raises(NashsimError, match=r"tau: this needs a regularised game"):
        game.log_best_response(game.log_reference)
