import dataclasses

import cvxpy
import numpy as np
import pytest

from nashsim import ConvergenceError, EquilibriumDisagreement, NashsimError, PreferenceGame, games
from nashsim.equilibrium import check_agreement, solve_cvxpy, solve_newton, witness
from nashsim.preferences import DensePreference, LowRankPreference
from tests.zoo import random_game

from .definition import divergence, objective
from .families import COMAL, FAMILIES, REFERENCES, RPS, make_game

TAUS = (10.0, 1.0, 0.1, 0.01, 0.001)


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("family", FAMILIES)
def test_newton_and_the_witness_agree_within_certified_accuracy(family, reference):
    for n, tau in zip((1, 2, 3, 5, 12), TAUS, strict=True):
        game = make_game(family, n, tau, reference, seed=n)
        found = solve_cvxpy(game)
        # the accuracy is proved, not assumed; 1e-3 is where the last solver would be asked for help
        assert found.accuracy.max() < 1e-3
        assert check_agreement(solve_newton(game), found) <= found.accuracy.max() + 1e-13


@pytest.mark.parametrize("tau", TAUS)
def test_the_witness_is_sharp_enough_to_be_worth_asking(tau):
    game = make_game("signs", 10, tau)
    assert solve_cvxpy(game).accuracy[0] < 1e-5


def test_agreement_at_100_actions():
    game = make_game("uniform", 100, 0.01)
    assert check_agreement(solve_newton(game), solve_cvxpy(game)) < 1e-5


@pytest.mark.parametrize("reference", ["uniform", "zeros"])
def test_low_rank_games_agree_with_newton_and_with_their_dense_selves(reference):
    rng = np.random.default_rng(4)
    preference = LowRankPreference(*rng.uniform(-0.35, 0.35, (2, 40, 2)))
    log_mu = make_game("uniform", 40, reference=reference).log_reference
    factored = PreferenceGame(preference, log_reference=log_mu, tau=0.05)
    dense = PreferenceGame(DensePreference(preference.dense()), log_reference=log_mu, tau=0.05)
    found = solve_cvxpy(factored)
    assert check_agreement(solve_newton(factored), found) < 1e-6
    assert check_agreement(solve_newton(dense), found) < 1e-6
    with pytest.raises(EquilibriumDisagreement):
        check_agreement(misread(dense, preference=DensePreference(-preference.dense())), found)


@pytest.mark.slow
def test_agreement_at_500_actions():
    game = make_game("signs", 500, 0.1)
    assert check_agreement(solve_newton(game), solve_cvxpy(game)) < 1e-5


def test_its_objective_is_the_definition():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        game = make_game("uniform", 4, tau=float(10 ** rng.uniform(-1.3, 0.5)), reference="normal", seed=seed)
        p, mu, pi = game.probabilities[0], game.reference[0], rng.dirichlet(np.ones(4))
        # the opponent's Gibbs answer, and that nothing does better against pi
        worst = mu * np.exp(-(p.T @ pi) / game.tau)
        lowest = objective(p, mu, game.tau, pi, worst / worst.sum())
        assert all(
            objective(p, mu, game.tau, pi, o) >= lowest - 1e-14 for o in rng.dirichlet(np.ones(4), 100)
        )
        proved = witness._proved_accuracy(p.astype(np.longdouble), np.log(mu), game.tau, pi)
        # both sides carry float64 rounding of J, divided by tau
        assert proved**2 / 2 == pytest.approx((0.5 - lowest) / game.tau, abs=1e-14 / game.tau)


def test_proved_accuracy_bounds_the_true_distance_of_any_policy():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        game = make_game("signs", 5, tau=float(10 ** rng.uniform(-2, 0.5)), reference="normal", seed=seed)
        star = np.exp(solve_newton(game).log_policy[0])
        p = game.probabilities[0].astype(np.longdouble)
        for size in (1.0, 1e-2, 1e-4, 1e-6):
            pi = (1 - size) * star + size * rng.dirichlet(np.ones(5))
            proved = witness._proved_accuracy(p, game.log_reference[0], game.tau, pi)
            assert np.abs(pi - star).sum() <= proved
            assert divergence(pi, star) <= proved**2 / 2 + 1e-15


