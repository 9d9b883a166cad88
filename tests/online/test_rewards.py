"""Reward learners: the compiled rounds against scipy and exact equilibria, and when they may be trusted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from nashsim import NashsimError, PreferenceGame, games
from nashsim.engine.feedback import Stream, streams
from nashsim.equilibrium import exploitability, solve_newton
from nashsim.online import play_learner
from nashsim.online.learners.rewards import XPO, BTNash, OnlineDPO
from nashsim.online.logistic_kernel import fit_rewards
from nashsim.online.play import iteration_grid
from nashsim.theory import power_of_rounds
from tests.online.same_bits import cut_in_threads
from tests.zoo import random_game, rock_paper_scissors

GAME = random_game(1, actions=4, tau=0.2)


def loss(r, wins, ridge, bonus=0.0, met=None, mu=None, beta=None):
    """Minus the log-likelihood of counted duels, with the ridge and XPO's bonus."""
    value = -(wins * log_expit(r[:, None] - r)).sum() + ridge * r @ r / 2
    if bonus:
        logits = np.log(mu) + r / beta
        value += bonus * met @ (logits - np.log(np.exp(logits).sum()))
    return value


def best_rewards(start, wins, *rest):
    """Scipy's minimiser: quasi-Newton steps, then an independent polish by Newton's on finite differences."""

    def gradient(r):
        missed = wins - (wins + wins.T) * expit(r[:, None] - r)
        slope = -missed.sum(axis=1) + rest[0] * r
        if len(rest) > 1 and rest[1]:
            bonus, met, mu, beta = rest[1:]
            pi = mu * np.exp(r / beta)
            slope += bonus * (met - met.sum() * pi / pi.sum()) / beta
        return slope

    r = minimize(lambda r: loss(r, wins, *rest), start, jac=gradient, method="BFGS").x
    h, n = 1e-5, len(r)
    for _ in range(4):
        hessian = np.array([(gradient(r + h * e) - gradient(r - h * e)) / (2 * h) for e in np.eye(n)])
        r = r - np.linalg.solve(hessian, gradient(r))
    return r


def written_out(game, learner, rounds, seed, flip=None):
    """Regret after every recorded round, from the equations alone, for one context."""
    mu, truth, n, tau = game.reference[0], game.preference.dense()[0] + 0.5, game.actions, game.tau
    beta = 4 * tau if flip != "inverse" else 1 / (4 * tau)
    stream, grid = Stream(int(streams([seed], [0])[0, 0])), set(iteration_grid(rounds).tolist())
    wins, met, r, pi, regret, found = np.zeros((n, n)), np.zeros(n), np.zeros(n), mu, 0.0, []
    hessian, fought, due = learner.ridge * np.eye(n), 0, 1.0
    alpha = getattr(learner, "alpha", 0.0) * (-1 if flip == "sign" else 1)
    for t in range(1, rounds + 1):
        regret += exploitability(game, np.log(pi)[None])[0]
        sampler = pi if (learner.pairs == "policy") != (flip == "pairs") else np.full(n, 1 / n)
        y = stream.draw(sampler)
        z = stream.draw(mu if learner.name == "xpo" and flip != "pairs" else sampler)
        if y != z:
            won = stream.uniform() < truth[y, z]
            winner, loser = (y, z) if won != (flip == "winner") else (z, y)
            wins[winner, loser] += 1
        if y != z or alpha:
            fought += 1
            met[z] += 1
            bonus = alpha / np.sqrt(fought)
            if fought >= due:
                due = fought + max(1, learner.share * fought)
                r = best_rewards(r, wins, learner.ridge, bonus, met, mu, beta)
                duels = (wins + wins.T) * expit(r[:, None] - r) * expit(r - r[:, None])
                hessian = np.diag(duels.sum(axis=1)) - duels + learner.ridge * np.eye(n)
            else:
                slope = bonus * (pi - np.eye(n)[z]) / beta
                if y != z:
                    x = np.eye(n)[winner] - np.eye(n)[loser]
                    hessian = hessian + expit(x @ r) * expit(-x @ r) * np.outer(x, x)
                    slope = slope + expit(-x @ r) * x
                r = r + np.linalg.solve(hessian, slope)
            if learner.name == "bt-nash":
                believed = expit(r[:, None] - r)
                fitted = PreferenceGame(
                    believed.T if flip == "transposed" else believed, tau=tau, reference=mu
                )
                pi = np.exp(np.asarray(solve_newton(fitted).log_policy)[0])
            else:
                pi = (1 if flip == "reference" else mu) * np.exp(r / beta)
                pi = pi / pi.sum()
        if t in grid:
            found.append(regret)
    return np.array(found)


