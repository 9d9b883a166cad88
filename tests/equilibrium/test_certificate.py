from fractions import Fraction

import numpy as np
import pytest

from nashsim import NashsimError, PreferenceGame
from nashsim.equilibrium import (
    best_response_distance,
    certify,
    duality_gap,
    exploitability,
    solve_newton,
    unregularised_gap,
)
from nashsim.equilibrium.products import accurate_margin
from nashsim.equilibrium.systems import accurate_log_best_response
from nashsim.preferences import DensePreference

from .definition import divergence, long_residual, maximise, objective
from .families import FAMILIES, make_game


def random_case(seed, n=3):
    rng = np.random.default_rng(seed)
    game = make_game("uniform", n, tau=float(10 ** rng.uniform(-1.3, 0.5)), reference="normal", seed=seed)
    pi = rng.dirichlet(np.ones(n))
    return game, game.probabilities[0], game.reference[0], pi, rng


@pytest.mark.parametrize("seed", range(6))
def test_closed_form_gaps_are_the_brute_force_optima_of_the_definition(seed):
    game, p, mu, pi, rng = random_case(seed, n=2 + seed % 3)
    log_pi = np.log(pi)[None]
    best = maximise(lambda other: objective(p, mu, game.tau, other, pi), len(pi), rng)
    worst = -maximise(lambda other: -objective(p, mu, game.tau, pi, other), len(pi), rng)
    # SLSQP finds a smooth concave optimum to about the square of its 1e-6 steps; 1e-7 leaves a margin.
    assert exploitability(game, log_pi)[0] == pytest.approx(best - 0.5, abs=1e-7)
    assert duality_gap(game, log_pi)[0] == pytest.approx(best - worst, abs=2e-7)
    assert certify(game, log_pi).value == pytest.approx(worst, abs=1e-7)


@pytest.mark.parametrize("seed", range(6))
def test_no_opponent_beats_the_closed_form_and_the_best_response_attains_it(seed):
    game, p, mu, pi, rng = random_case(seed, n=4)
    log_pi = np.log(pi)[None]
    bound = 0.5 + exploitability(game, log_pi)[0]
    response = np.exp(game.log_best_response(log_pi))[0]
    # J sums a few dozen terms of size at most 1 + tau log(1/mu): rounding is below 1e-14.
    assert objective(p, mu, game.tau, response, pi) == pytest.approx(bound, abs=1e-14)
    for other in rng.dirichlet(np.ones(4), 200):
        assert objective(p, mu, game.tau, other, pi) <= bound + 1e-14


def test_the_accuracy_bound_rests_on_an_identity_and_pinsker():
    for seed in range(20):
        game, p, mu, pi, _ = random_case(seed)
        log_star = solve_newton(game).log_policy[0]
        star = np.exp(log_star)
        distance = game.tau * divergence(pi, star)
        assert objective(p, mu, game.tau, star, pi) - 0.5 == pytest.approx(distance, abs=1e-14)
        assert distance <= exploitability(game, np.log(pi)[None])[0] + 1e-14
        assert np.abs(pi - star).sum() <= np.sqrt(2 * distance / game.tau) + 1e-14


def test_unregularised_gap_is_the_best_pure_deviation_twice():
    game, p, _, pi, _ = random_case(3, n=5)
    expected = 2 * max(sum(p[y, z] * pi[z] for z in range(5)) - 0.5 for y in range(5))
    assert unregularised_gap(game, np.log(pi)[None])[0] == pytest.approx(expected, abs=1e-15)


def test_orientation_the_preferred_action_gains():
    game = PreferenceGame([[0.5, 0.9], [0.1, 0.5]], tau=0.5)
    good, bad = np.log([[0.99, 0.01]]), np.log([[0.01, 0.99]])
    assert unregularised_gap(game, good)[0] == pytest.approx(2 * 0.4 * 0.01)
    assert unregularised_gap(game, bad)[0] == pytest.approx(2 * 0.4 * 0.99)


def test_mass_outside_the_reference_is_infinitely_exploitable():
    game = PreferenceGame([[0.5, 0.9], [0.1, 0.5]], [1.0, 0.0], tau=0.5)
    assert exploitability(game, np.log([[0.5, 0.5]]))[0] == np.inf
    assert certify(game, np.log([0.5, 0.5])).duality_gap == np.inf
    # so little mass that exp() of it is 0 in float64: still outside
    assert exploitability(game, np.array([[0.0, -800.0]]))[0] == np.inf
    with np.errstate(divide="ignore"):
        assert exploitability(game, np.log([[1.0, 0.0]]))[0] == 0