def misread(game, **changes):
    """The answer of a Newton that solved another game, presented as this game's."""
    return dataclasses.replace(solve_newton(game.replace(**changes)), game=game)


def planted_faults(game):
    skew = game.preference.dense()[0]
    yield "transposed", misread(game, preference=DensePreference(-skew))
    yield "tau halved", misread(game, tau=game.tau / 2)
    yield "tau inverted", misread(game, tau=1 / game.tau)
    yield "margins doubled", misread(game.replace(tau=game.tau), preference=DensePreference(0.5 * skew))
    yield "uniform reference", misread(game, reference=None)
    yield "reversed reference", misread(game, reference=game.reference[0][::-1])
    one = skew.copy()
    one[0, 1], one[1, 0] = -one[0, 1], -one[1, 0]
    yield "one pair flipped", misread(game, preference=DensePreference(one))


@pytest.mark.parametrize("seed", range(3))
def test_a_planted_fault_is_seen(seed):
    game = make_game("uniform", 4, 0.2, "normal", seed=seed)
    seen = solve_cvxpy(game)
    check_agreement(solve_newton(game), seen)
    for fault, wrong in planted_faults(game):
        with pytest.raises(EquilibriumDisagreement, match="newton and cvxpy disagree.*apart in L1"):
            check_agreement(wrong, seen)
            pytest.fail(f"{fault} went unseen")


def test_a_perturbation_is_seen_from_the_certified_accuracy_on():
    game = make_game("uniform", 4, 0.2, "normal")
    exact, seen = solve_newton(game), solve_cvxpy(game)

    def shifted(size):
        policy = np.exp(exact.log_policy)
        policy[0, 0] -= size / 2
        policy[0, 1] += size / 2
        return dataclasses.replace(exact, log_policy=np.log(policy))

    with pytest.raises(EquilibriumDisagreement):
        check_agreement(shifted(3 * seen.accuracy[0]), seen)
    check_agreement(shifted(0.5 * seen.accuracy[0]), seen)


def test_a_fault_in_one_context_is_seen_and_named():
    stack = random_game(5, actions=3, tau=0.3, contexts=3)
    exact, seen = solve_newton(stack), solve_cvxpy(stack)
    check_agreement(exact, seen)
    wrong = exact.log_policy.copy()
    wrong[1] = wrong[1][::-1]
    with pytest.raises(EquilibriumDisagreement, match="context 1"):
        check_agreement(dataclasses.replace(exact, log_policy=wrong), seen)


def test_nan_is_a_disagreement():
    game = make_game("uniform", 3, 0.2)
    exact = solve_newton(game)
    with pytest.raises(EquilibriumDisagreement):
        check_agreement(dataclasses.replace(exact, log_policy=np.full((1, 3), np.nan)), solve_cvxpy(game))


def test_answers_for_different_games_cannot_be_compared():
    with pytest.raises(NashsimError, match="two answers for one game"):
        check_agreement(
            solve_newton(PreferenceGame(COMAL, tau=0.1)), solve_cvxpy(PreferenceGame(COMAL, tau=0.2))
        )


def test_policy_and_accuracy_owe_nothing_to_the_best_response_or_newton(monkeypatch):
    game = make_game("uniform", 4, 0.2, "normal")
    before = solve_cvxpy(game)

    def broken(*_, **__):
        return np.zeros((1, 4))

    monkeypatch.setattr("nashsim.equilibrium.certificate.accurate_log_best_response", broken)
    monkeypatch.setattr("nashsim.equilibrium.newton.regularised_equilibrium", broken)
    monkeypatch.setattr(PreferenceGame, "log_best_response", broken)
    monkeypatch.setattr(PreferenceGame, "margin", broken)
    after = solve_cvxpy(game)
    assert after.residual != before.residual
    np.testing.assert_array_equal(after.log_policy, before.log_policy)
    np.testing.assert_array_equal(after.accuracy, before.accuracy)


