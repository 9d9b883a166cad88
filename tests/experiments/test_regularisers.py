"""The instances of the figures on regularisers, crowds and response times are what their axes say."""

import numpy as np
import pytest

from nashsim import solve
from nashsim.cli.reproducing import find_experiments, load_experiment
from nashsim.solutions import guarantee


def script(name):
    import sys

    load_experiment(find_experiments()[name])
    return sys.modules[f"nashsim_experiment_{name.replace('-', '_')}"]


@pytest.mark.parametrize("word", ["kl", "chi2", "mixed"])
def test_the_rare_winner_has_half_of_the_equilibrium(word):
    figure = script("regret-regularisers")
    for tau in (0.25, 0.1, 1 / 18):
        game = figure.rare(word, tau)
        assert solve(game).probabilities[0] == pytest.approx([0.5, 0.5], abs=1e-9)
        mu = game.reference[0, 1]
        # KL: mu(c) = sigma(-1/(2 tau)); chi2: 1/mu(c) - 1/mu(b) = 1/tau
        if word == "kl":
            assert mu == pytest.approx(1 / (1 + np.exp(0.5 / tau)), rel=1e-9)
        if word == "chi2":
            assert 1 / mu - 1 / (1 - mu) == pytest.approx(1 / tau, rel=1e-9)


def test_first_meetings_are_awaited_as_long_as_predicted():
    """y, y' ~ mu meet with 2 mu(b) mu(c): the gap of mu over that, here from the definition of J at mu."""
    figure = script("regret-regularisers")
    game = figure.rare("chi2", 0.1)
    mu, wins = game.reference[0], game.probabilities[0]
    best = max(
        p @ wins @ mu - 0.1 * ((p - mu) ** 2 / (2 * mu)).sum() - 0.5
        for p in (np.array([1 - c, c]) for c in np.linspace(0, 1, 200_001))
    )
    assert figure.predicted("chi2", 0.1) == pytest.approx(best / (2 * mu.prod()), rel=1e-6)


def test_the_deceived_are_off_exponentially_and_nash_on_the_same_crowd_is_not():
    figure = script("distortion")
    values = [figure.deceived(beta) for beta in (6.0, 10.0, 14.0)]
    assert values[0] > 1 / guarantee(6.0) and values[2] / values[1] > 10 and values[1] / values[0] > 10


def test_choices_rank_the_crowd_against_its_mean():
    figure = script("response-times")
    wins = figure._game("crowd").probabilities[0]
    assert (
        wins[0, 1] > 0.5 and wins[0, 2] > 0.5 and figure.PERSON.argmax() == 1 and figure.PERSON.argmin() == 0
    )
