import numpy as np
import pytest

from nashsim import ConvergenceError, NashsimError, PreferenceGame
from nashsim.equilibrium import lottery, regularised_equilibrium, solve_newton, unregularised_gap
from nashsim.equilibrium.systems import DenseSystem
from tests.zoo import damped_iteration, random_game

from .definition import long_residual
from .families import COMAL, FAMILIES, REFERENCES, RPS, make_game

TAUS = (10.0, 1.0, 0.1, 0.01, 0.001)


def assert_fixed_point(game, equilibrium):
    """The promise, held by a formula and an arithmetic that are not the solver's."""
    assert equilibrium.residual <= 1e-13
    for context in range(game.contexts):
        with np.errstate(invalid="ignore"):
            residual = long_residual(
                game.preference.dense()[context],
                game.log_reference[context],
                game.tau,
                equilibrium.log_policy[context],
            )
        assert residual <= 1e-13
    np.testing.assert_allclose(np.exp(equilibrium.log_policy).sum(axis=1), 1, atol=1e-14)
    assert not np.exp(equilibrium.log_policy)[~game.support].any()


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("family", FAMILIES)
def test_fixed_point_over_families_references_sizes_and_tau(family, reference):
    for n in (1, 2, 3, 10, 40):
        for tau in TAUS:
            game = make_game(family, n, tau, reference, seed=7)
            assert_fixed_point(game, solve_newton(game))


@pytest.mark.parametrize("family", FAMILIES)
def test_fixed_point_at_500_actions(family):
    for tau in (0.1, 0.001):
        game = make_game(family, 500, tau, "normal")
        assert_fixed_point(game, solve_newton(game))


@pytest.mark.parametrize("family", ["signs", "all-half", "duplicates"])
def test_fixed_point_at_1000_actions(family):
    game = make_game(family, 1000, 0.01)
    assert_fixed_point(game, solve_newton(game))


def test_steps_of_large_games_solve_for_the_actions_whose_mass_matters(monkeypatch):
    """A lottery of a random game plays half of the actions: at a small tau a system is an eighth of the work."""
    sizes, solve = [], DenseSystem._solve

    def recorded(skew, *arguments):
        sizes.append(len(skew))
        return solve(skew, *arguments)

    monkeypatch.setattr(DenseSystem, "_solve", staticmethod(recorded))
    game = make_game("uniform", 600, 1e-5)
    small = solve_newton(game)
    assert_fixed_point(game, small)
    assert max(sizes) == 600 and min(sizes) < 330 and len(sizes) <= 80
    assert (np.array(sizes) / 600.0 <= 0.75).mean() > 0.6

    monkeypatch.setattr(DenseSystem, "_felt", staticmethod(lambda policy, sharpness: None))
    whole = solve_newton(game)
    apart = np.abs(np.exp(small.log_policy) - np.exp(whole.log_policy)).sum()
    assert apart <= small.accuracy[0] + whole.accuracy[0]


def test_a_step_without_the_mass_that_does_not_matter_is_newtons():
    rng = np.random.default_rng(3)
    system = DenseSystem(random_game(3, 600).preference.dense()[0])
    policy = np.exp(-np.arange(600) / 8.0)
    policy /= policy.sum()
    payoff, mismatch, sharpness = system.margin(policy), rng.normal(size=600), 100.0
    step = system.newton_step(policy, payoff, mismatch, sharpness)
    assert system._felt(policy, sharpness).size < 300
    left = mismatch - step + sharpness * system.margin(policy * (step - policy @ step))
    assert np.abs(left).max() <= (1e-9 + 1e-11) * np.abs(step).max()  # the bound, and rounding
    assert system._felt(policy[:500], sharpness) is None  # as ever


@pytest.mark.slow
@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("family", FAMILIES)
def test_fixed_point_on_many_games(family, reference):
    for seed in range(20):
        for n in (3, 5, 30, 100, 300):
            for tau in TAUS:
                game = make_game(family, n, tau, reference, seed=100 + seed)
                assert_fixed_point(game, solve_newton(game))


@pytest.mark.parametrize("tau", TAUS)
@pytest.mark.parametrize("margin", [0.5, 0.3, 1e-6, 0.0, -0.4])
def test_two_actions_have_a_closed_form(tau, margin):
    # (A pi)(0) - (A pi)(1) = a (pi(1) + pi(0)) = a, so the log-odds move by a/tau.
    game = PreferenceGame([[0.5, 0.5 + margin], [0.5 - margin, 0.5]], [0.2, 0.8], tau=tau)
    log_pi = solve_newton(game).log_policy[0]
    # 0.5 + a rounds a by 1e-16, and a/tau is rounded once more: relative 1e-15 and absolute 1e-16/tau
    assert log_pi[0] - log_pi[1] == pytest.approx(
        np.log(0.25) + margin / tau, rel=1e-14, abs=3e-16 / tau + 1e-15
    )


