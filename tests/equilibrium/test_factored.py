"""Newton by Woodbury on games of low rank: the dense answer at every size, and a million actions in bounded memory."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nashsim import PreferenceGame, games
from nashsim.equilibrium import certify, duality_gap, solve_newton
from nashsim.equilibrium.factored import FactoredSystem
from nashsim.equilibrium.systems import DenseSystem
from nashsim.preferences import DensePreference, LowRankPreference

from .families import REFERENCES


def low_rank(n, rank, seed, lean=0.0):
    """Factors on the sphere of radius 1/sqrt 2, tilted so that some actions beat most others."""
    points = np.random.default_rng(seed).normal(size=(n, 2 * rank))
    points[:, 0] += lean * np.linspace(-1, 1, n)
    points[:, rank] += lean
    points *= np.sqrt(0.5) / np.linalg.norm(points, axis=1, keepdims=True)
    return LowRankPreference(points[:, :rank], points[:, rank:])


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 60),
    rank=st.integers(1, 6),
    seed=st.integers(0, 10**6),
    tau=st.sampled_from([1.0, 0.1, 0.02]),
    lean=st.sampled_from([0.0, 1.0, 3.0]),
    reference=st.sampled_from(["uniform", "normal", "zeros"]),
)
def test_the_answer_is_the_dense_one(n, rank, seed, tau, lean, reference):
    preference = low_rank(n, rank, seed, lean)
    log_mu = REFERENCES[reference](n, np.random.default_rng(seed))
    log_mu = log_mu - np.log(np.exp(log_mu).sum())
    game = PreferenceGame(preference, log_reference=log_mu, tau=tau)
    dense = PreferenceGame(DensePreference(preference.dense()), log_reference=log_mu, tau=tau)
    found, expected = solve_newton(game), solve_newton(dense)
    # The dense entries are rounded by 6e-17 (rank 6: 4e-16), which moves the equilibrium by that over 2 tau.
    np.testing.assert_allclose(
        np.exp(found.log_policy), np.exp(expected.log_policy), atol=1e-13 + 2e-15 / tau
    )
    assert found.residual <= 1e-13 and certify(dense, found.log_policy).residual <= 1e-12


@pytest.mark.parametrize("tau", [0.01, 0.001])
def test_small_tau_follows_the_path_too(tau):
    game = PreferenceGame(low_rank(300, 3, 1, 2.0), tau=tau)
    found = solve_newton(game)
    assert found.residual <= 1e-13
    assert certify(
        game.replace(preference=DensePreference(game.preference.dense())), found.log_policy
    ).residual <= (2e-16 / tau)


@pytest.mark.parametrize("scales", [(1.0, 1.0), (3.0, 3.0), (1.0, 0.125), (2.0**-10, 1.0)])
@pytest.mark.parametrize("lean", [0.0, 2.0, -2.0])
def test_accurate_margin_meets_its_error_bound(scales, lean):
    rng = np.random.default_rng(3)
    left, right = np.array(scales)[:, None, None] * (lean + rng.normal(size=(2, 40, 2)))
    policy = rng.dirichlet(np.full(40, 0.3))
    found = FactoredSystem.of_low_rank(left, right).accurate_margin(policy)
    exact = [[Fraction(x) for x in row] for row in np.hstack([left, right]).tolist()]
    mean = [
        sum(Fraction(q) * row[k] for q, row in zip(policy.tolist(), exact, strict=True)) for k in range(4)
    ]
    bound = 4 * max(np.abs(left).max(), np.abs(right).max()) ** 2 * 2.0**-75
    for value, (a, b, c, d) in zip(found, exact, strict=True):
        truth = a * mean[2] + b * mean[3] - c * mean[0] - d * mean[1]
        assert abs(Fraction(value) - truth) <= 2.0**-53 * abs(truth) + bound


def test_the_newton_step_solves_the_dense_system():
    rng = np.random.default_rng(4)
    preference = low_rank(50, 2, 0, 1.0)
    system = FactoredSystem.of_low_rank(preference.left, preference.right)
    dense = DenseSystem(preference.dense()[0])
    policy, mismatch = rng.dirichlet(np.ones(50)), rng.normal(size=50)
    payoff = dense.margin(policy)
    np.testing.assert_allclose(system.margin(policy), payoff, atol=1e-15)
    for sharpness in (0.0, 1.0, 100.0):
        np.testing.assert_allclose(
            system.newton_step(policy, payoff, mismatch, sharpness),
            dense.newton_step(policy, payoff, mismatch, sharpness),
            # both are stable: rounding times the condition number, at most 1 + sharpness/2 each way
            atol=1e-13 * (1 + sharpness),
        )
    assert np.isnan(system.newton_step(policy, payoff, mismatch, np.nan)).all()


def test_a_singular_woodbury_system_is_a_step_that_no_test_accepts(monkeypatch):
    def singular(*_):
        raise np.linalg.LinAlgError

    monkeypatch.setattr(np.linalg, "solve", singular)
    system = FactoredSystem.of_low_rank(np.ones((2, 1)), np.zeros((2, 1)))
    assert np.isnan(system.newton_step(np.array([0.5, 0.5]), np.zeros(2), np.ones(2), 1.0)).all()


def test_memory_stays_a_few_policies():
    game = games.get("low-rank:n=100000,rank=4").replace(tau=0.02)
    tracemalloc.start()
    found = solve_newton(game)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.residual <= 1e-13 and duality_gap(game, found.log_policy)[0] <= 1e-13
    assert peak <= 20 * 8 * game.actions  # about 14 vectors live at once; the dense A has 100000


def test_a_million_actions():
    game = games.get("low-rank:n=1000000,rank=8").replace(tau=0.02)
    assert solve_newton(game).residual <= 1e-12
