"""Equilibria far below tau = 1e-3: no game is given up, and what is certified holds in sixty digits."""

import numpy as np
import pytest

from nashsim import PreferenceGame
from nashsim.equilibrium import solve_newton
from nashsim.equilibrium.double_double import as_double, exponential, two_product, two_sum

TAUS = (1e-4, 1e-5, 1e-6)


def small_game(seed, tau):
    """2 to 8 actions: margins in general position, in eighths, of signs alone, or of many scales."""
    rng = np.random.default_rng([7, seed])
    kind, n = seed % 4, int(rng.integers(2, 9))
    margin = [
        lambda: rng.uniform(-0.5, 0.5, (n, n)),
        lambda: rng.integers(-4, 5, (n, n)) / 8,
        lambda: rng.choice([-0.5, 0.5], (n, n)),
        lambda: rng.uniform(-0.5, 0.5, (n, n)) * 10.0 ** rng.uniform(-3, 0, (n, n)),
    ][kind]()
    upper = np.triu(margin, 1)
    mu = np.maximum(rng.dirichlet(np.full(n, rng.choice([0.2, 1.0, 5.0]))), 1e-8)
    return PreferenceGame(upper - upper.T + 0.5, mu / mu.sum(), tau=tau)


def solve_all(seeds):
    for tau in TAUS:
        for seed in seeds:
            found = solve_newton(small_game(seed, tau))
            assert found.accuracy[0] < 1e-11, (seed, tau)


def test_no_small_game_is_given_up():
    solve_all(range(100))


@pytest.mark.slow
def test_no_small_game_of_thousands_is_given_up():
    solve_all(range(3000))


def exact(game, log_start):
    """pi* to forty digits, by Newton's method in sixty."""
    mpmath = pytest.importorskip("mpmath")
    mp = mpmath.mp.clone() if hasattr(mpmath.mp, "clone") else mpmath.mp
    mp.dps = 60
    skew, n, sharpness = mp.matrix(game.preference.dense()[0].tolist()), game.actions, 1 / mp.mpf(game.tau)
    log_mu, theta = ([mp.mpf(float(x)) for x in values] for values in (game.log_reference[0], log_start))
    for _ in range(12):
        weights = [mp.exp(t - max(theta)) for t in theta]
        policy = mp.matrix([w / mp.fsum(weights) for w in weights])
        payoff = skew * policy
        mismatch = mp.matrix([theta[i] - log_mu[i] - sharpness * payoff[i] for i in range(n)])
        jacobian = mp.eye(n)
        for i in range(n):
            for j in range(n):
                jacobian[i, j] -= sharpness * (skew[i, j] - payoff[i]) * policy[j]
        step = mp.lu_solve(jacobian, mismatch)
        theta = [theta[i] - step[i] for i in range(n)]
        if max(abs(x) for x in step) < mp.mpf(10) ** -40:
            return [policy[i] for i in range(n)], mp
    raise AssertionError("no convergence in sixty digits")


@pytest.mark.parametrize("tau", [1e-3, *TAUS])
def test_the_certified_accuracy_holds_in_sixty_digits(tau):
    tightest = 0.0
    for seed in range(16):
        game = small_game(seed, tau)
        found = solve_newton(game)
        policy, mp = exact(game, found.log_policy[0])
        masses = [mp.mpf(float(x)) for x in np.exp(found.log_policy[0])]
        distance = mp.fsum(abs(one - other) for one, other in zip(policy, masses, strict=True))
        tightest = max(tightest, float(distance / found.accuracy[0]))
    assert 1e-3 < tightest <= 1


def test_a_support_on_which_a_game_is_singular_is_reached_by_whole_steps():
    # A_02 = 0 on the support {0, 2}: on the way to its masses other actions' mismatch grows, and damping stops short
    game = small_game(1821, 1e-6)
    found = solve_newton(game)
    policy, mp = exact(game, found.log_policy[0])
    distance = mp.fsum(abs(p - mp.mpf(float(q))) for p, q in zip(policy, found.probabilities[0], strict=True))
    assert distance <= found.accuracy[0] < 1e-13
    assert found.probabilities[0, 0] == pytest.approx(0.416655, abs=1e-6)


def test_the_status_tells_of_the_rounding_of_the_policy():
    found = solve_newton(small_game(6, 1e-6))
    assert found.residual > 1e-13 and "own rounding to float64" in found.status
    assert found.accuracy[0] < found.residual  # the equilibrium is known better than its best response is met


def test_two_floats_hold_twice_the_digits():
    mpmath = pytest.importorskip("mpmath")
    rng = np.random.default_rng(0)
    with mpmath.workdps(60):
        for high, low in zip(-(10.0 ** rng.uniform(-8, 2.8, 50)), rng.uniform(-1, 1, 50), strict=True):
            low *= abs(high) * 2.0**-54
            found = exponential(as_double(np.array([high])) + low)
            due = mpmath.exp(mpmath.mpf(high) + mpmath.mpf(low))
            assert abs((mpmath.mpf(float(found.high[0])) + float(found.low[0])) / due - 1) < 2**-98
        for a, b in rng.normal(size=(50, 2)) * 10.0 ** rng.uniform(-5, 5, (50, 2)):
            assert sum(map(mpmath.mpf, map(float, two_sum(a, b)))) == mpmath.mpf(a) + mpmath.mpf(b)
            assert sum(map(mpmath.mpf, map(float, two_product(a, b)))) == mpmath.mpf(a) * mpmath.mpf(b)
            third = as_double(np.float64(a)) / b
            quotient = mpmath.mpf(float(third.high)) + float(third.low)
            assert abs(quotient * mpmath.mpf(b) / mpmath.mpf(a) - 1) < 2**-98
    assert exponential(as_double(np.array([-1e5]))).high[0] == 0