def test_symmetric_cycles_are_uniform_and_equal_payoffs_return_the_reference():
    for tau in TAUS:
        np.testing.assert_allclose(
            np.exp(solve_newton(PreferenceGame(RPS, tau=tau)).log_policy), 1 / 3, atol=1e-13
        )
        game = make_game("all-half", 6, tau, "normal")
        np.testing.assert_allclose(solve_newton(game).log_policy, game.log_reference, atol=1e-15)


def test_agrees_with_the_damped_iteration():
    for seed in range(4):
        game = random_game(seed, actions=5, tau=0.2, contexts=2)
        np.testing.assert_allclose(solve_newton(game).log_policy, damped_iteration(game), atol=1e-12)


def test_duplicates_share_their_class_in_the_reference_ratio():
    # Class games: pi*(y) = mu(y | class) m*(class), m* of the game between classes.
    mu = np.array([0.1, 0.2, 0.3, 0.25, 0.15])
    classes = np.array([0, 1, 2, 0, 1])
    small = PreferenceGame(COMAL, [0.35, 0.35, 0.3], tau=0.05)
    large = PreferenceGame(np.array(COMAL)[np.ix_(classes, classes)], mu, tau=0.05)
    masses = np.exp(solve_newton(small).log_policy[0])
    expected = mu / small.reference[0][classes] * masses[classes]
    np.testing.assert_allclose(np.exp(solve_newton(large).log_policy[0]), expected, atol=1e-13)


def test_relabelling_actions_relabels_the_answer():
    game = make_game("uniform", 8, 0.02, "normal")
    order = np.random.default_rng(0).permutation(8)
    moved = PreferenceGame(
        game.probabilities[0][np.ix_(order, order)], log_reference=game.log_reference[0][order], tau=0.02
    )
    # each answer is within 1e-13 of a fixed point of a well-conditioned system
    np.testing.assert_allclose(
        np.exp(solve_newton(moved).log_policy[0]), np.exp(solve_newton(game).log_policy[0])[order], atol=1e-12
    )


def test_zero_masses_equal_the_game_without_those_actions_and_the_status_says_so():
    skew = make_game("signs", 6).preference.dense()[0]
    mu = np.array([0.2, 0.0, 0.3, 0.1, 0.0, 0.4])
    kept = mu > 0
    whole = solve_newton(PreferenceGame(skew + 0.5, mu, tau=0.01, labels=list("abcdef")))
    part = solve_newton(PreferenceGame(skew[np.ix_(kept, kept)] + 0.5, mu[kept], tau=0.01))
    np.testing.assert_array_equal(whole.log_policy[0][kept], part.log_policy[0])
    assert (whole.log_policy[0][~kept] == -np.inf).all()
    assert "mass 0 on 2 of 6 actions (b, e)" in whole.status
    assert "mass 0" not in part.status


def test_a_stack_is_solved_context_by_context():
    stack = random_game(3, actions=4, tau=0.01, contexts=3)
    whole = solve_newton(stack)
    assert_fixed_point(stack, whole)
    for context in range(3):
        single = PreferenceGame(
            stack.probabilities[context], log_reference=stack.log_reference[context], tau=0.01
        )
        np.testing.assert_allclose(
            np.exp(whole.log_policy[context]), np.exp(solve_newton(single).log_policy[0]), atol=1e-12
        )
    assert whole.accuracy.shape == (3,)
    assert list(whole.policy.unstack().columns) == list(stack.labels)
    assert whole.policy.index.names == ["context", "action"]


def test_the_result_speaks():
    game = PreferenceGame(COMAL, tau=0.1, labels=["a", "b", "c"], name="comal")
    found = solve_newton(game)
    assert found.policy["a"] == pytest.approx(np.exp(found.log_policy[0, 0]))
    assert found.policy.equals(found.to_series())
    assert found.method == "newton" and found.unique and found.status.startswith("Exact to rounding")
    assert found.value == pytest.approx(0.5, abs=1e-15) and found.duality_gap <= 1e-26
    assert "comal" in repr(found) and found.iterations > 0