def test_contexts_are_averaged_by_weight_and_the_residual_is_their_worst():
    games = [make_game("uniform", 3, tau=0.3, seed=seed) for seed in range(3)]
    weights = np.array([0.25, 0.75, 0.0])
    stack = PreferenceGame(np.concatenate([g.probabilities for g in games]), tau=0.3, weights=weights)
    log_policy = np.log(np.random.default_rng(0).dirichlet(np.ones(3), 3))
    each = [certify(g, row) for g, row in zip(games, log_policy, strict=True)]
    whole = certify(stack, log_policy)
    assert whole.duality_gap == pytest.approx(weights @ [c.duality_gap for c in each], rel=1e-13)
    assert whole.exploitability == pytest.approx(whole.duality_gap / 2)
    assert whole.value == pytest.approx(0.5 - whole.exploitability)
    assert whole.residual == pytest.approx(max(c.residual for c in each), rel=1e-13)


def test_a_context_of_weight_zero_cannot_spoil_the_average():
    stack = PreferenceGame(np.full((2, 2, 2), 0.5), [[0.5, 0.5], [1.0, 0.0]], tau=1.0, weights=[1.0, 0.0])
    assert certify(stack, np.log([[0.5, 0.5], [0.5, 0.5]])).duality_gap == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_accurate_margin_meets_its_error_bound(family):
    n = 24
    rng = np.random.default_rng(5)
    skew = FAMILIES[family](n, rng)
    policy = rng.dirichlet(np.full(n, 0.3))
    exact = [sum(Fraction(a) * Fraction(q) for a, q in zip(row, policy, strict=True)) for row in skew]
    # the bound of the docstring: one rounding of the result, and n^2 2^-80 from the products
    for found, truth in zip(accurate_margin(skew, policy), exact, strict=True):
        assert abs(Fraction(found) - truth) <= 2.0**-53 * abs(truth) + n**2 * 2.0**-80


def test_accurate_margin_takes_stacks_and_many_rows():
    rng = np.random.default_rng(1)
    skew = np.stack([FAMILIES["uniform"](600, rng) for _ in range(2)])
    policy = rng.dirichlet(np.ones(600), 2)
    plain = (skew @ policy[..., None])[..., 0]
    # a plain product of n terms is off by at most n eps sum|A pi|
    np.testing.assert_allclose(accurate_margin(skew, policy), plain, atol=600 * 2.3e-16)
    log_mu = np.full((2, 600), -np.log(600))
    best = accurate_log_best_response(DensePreference(skew), log_mu, 0.1, policy)
    np.testing.assert_allclose(np.exp(best).sum(axis=1), 1, atol=1e-13)


def test_residual_agrees_with_extended_precision_at_small_tau():
    game = make_game("signs", 12, tau=1e-3)
    log_policy = solve_newton(game).log_policy
    log_policy[0, log_policy.argmax()] += 3e-16
    residual, _ = best_response_distance(game, log_policy)
    expected = long_residual(game.probabilities[0], game.log_reference[0], game.tau, log_policy[0])
    # both see pi = exp(log pi) through its own float64 or extended rounding, eps pi each, magnified by 1/tau
    assert residual[0] == pytest.approx(expected, abs=2.3e-16 * 0.5 / game.tau)


@pytest.mark.parametrize(
    ("log_policy", "message"),
    [
        (np.log([[1 / 3] * 3]), "shape|needed"),
        (np.log([0.5, 0.4]), "sum to 1"),
        ([np.nan, 0.0], "sum to 1"),
    ],
)
def test_a_bad_policy_is_named(log_policy, message):
    game = PreferenceGame([[0.5, 0.9], [0.1, 0.5]], tau=0.5)
    with pytest.raises(NashsimError, match="policy.*(" + message + ")"):
        certify(game, log_policy)


def test_a_game_without_tau_says_so():
    game = PreferenceGame([[0.5, 0.9], [0.1, 0.5]])
    with pytest.raises(NashsimError, match="tau"):
        exploitability(game, game.log_reference)
