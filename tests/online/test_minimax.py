"""Minimax-oracle learners: the compiled rounds against exact equilibria of the counted game."""

from __future__ import annotations

import numpy as np
import pytest

from nashsim import NashsimError, PreferenceGame
from nashsim.engine.feedback import Stream, streams
from nashsim.equilibrium import exploitability, solve_newton
from nashsim.games.hard import hard_b
from nashsim.online import play_learner
from nashsim.online.learners.minimax import MinimaxAdversary, MinimaxReference, MinimaxSelf
from nashsim.online.learners.minimax_kernel import solve_nash
from nashsim.online.play import iteration_grid
from tests.online.same_bits import cut_in_threads
from tests.zoo import random_game, rock_paper_scissors

LEARNERS = (MinimaxReference, MinimaxSelf, MinimaxAdversary)


def written_out(game, learner, rounds, seed, flip=None):
    """Regret after every recorded round, with exact equilibria, for one context."""
    mu, truth, n = game.reference[0], game.preference.dense()[0] + 0.5, game.actions
    stream, grid = Stream(int(streams([seed], [0])[0, 0])), set(iteration_grid(rounds).tolist())
    wins, regret, found = np.zeros((n, n)), 0.0, []
    for winner, loser, duels in learner.prior:
        wins[winner, loser] += duels
    for t in range(1, rounds + 1):
        duels = wins + wins.T
        believed = (wins + 0.5) / (duels + 1)
        believed = believed.T if flip == "transposed" else believed
        log_pi = np.asarray(solve_newton(PreferenceGame(believed, tau=game.tau, reference=mu)).log_policy)
        pi = np.exp(log_pi[0])
        regret += exploitability(game, log_pi)[0]
        y = stream.draw(pi)
        if learner.opponent == "adversary":
            unknown = 1 / np.sqrt(duels + 1)
            if flip != "diagonal":
                unknown[np.arange(n), np.arange(n)] = 0
            z = int(np.argmax(pi @ unknown))
        else:
            z = stream.draw(mu if (learner.opponent == "reference") != (flip == "opponent") else pi)
        if y != z:
            if stream.uniform() < truth[y, z]:
                wins[y, z] += 1
            else:
                wins[z, y] += 1
        if t in grid:
            found.append(regret)
    return np.array(found)


GAME = random_game(1, actions=4, tau=0.1)


@pytest.mark.parametrize("cls", LEARNERS)
@pytest.mark.parametrize("prior", [(), ((0, 1, 3.0), (2, 0, 1.5))])
def test_compiled_rounds_are_the_written_ones(cls, prior):
    """A residual of 1e-11 tau leaves a change of some 1e-10 in log pi, and less in the gap of a policy off pi*."""
    learner = cls(prior=prior, tolerance=1e-11)
    play = play_learner(GAME, learner, rounds=150, seeds=[5])
    np.testing.assert_allclose(play.values["regret"][0], written_out(GAME, learner, 150, 5), rtol=1e-7)


@pytest.mark.parametrize(
    "cls, flip",
    [
        (MinimaxReference, "transposed"),
        (MinimaxReference, "opponent"),
        (MinimaxSelf, "opponent"),
        (MinimaxAdversary, "diagonal"),
    ],
)
def test_every_convention_shows(cls, flip):
    learner = cls(tolerance=1e-11)
    play = play_learner(GAME, learner, rounds=150, seeds=[5])
    other = written_out(GAME, learner, 150, 5, flip)
    assert np.abs(play.values["regret"][0] / other - 1).max() > 1e-3


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("tau", [1.0, 0.1, 0.02])
def test_newton_of_the_round_is_the_exact_equilibrium(seed, tau):
    """From a cold start, at the same fixed point as the package's solver: log pi to 1e-9."""
    game = random_game(seed, actions=8, tau=tau)
    n = game.actions
    theta, log_policy, policy = np.zeros(n), np.zeros(n), np.zeros(n)
    skew = np.ascontiguousarray(game.preference.dense()[0])
    met = solve_nash(skew, game.log_reference[0], tau, theta, 1e-13, log_policy, policy, np.zeros((n + 5, n)))
    assert met
    np.testing.assert_allclose(log_policy, np.asarray(solve_newton(game).log_policy)[0], atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_one_newton_step_of_the_round_squares_the_residual(seed):
    """At tau = 1 second derivatives are of order 1: from 1e-4 the one step that is asked for leaves 1e-8."""
    game = random_game(seed, actions=6, tau=1.0)
    n, skew = game.actions, np.ascontiguousarray(game.preference.dense()[0])
    exact = skew @ np.exp(np.asarray(solve_newton(game).log_policy)[0])
    theta = exact + 1e-4 * np.cos(np.arange(n))
    log_policy, policy = np.zeros(n), np.zeros(n)
    assert solve_nash(skew, game.log_reference[0], 1.0, theta, 5e-5, log_policy, policy, np.zeros((n + 5, n)))
    assert np.abs(theta - skew @ policy).max() < 1e-7


@pytest.mark.parametrize("cls", LEARNERS)
def test_the_tolerance_of_a_round_costs_little(cls):
    """A round's residual leaves a gap <= tolerance^2 tau/(2t) beside the estimate's; their sum over T = 20,000 is .005.

    The draws part ways, so means of 16 seeds are compared within four standard errors.
    """
    game = rock_paper_scissors(tau=0.1, strength=0.6, reference=[0.6, 0.3, 0.1])
    loose, tight = (
        play_learner(game, cls(tolerance=tolerance), rounds=20_000, seeds=16).values["regret"][:, -1]
        for tolerance in (0.1, 1e-9)
    )
    error = np.sqrt((loose.var(ddof=1) + tight.var(ddof=1)) / 16)
    assert abs(loose.mean() - tight.mean()) < 4 * error


def test_only_the_adversary_meets_what_nobody_plays():
    game = hard_b(tau=0.01)
    found = {cls: play_learner(game, cls(), rounds=2000, seeds=4).values["regret"][:, -1] for cls in LEARNERS}
    assert found[MinimaxAdversary].max() < 5
    np.testing.assert_allclose(found[MinimaxReference], 2000 * 0.25, rtol=0.01)
    np.testing.assert_allclose(found[MinimaxSelf], 2000 * 0.25, rtol=0.01)


def test_threads_and_cuts_change_no_bit(tmp_path):
    for cls in LEARNERS:
        cut_in_threads(cls(), 3000, tmp_path / f"{cls.name}.npz")


@pytest.mark.parametrize("prior", [((0, 0, 1.0),), ((0, 1, -1.0),), ((0, 1),), ((0, 9, 1.0),)])
def test_bad_priors_are_named(prior):
    with pytest.raises(NashsimError, match="prior"):
        play_learner(GAME, MinimaxSelf(prior=prior), rounds=10, seeds=1)


def test_bad_tolerance_is_named():
    with pytest.raises(NashsimError, match="tolerance"):
        MinimaxSelf(tolerance=0.0)