def test_the_certified_accuracy_covers_a_perturbed_answer():
    # the promise |pi - pi*|_1 <= accuracy, on a start so good that Newton returns it as it is
    game = make_game("uniform", 10, 0.1)
    exact = np.exp(solve_newton(game).log_policy[0])
    assert solve_newton(game).accuracy[0] < 1e-13
    again = solve_newton(game.replace(tau=0.1), start=np.log(exact)[None])
    assert np.abs(np.exp(again.log_policy[0]) - exact).sum() <= 2 * again.accuracy[0]


def test_warm_start_from_a_nearby_equilibrium_saves_the_path():
    game = make_game("signs", 30, 0.001)
    cold = solve_newton(game)
    near = PreferenceGame(0.999 * (game.probabilities[0] - 0.5) + 0.5, tau=0.001)
    warm = solve_newton(near, start=cold.log_policy)
    assert_fixed_point(near, warm)
    assert warm.iterations < cold.iterations / 2
    assert solve_newton(game, start=cold.log_policy).iterations <= 2


@pytest.mark.parametrize("start", [[1.0, 0.0, 0.0], [1e-200, 1.0, 0.0], [1 / 3] * 3])
def test_any_start_leads_to_the_same_answer(start):
    with np.errstate(divide="ignore"):
        start = np.log([start])
    for tau in (1.0, 0.001):
        game = PreferenceGame(COMAL, tau=tau)
        np.testing.assert_allclose(
            np.exp(solve_newton(game, start=start).log_policy),
            np.exp(solve_newton(game).log_policy),
            atol=1e-12,
        )


def test_arrays_can_be_solved_without_a_game():
    game = make_game("uniform", 5, 0.05, "zeros")
    point = regularised_equilibrium(game.preference.dense()[0], game.log_reference[0], 0.05)
    np.testing.assert_array_equal(point.log_policy, solve_newton(game).log_policy[0])
    assert point.residual <= 1e-13 and point.steps == solve_newton(game).iterations


def test_small_tau_tends_to_the_lottery():
    # (A pi*)(y) = tau (log(pi*/mu)(y) - KL(pi* || mu)) <= tau log n for a uniform reference [derived]
    game = PreferenceGame(COMAL, tau=1e-3)
    found = solve_newton(game)
    assert unregularised_gap(game, found.log_policy)[0] <= 2 * 1e-3 * np.log(3)
    np.testing.assert_allclose(np.exp(found.log_policy), lottery(game).probabilities, atol=2e-3)


def test_tau_has_its_sign_and_place():
    # Halving tau is doubling the margins; swapping P for its transpose is not the same game.
    skew = 0.25 * (np.array(COMAL) - 0.5)
    mu = [0.5, 0.3, 0.2]
    halved = solve_newton(PreferenceGame(skew + 0.5, mu, tau=0.05)).log_policy
    doubled = solve_newton(PreferenceGame(2 * skew + 0.5, mu, tau=0.1)).log_policy
    np.testing.assert_allclose(halved, doubled, atol=1e-12)
    flipped = solve_newton(PreferenceGame(0.5 - skew, mu, tau=0.05)).log_policy
    assert np.abs(np.exp(flipped) - np.exp(halved)).max() > 0.05


def test_what_float64_cannot_reach_is_an_error_and_never_a_bad_answer():
    with pytest.raises(ConvergenceError, match="residual .* stays above 1e-13.*larger tau"):
        solve_newton(PreferenceGame(COMAL, tau=1e-10))
    with pytest.raises(ConvergenceError, match="path in tau stopped.*lottery"):
        solve_newton(PreferenceGame(COMAL, tau=1e-100))


def test_a_singular_system_is_a_failed_step(monkeypatch):
    def fail(matrix, right, **_):
        return matrix, None, right, 1  # LAPACK's word for an exact zero on the diagonal of U

    monkeypatch.setattr("scipy.linalg.lapack.dgesv", fail)
    with pytest.raises(ConvergenceError, match="path in tau stopped"):
        solve_newton(PreferenceGame(COMAL, tau=0.1))


def test_extreme_tau_on_easy_games():
    assert_fixed_point(game := PreferenceGame(RPS, tau=1e-300), solve_newton(game))
    assert_fixed_point(game := PreferenceGame(COMAL, tau=1e300), solve_newton(game))


def test_bad_input_is_named():
    with pytest.raises(NashsimError, match="tau"):
        solve_newton(PreferenceGame(COMAL))
    with pytest.raises(NashsimError, match="start"):
        solve_newton(PreferenceGame(COMAL, tau=0.1), start=np.zeros((1, 2)))
