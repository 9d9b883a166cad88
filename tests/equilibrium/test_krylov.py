"""Newton by products alone: the dense answer for every family, and no matrix where the game is large."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nashsim import ConvergenceError, PreferenceGame
from nashsim.equilibrium import certify, regularised_equilibrium, solve_newton
from nashsim.equilibrium.krylov import KrylovSystem, _solve_shifted_skew
from nashsim.equilibrium.systems import DenseSystem, systems_of
from nashsim.preferences import (
    AnnotatorPreference,
    BradleyTerryPreference,
    DensePreference,
    LowRankPreference,
    PackedPreference,
)

from .families import FAMILIES, REFERENCES, make_game, skew_from_upper


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_answer_is_the_dense_one_for_every_family(family, reference):
    for n in (2, 10, 40):
        for tau in (1.0, 0.1, 0.01, 0.001):
            game = make_game(family, n, tau, reference, seed=7)
            skew, log_mu = game.preference.dense()[0], game.log_reference[0]
            expected = regularised_equilibrium(skew, log_mu, tau)
            system = KrylovSystem(PackedPreference.from_preference(game.preference))
            found = regularised_equilibrium(system, log_mu, tau)
            assert found.residual <= 1e-13
            # Both residuals are at most 1e-13; in policy space the condition number stays below 10 here.
            np.testing.assert_allclose(np.exp(found.log_policy), np.exp(expected.log_policy), atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(2, 60),
    seed=st.integers(0, 10**6),
    tau=st.sampled_from([1.0, 0.1, 0.02]),
    kind=st.sampled_from(["packed", "packed32", "bradley-terry", "annotators"]),
    reference=st.sampled_from(["uniform", "normal", "zeros"]),
)
def test_every_storage_has_the_equilibrium_of_its_matrix(n, seed, tau, kind, reference):
    rng = np.random.default_rng(seed)
    skew = skew_from_upper(rng.uniform(-0.5, 0.5, (n, n)))
    preference = {
        "packed": lambda: PackedPreference.from_preference(DensePreference(skew)),
        "packed32": lambda: PackedPreference.from_preference(DensePreference(skew), np.float32),
        "bradley-terry": lambda: BradleyTerryPreference(rng.normal(size=n)),
        "annotators": lambda: AnnotatorPreference(2 * rng.normal(size=(3, n)), [0.5, 0.3, 0.2]),
    }[kind]()
    log_mu = REFERENCES[reference](n, rng)
    log_mu = log_mu - np.log(np.exp(log_mu).sum())
    found = regularised_equilibrium(KrylovSystem(preference), log_mu, tau)
    dense = PreferenceGame(DensePreference(preference.dense()), log_reference=log_mu, tau=tau)
    np.testing.assert_allclose(
        np.exp(found.log_policy), np.exp(solve_newton(dense).log_policy[0]), atol=1e-12
    )
    assert certify(dense, found.log_policy).residual <= 1e-13
    whole = PreferenceGame(preference, log_reference=log_mu, tau=tau)
    np.testing.assert_allclose(solve_newton(whole).log_policy, solve_newton(dense).log_policy, atol=1e-9)


@pytest.mark.parametrize("sharpness", [1e-3, 1.0, 30.0, 1000.0])
def test_the_newton_step_leaves_what_it_says(sharpness):
    rng = np.random.default_rng(1)
    skew = FAMILIES["uniform"](80, rng)
    policy, mismatch = rng.dirichlet(np.ones(80)), rng.normal(size=80)
    system = KrylovSystem(PackedPreference.from_preference(DensePreference(skew)))
    step = system.newton_step(policy, system.margin(policy), mismatch, sharpness)
    left = step - sharpness * (skew @ (policy * (step - policy @ step))) - mismatch
    # 1e-4 of the mismatch's span, and the rounding of a product times the sharpness
    assert np.abs(left).max() <= 1e-4 * np.ptp(mismatch) + 1e-14 * sharpness * np.abs(step).max()


def test_restriction_is_restriction():
    game = make_game("uniform", 12)
    dense = DenseSystem(game.preference.dense()[0])
    system = KrylovSystem(PackedPreference.from_preference(game.preference))
    first, then = np.arange(12) % 3 > 0, np.arange(8) > 1
    policy = np.random.default_rng(0).dirichlet(np.ones(6))
    for of in (KrylovSystem.margin, KrylovSystem.accurate_margin):
        found = of(system.restrict(first).restrict(then), policy)
        np.testing.assert_allclose(found, dense.restrict(first).restrict(then).margin(policy), atol=1e-15)


def test_conjugate_gradients_stop():
    turned = np.array([[0.0, 3.0], [-3.0, 0.0]])
    target = np.array([1.0, 2.0])
    found = _solve_shifted_skew(lambda v: turned @ v, target, 0.0)
    # asked for more than rounding allows, it ends at rounding: 1e-14 of the target, which is sqrt(5) long
    np.testing.assert_allclose(found - turned @ found, target, atol=3e-14)
    np.testing.assert_array_equal(_solve_shifted_skew(lambda v: turned @ v, target, 3.0), 0.0)


def test_systems_are_chosen_by_storage_and_size():
    def kind(preference):
        return [type(system).__name__ for system in systems_of(preference)]

    assert kind(DensePreference(np.zeros((2, 3, 3)))) == ["DenseSystem", "DenseSystem"]
    assert kind(LowRankPreference(np.ones((3, 1)) / 2, np.zeros((3, 1)))) == ["FactoredSystem"]
    for n, expected in ((500, "DenseSystem"), (501, "KrylovSystem")):
        assert kind(PackedPreference(np.zeros(n * (n - 1) // 2))) == [expected]
    for n, expected in ((19_999, "KrylovSystem"), (20_000, "FactoredSystem")):
        assert kind(AnnotatorPreference(np.linspace(0, 0.1, n)[None])) == [expected]


@pytest.mark.parametrize("tau", [0.1, 0.001])
def test_large_packed_games_are_exact_without_a_matrix(tau, monkeypatch):
    game = make_game("signs", 700, tau, "zeros")
    packed = game.replace(preference=PackedPreference.from_preference(game.preference))

    def no_matrix(self):
        raise AssertionError("a large game was made dense")

    monkeypatch.setattr(PackedPreference, "dense", no_matrix)
    found = solve_newton(packed)
    assert found.residual <= 1e-13 and certify(game, found.log_policy).residual <= 1e-13
    np.testing.assert_allclose(np.exp(found.log_policy), np.exp(solve_newton(game).log_policy), atol=1e-12)


def test_memory_stays_below_the_triangle():
    n = 3000
    rng = np.random.default_rng(0)
    game = PreferenceGame(PackedPreference(rng.uniform(-0.5, 0.5, n * (n - 1) // 2)), tau=0.02)
    solve_newton(game.replace(tau=1.0))  # compiles, outside the measurement
    tracemalloc.start()
    found = solve_newton(game)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # some blocks of 4 MB and some vectors, whatever n is; the matrix has 72 MB
    assert found.residual <= 1e-13 and peak <= 24e6


@pytest.mark.slow
def test_ten_thousand_actions():
    n = 10_000
    triangle = np.random.default_rng(0).uniform(-0.5, 0.5, n * (n - 1) // 2)
    for tau in (0.02, 0.001):
        assert solve_newton(PreferenceGame(PackedPreference(triangle), tau=tau)).residual <= 1e-13


def test_a_step_given_up_is_returned_as_it_is(monkeypatch):
    monkeypatch.setattr("nashsim.equilibrium.krylov._MOST_ITERATIONS", 1)
    turned = 5 * FAMILIES["uniform"](30, np.random.default_rng(0))
    target = np.ones(30)
    found = _solve_shifted_skew(lambda v: turned @ v, target, 0.0)
    # one iteration lowers the residual and no more
    assert 0.0 < np.linalg.norm(target - found + turned @ found) < np.linalg.norm(target)


def test_what_float64_cannot_reach_is_an_error():
    game = make_game("signs", 9)
    system = KrylovSystem(PackedPreference.from_preference(game.preference))
    with pytest.raises(ConvergenceError, match="larger tau"):
        regularised_equilibrium(system, game.log_reference[0], 1e-9)


def test_below_a_tau_of_a_thousandth_a_triangle_is_solved_by_its_matrix():
    skew = skew_from_upper(np.random.default_rng(3).uniform(-0.5, 0.5, (520, 520)))
    matrix = PreferenceGame(DensePreference(skew), tau=1e-4)
    packed = PreferenceGame(PackedPreference.from_preference(matrix.preference), tau=1e-4)
    assert [type(next(iter(systems_of(packed.preference, tau)))) for tau in (1e-3, 9e-4)] == [
        KrylovSystem,
        DenseSystem,
    ]
    found, other = solve_newton(packed), solve_newton(matrix)
    assert found.certificate.residual <= 1e-13
    apart = np.abs(np.exp(found.log_policy) - np.exp(other.log_policy)).sum()
    assert apart <= float((found.accuracy + other.accuracy)[0])
