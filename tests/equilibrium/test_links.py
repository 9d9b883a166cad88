"""Equilibria under other regularisers than KL: exact supports, 40 digits, and CVXPY."""

from fractions import Fraction
from itertools import combinations

import mpmath as mp
import numpy as np
import pytest

from nashsim import NashsimError, PreferenceGame, certify, duality_gap, exploitability, lottery, solve
from nashsim.equilibrium import check_agreement
from nashsim.equilibrium.links import dropped_note
from nashsim.regularisers import get_regulariser
from nashsim.regularisers.kl import KL

from ..zoo import random_game

WORDS = ("chi2", "mixed", "mixed:0.2", "forward-kl", "tsallis:1.5", "tsallis:0.5")


def solve_exactly(matrix, right):
    """Gaussian elimination in fractions."""
    rows = [[*row, b] for row, b in zip(matrix, right, strict=True)]
    n = len(rows)
    for k in range(n):
        pivot = next(i for i in range(k, n) if rows[i][k] != 0)
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [x / rows[k][k] for x in rows[k]]
        for i in range(n):
            if i != k:
                rows[i] = [x - rows[i][k] * y for x, y in zip(rows[i], rows[k], strict=True)]
    return [row[-1] for row in rows]


def chi2_equilibria(skew, mu, tau):
    """Every (support, policy) that meets tau (p/mu - 1) = A p - lambda on it and <= off it, by enumeration."""
    n, found = len(mu), []
    for size in range(1, n + 1):
        for inside in combinations(range(n), size):
            rows = [
                [(tau / mu[i] if i == j else Fraction(0)) - skew[i][j] for j in inside] + [Fraction(1)]
                for i in inside
            ]
            rows.append([Fraction(1)] * size + [Fraction(0)])
            *p, shift = solve_exactly(rows, [Fraction(tau)] * size + [Fraction(1)])
            if min(p) <= 0:
                continue
            payoff = [sum(skew[i][j] * x for j, x in zip(inside, p, strict=True)) for i in range(n)]
            if all(payoff[i] - shift <= -tau for i in range(n) if i not in inside):
                found.append((inside, p))
    return found


@pytest.mark.parametrize("seed", range(24))
def test_chi2_has_the_support_and_the_policy_of_exact_enumeration(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 7))
    upper = np.triu(rng.integers(-8, 9, (n, n)), 1)
    weights = rng.integers(1, 12, n)
    tau = Fraction(int(rng.integers(1, 9)), int(rng.choice([8, 40, 200])))
    skew = [[Fraction(int(x), 16) for x in row] for row in upper - upper.T]
    mu = [Fraction(int(w), int(weights.sum())) for w in weights]
    [(inside, exact)] = chi2_equilibria(skew, mu, tau)
    game = PreferenceGame(
        np.array(skew, dtype=float) + 0.5, np.array(mu, dtype=float), tau=float(tau), regulariser="chi2"
    )
    found = solve(game)
    assert tuple(np.flatnonzero(found.probabilities[0])) == inside
    assert np.abs(found.probabilities[0, list(inside)] - np.array(exact, dtype=float)).sum() <= 1e-13 / float(
        tau
    )
    assert found.probabilities.max() / game.reference.max() <= 1 / game.reference.min()
    dropped = n - len(inside)
    assert (f"{dropped} of {n} responses get no mass" in found.status) == (dropped > 0)
    # Tsallis 2 is the same regulariser by another file
    other = solve(game.replace(regulariser="tsallis:2"))
    assert np.abs(other.probabilities - found.probabilities).max() < 1e-12 / float(tau)


