"""Labels by chance: the game they make, its equilibrium, and what golden questions tell."""

import numpy as np
import pytest
from scipy.stats import binomtest

from nashsim import NashsimError, PreferenceGame, solve
from nashsim.online import Duels, golden_questions, observed

from ..zoo import random_game


@pytest.mark.parametrize("word", ["kl", "chi2"])
def test_the_nash_policy_of_noisy_labels_is_that_of_p_at_a_larger_tau(word):
    game = random_game(0, actions=5, tau=0.1).replace(regulariser=word)
    noisy = observed(game, attention=0.4, noise=0.1)
    factor = 0.4 * 0.8
    same = solve(game.replace(tau=0.1 / factor)).probabilities
    assert np.abs(solve(noisy).probabilities - same).max() < 1e-13
    assert (
        np.abs(solve(noisy.replace(tau=0.1 * factor)).probabilities - solve(game).probabilities).max() < 1e-13
    )
    assert np.abs(solve(noisy).probabilities - solve(game).probabilities).max() > 0.01


def test_duels_are_answered_so():
    game = PreferenceGame([[0.5, 0.9], [0.1, 0.5]], tau=0.2)
    size = 50_000
    for options, expected in (
        ({"attention": 0.5}, 0.7),
        ({"attention": 0.5, "noise": 0.25}, 0.6),
        ({"position_bias": 0.2}, 0.92),
        ({"attention": 0.5, "position_bias": 0.1}, 0.73),
    ):
        won = Duels(game, seed=4, **options).duel(np.zeros(size, int), np.ones(size, int))
        assert binomtest(int(won.sum()), size, expected).pvalue > 1e-4, options
    # shown in both orders, the bias of the side cancels but for the share that was not read
    both = Duels(game, seed=5, position_bias=0.2)
    first = both.duel(np.zeros(size, int), np.ones(size, int)).mean()
    second = 1 - both.duel(np.ones(size, int), np.zeros(size, int)).mean()
    assert (first + second) / 2 == pytest.approx(0.5 + 0.8 * 0.4, abs=4 * 0.5 / np.sqrt(2 * size))


def test_golden_questions_find_the_attention():
    rng = np.random.default_rng(0)
    known = rng.choice([1.0, 0.8, 0.5, 0.1], 4000)
    for theta in (0.2, 0.9):
        found = [golden_questions(rng.random(4000) < 0.5 + theta * (known - 0.5), known) for _ in range(200)]
        estimates = np.array([one.estimate for one in found])
        error = found[0].standard_error
        assert abs(estimates.mean() - theta) < 4 * error / np.sqrt(200)
        assert estimates.std() == pytest.approx(error, rel=4 / np.sqrt(2 * 200))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda g: observed(g, attention=0), "attention: a share in \\(0, 1\\]"),
        (lambda g: observed(g, noise=0.5), "noise: a probability"),
        (lambda g: Duels(g, attention=2.0), "attention"),
        (lambda g: Duels(g, position_bias=1.0), "position_bias"),
        (lambda g: Duels(g, times=True, attention=0.5), "times=False"),
        (lambda g: golden_questions([True], [0.5]), "tells anything"),
        (lambda g: golden_questions([True, False], [0.5]), "one label a question"),
        (lambda g: golden_questions([2], [0.7]), "True or False"),
        (lambda g: golden_questions([True], [1.7]), "in \\[0, 1\\]"),
    ],
)
def test_bad_numbers_are_refused(call, said):
    with pytest.raises(NashsimError, match=said):
        call(random_game(0, actions=3, scale=0.9))