@pytest.mark.parametrize(
    "learner",
    [
        OnlineDPO(share=0.0),
        OnlineDPO(pairs="uniform", share=0.3),
        BTNash(share=0.0, tolerance=1e-11),
        BTNash(pairs="uniform", share=0.3, tolerance=1e-11),
        XPO(share=0.0),
        XPO(share=0.3),
    ],
    ids=repr,
)
def test_compiled_rounds_are_the_written_ones(learner):
    """Rewards agree to some 1e-9 in either fit, and policies to that over beta or tau; a thousandth is to spare."""
    play = play_learner(GAME, learner, rounds=150, seeds=[5])
    np.testing.assert_allclose(play.values["regret"][0], written_out(GAME, learner, 150, 5), rtol=1e-6)


@pytest.mark.parametrize(
    "learner, flip",
    [
        (OnlineDPO(), "winner"),
        (OnlineDPO(), "inverse"),
        (OnlineDPO(), "pairs"),
        (OnlineDPO(), "reference"),
        (BTNash(tolerance=1e-11), "winner"),
        (BTNash(tolerance=1e-11), "transposed"),
        (BTNash(tolerance=1e-11), "pairs"),
        (XPO(), "sign"),
        (XPO(), "pairs"),
        (XPO(), "winner"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_every_convention_shows(learner, flip):
    play = play_learner(GAME, learner, rounds=150, seeds=[5])
    other = written_out(GAME, learner, 150, 5, flip)
    assert np.abs(play.values["regret"][0] / other - 1).max() > 1e-3


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("scale", [0, 10, 1e6])
def test_the_fit_is_the_logistic_optimum(seed, scale):
    """From a cold start, many duels or few, separable ones too: rewards to 1e-7, of which rounding takes 1e-8."""
    rng, n = np.random.default_rng(seed), 6
    wins = np.floor(scale * rng.random((n, n)) ** 8) * (rng.random((n, n)) < 0.6)
    np.fill_diagonal(wins, 0)
    reward, inverse = np.zeros(n), np.zeros((n, n))
    fit_rewards(wins, reward, 0.1, np.zeros(n), 1e-9, inverse, np.zeros((n + 4, n)))
    np.testing.assert_allclose(reward, best_rewards(np.zeros(n), wins, 0.1), atol=1e-7)
    duels = (wins + wins.T) * expit(reward[:, None] - reward) * expit(reward - reward[:, None])
    hessian = np.diag(duels.sum(axis=1)) - duels + 0.1 * np.eye(n)
    np.testing.assert_allclose(inverse @ hessian, np.eye(n), atol=1e-7)


@pytest.mark.parametrize("learner", [OnlineDPO(pairs="uniform"), BTNash(pairs="uniform")], ids=repr)
def test_refits_at_times_cost_little(learner):
    """Uniform pairs do not depend on the fits, so a seed meets the same duels: last regrets within a hundredth.

    Between refits a duel's step leaves out a curvature that changes by the share of the rewards' move, which falls with
    1/duels; only the first rounds differ to the eye.
    """
    game = rock_paper_scissors(tau=0.1, strength=0.6, reference=[0.6, 0.3, 0.1])
    often, seldom = (
        play_learner(game, cls, rounds=5000, seeds=4).values["regret"][:, -1]
        for cls in (type(learner)(pairs="uniform", share=0.0), learner)
    )
    np.testing.assert_allclose(seldom, often, rtol=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_the_equilibrium_is_a_fixed_point_of_its_own_pairs(seed):
    """NLHF, Proposition 2: the rewards fitted to all pairs of pi* have pi* as regularised Nash policy.

    Counts stand for expectations here, and a ridge of 1e-9 in them for none: pi* to 1e-6.
    """
    game = random_game(seed, actions=5, tau=0.1)
    log_pi = np.asarray(solve_newton(game).log_policy)[0]
    pi = np.exp(log_pi)
    even = np.full(5, 0.2)
    found = []
    for sampler in (pi, even):
        wins = np.outer(sampler, sampler) * (game.preference.dense()[0] + 0.5)
        np.fill_diagonal(wins, 0)
        r = best_rewards(np.zeros(5), wins, 1e-9)
        fitted = PreferenceGame(expit(r[:, None] - r), tau=0.1, reference=game.reference[0])
        found.append(np.abs(np.exp(np.asarray(solve_newton(fitted).log_policy)[0]) - pi).max())
    assert found[0] < 1e-6 < 1e-3 < found[1]


@pytest.mark.parametrize("learner", [OnlineDPO(), BTNash(), BTNash(pairs="uniform"), XPO()], ids=repr)
def test_threads_and_cuts_change_no_bit(tmp_path, learner):
    cut_in_threads(learner, 3000, tmp_path / "state.npz")


@pytest.mark.parametrize("learner", [OnlineDPO(), BTNash(), XPO()], ids=lambda learner: learner.name)
def test_a_stop_changes_no_bit(tmp_path, learner):
    game = random_game(3, actions=5, tau=0.2, contexts=2)
    whole = play_learner(game, learner, rounds=3000, seeds=3)

    def stop(done, total):
        if done > 900:
            raise KeyboardInterrupt

    kept = {"checkpoint": tmp_path / "state.npz", "interval": 0}
    with pytest.raises(KeyboardInterrupt):
        play_learner(game, learner, rounds=3000, seeds=3, progress=stop, **kept)
    again = play_learner(game, learner, rounds=3000, seeds=3, **kept)
    np.testing.assert_array_equal(whole.log_policy, again.log_policy)
    np.testing.assert_array_equal(whole.values["regret"], again.values["regret"])


@pytest.mark.parametrize("learner", [OnlineDPO(pairs="uniform"), BTNash(pairs="uniform"), XPO()], ids=repr)
def test_absent_responses_are_never_duelled(learner):
    game = PreferenceGame(GAME.preference, tau=0.2, reference=[0.5, 0.5, 0.0, 0.0])
    play = play_learner(game, learner, rounds=500, seeds=2)
    assert np.isneginf(play.log_policy[:, 0, 2:]).all()
    assert np.isfinite(play.values["regret"]).all()


@pytest.mark.parametrize(
    "cls, wrong",
    [
        (OnlineDPO, {"pairs": "others"}),
        (OnlineDPO, {"beta": 0.0}),
        (BTNash, {"ridge": 0.0}),
        (BTNash, {"tolerance": 0.0}),
        (BTNash, {"share": -1.0}),
        (XPO, {"pairs": "uniform"}),
        (XPO, {"alpha": float("nan")}),
    ],
)
def test_bad_parameters_are_named(cls, wrong):
    with pytest.raises(NashsimError, match=next(iter(wrong))):
        cls(**wrong)


def transitive():
    """Rewards .6, .3, 0: preferences that Bradley-Terry can be right about."""
    r = np.array([0.6, 0.3, 0.0])
    return PreferenceGame(expit(r[:, None] - r), tau=0.1)


CYCLES = {
    "biased": lambda: games.get("biased-rps").replace(tau=0.1),
    "skewed reference": lambda: rock_paper_scissors(tau=0.1, strength=0.6, reference=[0.6, 0.3, 0.1]),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "learner", [OnlineDPO(pairs="uniform"), BTNash(pairs="uniform")], ids=lambda learner: learner.name
)
def test_rewards_of_uniform_pairs_are_linear_on_cycles_only(learner):
    for game in CYCLES.values():
        play = play_learner(game(), learner, rounds=100_000, seeds=20)
        assert power_of_rounds(play.rounds, play.values["regret"]).value >= 0.95
    play = play_learner(transitive(), learner, rounds=100_000, seeds=20)
    assert power_of_rounds(play.rounds, play.values["regret"]).value <= 0.25


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CYCLES, "transitive"])
def test_rewards_of_the_policys_own_pairs_serve_even_on_cycles(name):
    game = transitive() if name == "transitive" else CYCLES[name]()
    play = play_learner(game, BTNash(), rounds=100_000, seeds=20)
    assert power_of_rounds(play.rounds, play.values["regret"]).value <= 0.25