def link(word, u):
    name, _, number = word.partition(":")
    if name == "tsallis":
        q = mp.mpf(number)
        return (u ** (q - 1) - 1) / (q - 1)
    return {"chi2": u - 1, "forward-kl": 1 - 1 / u}.get(name, mp.log(u) + mp.mpf(number or 1) * (u - 1))


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("seed", range(4))
def test_stationarity_in_forty_digits(word, seed):
    """findroot on tau f'(pi/mu) = A pi - lambda, sum pi = 1, on the support, ends at the same policy."""
    mp.mp.dps = 40
    game = random_game(seed, actions=4, tau=(0.05, 0.3, 1.0, 4.0)[seed]).replace(regulariser=word)
    found = solve(game)
    inside = np.flatnonzero(found.probabilities[0])
    skew = mp.matrix(game.preference.dense()[0][np.ix_(inside, inside)].tolist())
    mu = [mp.mpf(x) for x in game.reference[0, inside]]
    pi = [mp.mpf(x) for x in found.probabilities[0, inside]]

    def equations(*z):
        p, shift = mp.matrix(z[:-1]), z[-1]
        payoff = skew * p
        rows = [game.tau * link(word, p[i] / mu[i]) - payoff[i] + shift for i in range(len(mu))]
        return [*rows, sum(z[:-1]) - 1]

    shift = (skew * mp.matrix(pi))[0] - game.tau * link(word, pi[0] / mu[0])
    exact = mp.findroot(equations, [*pi, shift], tol=1e-50, verify=False)
    distance = float(sum(abs(exact[i] - pi[i]) for i in range(len(pi))))
    assert distance <= min(found.accuracy[0], 1e-11)
    assert found.residual <= 1e-13 and found.duality_gap < 1e-24


@pytest.mark.parametrize("word", [*WORDS, "kl"])
def test_cvxpy_agrees(word):
    for seed, tau in ((1, 0.05), (2, 0.4), (3, 2.0)):
        game = random_game(seed, actions=5, tau=tau).replace(regulariser=word)
        witness = solve(game, "cvxpy")
        assert check_agreement(solve(game), witness) <= witness.accuracy[0] < 3e-7


@pytest.mark.parametrize("word", WORDS)
def test_gap_is_what_a_best_response_gains_by_brute_force(word):
    """tau times the closed form against max_pi' J(pi', pi) - 1/2 found by CVXPY from f alone."""
    import cvxpy as cp

    r = get_regulariser(word)
    for seed in range(3):
        game = random_game(seed, actions=4, tau=0.3).replace(regulariser=word)
        rng = np.random.default_rng(seed)
        pi, mu, p = rng.dirichlet(np.ones(4)), game.reference[0], game.probabilities[0]
        if seed == 2 and r.floor > -np.inf:  # mass where the best response has none is paid for
            pi = np.eye(4)[np.argmin(p @ mu)]
            game = game.replace(tau=0.02)
        other = cp.Variable(4, nonneg=True)
        gain = other @ (p @ pi) - game.tau * mu @ r.cvxpy_generator(cp.multiply(1 / mu, other))
        best = cp.Problem(cp.Maximize(gain), [cp.sum(other) == 1])
        best.solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
        with np.errstate(divide="ignore"):
            own = (mu * r.generator(pi / mu)).sum()
        expected = best.value + game.tau * own - 0.5
        assert exploitability(game, pi)[0] == pytest.approx(expected, rel=1e-6, abs=1e-8)
        assert certify(game, pi).value == pytest.approx(0.5 - expected, rel=1e-6)
        assert duality_gap(game, pi)[0] == 2 * exploitability(game, pi)[0]


def test_the_general_way_is_the_kl_way_for_kl():
    class Typed(KL):
        """KL by the path of every other regulariser."""

    for seed in range(4):
        game = random_game(seed, actions=6, tau=(0.01, 0.1, 1.0, 10.0)[seed], contexts=2)
        general = game.replace(regulariser=Typed())
        one, other = solve(game), solve(general)
        assert np.abs(one.log_policy - other.log_policy).max() < 1e-11
        start = np.full((2, 6), 1 / 6)
        assert exploitability(general, start) == pytest.approx(exploitability(game, start), rel=1e-12)