def test_zero_masses_are_left_out_and_the_status_says_so():
    game = PreferenceGame(RPS, [0.5, 0.5, 0.0], tau=0.3, labels=["rock", "paper", "scissors"])
    found = solve_cvxpy(game)
    assert found.log_policy[0, 2] == -np.inf
    assert "(scissors)" in found.status and "L1" in found.status
    check_agreement(solve_newton(game), found)


def test_it_is_silent(capfd, recwarn):
    solve_cvxpy(make_game("signs", 10, 0.001, "tiny"))
    out, err = capfd.readouterr()
    assert (out, err) == ("", "") and not recwarn.list


@pytest.mark.skipif("ECOS" not in cvxpy.installed_solvers(), reason="ecos is not installed")
@pytest.mark.parametrize("name", games.names())
def test_the_proved_accuracy_without_ecos_is_no_worse(name, monkeypatch):
    """Found at most 1.011 times of ECOS's; CLARABEL asked once is up to 235 times off."""
    installed = cvxpy.installed_solvers()
    for tau in (1.0, 0.1, 0.01, 0.001):
        game = games.get(name).replace(tau=tau)
        monkeypatch.setattr(cvxpy, "installed_solvers", lambda: installed)
        with_ecos = solve_cvxpy(game).accuracy.max()
        monkeypatch.setattr(cvxpy, "installed_solvers", lambda: ["CLARABEL"])
        assert solve_cvxpy(game).accuracy.max() <= 1.02 * with_ecos, (name, tau)


def test_a_failing_solver_is_passed_over(monkeypatch):
    def fails(*args, **kwargs):
        if kwargs["solver"] == "ECOS":
            raise cvxpy.error.SolverError("out of luck")
        return solve(*args, **kwargs)

    solve = cvxpy.Problem.solve
    monkeypatch.setattr(cvxpy.Problem, "solve", fails)
    game = PreferenceGame(COMAL, tau=0.1)
    found = solve_cvxpy(game)
    assert "CLARABEL" in found.status
    check_agreement(solve_newton(game), found)


@pytest.mark.skipif("SCS" not in cvxpy.installed_solvers(), reason="scs is not installed")
def test_a_solver_without_an_answer_or_not_installed_is_passed_over(monkeypatch):
    def says_nothing(self, **kwargs):
        return solve(self, **kwargs) if kwargs["solver"] == "SCS" else None

    solve = cvxpy.Problem.solve
    monkeypatch.setattr(cvxpy.Problem, "solve", says_nothing)
    monkeypatch.setattr(cvxpy, "installed_solvers", lambda: ["CLARABEL", "SCS"])
    game = PreferenceGame(COMAL, tau=0.1)
    found = solve_cvxpy(game)
    assert "SCS" in found.status
    check_agreement(solve_newton(game), found)


@pytest.mark.parametrize(
    ("installed", "tried"),
    [
        (["ECOS", "CLARABEL", "SCS"], "ECOS: out of luck; CLARABEL: out of luck; SCS: out of luck"),
        (["CLARABEL"], "CLARABEL: out of luck; SCS: not installed"),
    ],
)
def test_if_all_fail_the_error_names_what_was_tried(monkeypatch, installed, tried):
    def fails(*_, **__):
        raise cvxpy.error.SolverError("out of luck")

    monkeypatch.setattr(cvxpy.Problem, "solve", fails)
    monkeypatch.setattr(cvxpy, "installed_solvers", lambda: installed)
    with pytest.raises(ConvergenceError, match=rf"\({tried}\)"):
        solve_cvxpy(PreferenceGame(COMAL, tau=0.1))


def test_a_game_without_tau_says_so():
    with pytest.raises(NashsimError, match="tau"):
        solve_cvxpy(PreferenceGame(COMAL))
