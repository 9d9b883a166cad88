"""The logistic preference as a series: the same payoffs within the error it states, at a fraction of the cost."""

import tracemalloc

import numpy as np
import pytest

from nashsim import NashsimError, PreferenceGame
from nashsim.equilibrium import certify, solve_newton
from nashsim.preferences import AnnotatorPreference, BradleyTerryPreference
from nashsim.preferences.interpolation import LogisticSeries


def exact(rewards):
    """tanh((r - r')/2)/2 in extended precision."""
    r = np.asarray(rewards, dtype=np.longdouble)
    return 0.5 * np.tanh(0.5 * (r[:, None] - r))


@pytest.mark.parametrize("width", [0.0, 1e-9, 0.1, 1.0, 4.0, 12.0, 20.0, 39.0])
def test_it_is_within_its_error(width):
    rng = np.random.default_rng(1)
    rewards = 3.0 + width * rng.uniform(-0.5, 0.5, 400)
    series, truth = LogisticSeries(rewards), exact(rewards)
    left, right = series.factors()
    assert np.abs(left @ right.T - right @ left.T - truth).max() <= series.error
    for policy in (np.eye(400)[7], rng.dirichlet(np.ones(400))):
        assert np.abs(series.margin(policy) - truth @ policy).max() <= series.error
    assert series.error <= 7e-14 and left.shape[1] <= max(1, 2 * width + 6)


@pytest.mark.parametrize("spread", [1.0, 8.0])
def test_large_games_use_it_where_it_is_exact(spread):
    rng = np.random.default_rng(2)
    rewards = spread * rng.normal(size=(2, 2100))
    preference = AnnotatorPreference(rewards, [0.7, 0.3])
    assert (preference.series is None) == (spread == 8.0)
    policy = rng.dirichlet(np.ones(2100))
    truth = 0.7 * (exact(rewards[0]) @ policy) + 0.3 * (exact(rewards[1]) @ policy)
    # series: 2e-14; blocks: 2100 terms of sum 1/2 in any order
    np.testing.assert_allclose(preference.margin(policy[None])[0], truth.astype(float), atol=2e-13)
    if spread == 1.0:
        np.testing.assert_allclose(preference.margin(policy[None])[0], truth.astype(float), atol=2e-14)


@pytest.mark.parametrize("tau", [0.1, 0.01])
def test_equilibria_are_exact_on_the_preference_itself(tau):
    rng = np.random.default_rng(3)
    preference = AnnotatorPreference(rng.normal(size=(3, 2500)))
    game = PreferenceGame(preference, tau=tau)
    found = solve_newton(game)
    assert found.residual <= 1e-13
    # The factors move an entry by their perturbation, and so log BR by that over tau.
    low = solve_newton(game.replace(preference=preference.low_rank()))
    assert low.residual <= 1e-13
    assert certify(game, low.log_policy).residual <= 1e-13 + 2 * preference.low_rank().perturbation / tau
    np.testing.assert_allclose(np.exp(low.log_policy), np.exp(found.log_policy), atol=1e-12)


def test_low_rank_says_what_it_changes():
    preference = BradleyTerryPreference(np.random.default_rng(4).normal(size=50))
    low = preference.low_rank()
    assert 0 < low.perturbation < 1e-14
    np.testing.assert_allclose(low.dense(), preference.dense(), atol=low.perturbation)
    with pytest.raises(NashsimError, match="range 40 at most, found 100"):
        BradleyTerryPreference([0.0, 100.0]).low_rank()


def test_a_hundred_thousand_actions_in_linear_memory():
    n = 100_000
    preference = BradleyTerryPreference(np.linspace(-2, 2, n))
    policy = np.full((1, n), 1 / n)
    tracemalloc.start()
    margin = preference.margin(policy)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 8 * n * 4 + 8 * 8192 * 3 * 40  # some vectors, and blocks of the basis
    # antisymmetric rewards: the payoff is odd
    np.testing.assert_allclose(margin[0], -margin[0, ::-1], atol=1e-14)