def test_ratios_stay_in_their_ranges_and_small_tau_tends_to_the_lottery():
    """pi*/mu <= 1 + 1/tau for chi2, within e^(±1/tau) for KL; the lottery is the limit of each."""
    for seed in range(6):
        for word in ("chi2", "mixed", "kl"):
            game = random_game(seed, actions=5, tau=0.2).replace(regulariser=word)
            ratio = solve(game).probabilities / game.reference
            assert ratio.max() <= (1 + 1 / 0.2 if word != "kl" else np.exp(1 / 0.2))
        game = random_game(seed, actions=5, tau=0.2)
        limit = lottery(game).probabilities
        for word in ("chi2", "mixed", "tsallis:1.5"):
            near = [
                np.abs(solve(game.replace(tau=t, regulariser=word)).probabilities - limit).sum()
                for t in (0.1, 1e-3)
            ]
            assert near[1] < 0.3 * near[0] + 1e-9


def test_storages_zeros_of_the_reference_and_starts():
    rng = np.random.default_rng(0)
    rewards = rng.normal(size=(2, 600))
    from nashsim.preferences import AnnotatorPreference, LowRankPreference

    low = AnnotatorPreference(rewards).low_rank()
    assert isinstance(low, LowRankPreference)
    mu = rng.dirichlet(np.ones(600))
    factored = PreferenceGame(low, mu, tau=0.05, regulariser="chi2")
    dense = PreferenceGame(low.dense()[0] + 0.5, mu, tau=0.05, regulariser="chi2")
    one, other = solve(factored), solve(dense)
    assert ((one.probabilities > 0) == (other.probabilities > 0)).all()
    assert np.abs(one.probabilities - other.probabilities).sum() < 1e-12
    game = PreferenceGame(
        random_game(0, actions=4).probabilities, [0.5, 0, 0.3, 0.2], tau=0.1, regulariser="mixed"
    )
    found = solve(game)
    assert found.probabilities[0, 1] == 0 and "mass 0 on 1 of 4" in found.status
    inner = [0, 2, 3]
    small = PreferenceGame(
        game.probabilities[0][np.ix_(inner, inner)], [0.5, 0.3, 0.2], tau=0.1, regulariser="mixed"
    )
    assert np.abs(solve(small).probabilities[0] - found.probabilities[0, inner]).max() < 1e-13
    from nashsim.equilibrium import solve_newton

    again = solve_newton(game, start=found)
    assert (
        again.iterations <= found.iterations
        and np.abs(again.probabilities - found.probabilities).max() < 1e-14
    )


def test_what_is_of_kl_alone_says_so():
    from nashsim import rankings
    from nashsim.online.play import play_learner

    game = random_game(0, actions=3).replace(regulariser="chi2")
    for call in (lambda: rankings(game), lambda: play_learner(game, "enpo", rounds=10)):
        with pytest.raises(NashsimError, match="chi2"):
            call()


def test_a_response_at_the_edge_of_having_mass_is_called_so():
    """chi2 at mu = (1/2, 1/2) drops the worse response from tau = margin/2 on: links 1 and -1 are margin/tau apart."""
    at_edge = "at the edge within rounding"
    for tau, said in ((0.25, at_edge), (0.25 - 5e-16, at_edge), (0.25 - 5e-15, "beyond rounding")):
        game = PreferenceGame([[0.5, 1.0], [0.0, 0.5]], tau=tau, regulariser="chi2")
        log_policy = np.array([[0.0, -np.inf]])
        assert said in dropped_note(game, log_policy, np.zeros(1))


def test_a_residual_that_rounding_keeps_is_not_called_exact():
    rare = np.exp([0.0, -60.0, -75.0, -40.0, -55.0])
    said = set()
    for seed in range(20):
        game = PreferenceGame(
            random_game(seed, 5).preference.dense()[0] + 0.5,
            reference=rare / rare.sum(),
            tau=0.01,
            regulariser="tsallis:0.5",
        )
        try:
            found = solve(game)
        except NashsimError:
            continue
        exact = found.certificate.residual <= 1e-13
        said.add(exact)
        assert found.status.startswith("Exact to rounding" if exact else "Rounding keeps the residual at"), (
            seed
        )
    assert said == {True, False}
