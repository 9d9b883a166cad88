"""The game validates once, at the door."""

import numpy as np
import pytest

from nashsim import NashsimError, PreferenceGame
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


def test_label_policy_is_a_series_or_a_frame():
    one = rock_paper_scissors()
    assert one.label_policy(one.log_reference).index.tolist() == ["rock", "paper", "scissors"]
    many = random_game(0, contexts=2)
    assert many.label_policy(many.log_reference).shape == (2, 5)


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
