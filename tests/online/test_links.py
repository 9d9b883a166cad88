"""Learners under other regularisers: compiled rounds against exact equilibria, and who refuses."""

import numpy as np
import pytest

from nashsim import NashsimError, PreferenceGame, solve
from nashsim.engine.feedback import Stream, streams
from nashsim.equilibrium import exploitability
from nashsim.online import LEARNERS, play_learner
from nashsim.online.arena import make_arena, open_book
from nashsim.online.learners.iterative import OnlineINPO, OnlineNashMD
from nashsim.online.learners.minimax import MinimaxAdversary, MinimaxReference, MinimaxSelf
from nashsim.online.links import link_arguments
from nashsim.online.play import iteration_grid
from nashsim.regularisers import normalise
from tests.zoo import random_game

WORDS = ("chi2", "mixed", "mixed:0.3", "forward-kl", "tsallis:1.5", "tsallis:0.5")
MINIMAX = (MinimaxReference, MinimaxSelf, MinimaxAdversary)
ITERATIVE = (OnlineINPO(), OnlineINPO(schedule="root"), OnlineNashMD(), OnlineNashMD(schedule="root"))


def compiled_nash(game):
    """Return the compiled Newton's equilibrium of a game of one context, from a cold start, and whether it is met."""
    from nashsim.online.learners.links_kernel import solve_link_nash

    arena, _, link, inverse, slope, _ = link_arguments(game, make_arena(game), open_book(game, [0]))
    n = game.actions
    policy = np.zeros(n)
    met = solve_link_nash(
        arena.skew[0], 0, link, inverse, slope, game.tau, np.zeros(n), 1e-12, policy, np.zeros((n + 6, n))
    )
    return policy, met


@pytest.mark.parametrize("word", WORDS)
def test_newton_of_the_round_is_the_exact_equilibrium(word):
    """A residual of 1e-12 in theta moves pi by at most slope x 1e-12/tau, below 1e-9 at tau >= .02 here."""
    for seed in range(6):
        for tau in (1.0, 0.1, 0.02):
            game = random_game(seed, actions=2 + seed % 6, tau=tau).replace(regulariser=word)
            policy, met = compiled_nash(game)
            assert met
            np.testing.assert_allclose(policy, solve(game).probabilities[0], atol=1e-9)


def written_out(game, learner, rounds, seed):
    """Regret of a minimax learner after every recorded round, with exact equilibria."""
    mu, truth, n = game.reference[0], game.probabilities[0], game.actions
    stream, grid = Stream(int(streams([seed], [0])[0, 0])), set(iteration_grid(rounds).tolist())
    wins, regret, found = np.zeros((n, n)), 0.0, []
    for t in range(1, rounds + 1):
        duels = wins + wins.T
        believed = game.replace(preference=(wins + 0.5) / (duels + 1))
        pi = solve(believed).probabilities[0]
        regret += exploitability(game, pi)[0]
        y = stream.draw(pi)
        if learner.opponent == "adversary":
            unknown = 1 / np.sqrt(duels + 1)
            unknown[np.arange(n), np.arange(n)] = 0
            z = int(np.argmax(pi @ unknown))
        else:
            z = stream.draw(mu if learner.opponent == "reference" else pi)
        if y != z:
            won = stream.uniform() < truth[y, z]
            wins[y, z] += won
            wins[z, y] += not won
        if t in grid:
            found.append(regret)
    return np.array(found)


@pytest.mark.parametrize("word", ("chi2", "mixed", "forward-kl"))
@pytest.mark.parametrize("cls", MINIMAX)
def test_compiled_rounds_are_the_written_ones(cls, word):
    """A residual of 1e-11 tau in theta leaves a change of 1e-9 at most in a regret of about 1."""
    game = random_game(1, actions=4, tau=0.1).replace(regulariser=word)
    learner = cls(tolerance=1e-11)
    play = play_learner(game, learner, rounds=80, seeds=[5])
    np.testing.assert_allclose(play.values["regret"][0], written_out(game, learner, 80, 5), rtol=1e-6)


@pytest.mark.parametrize("learner", [*(cls(tolerance=1e-11) for cls in MINIMAX), *ITERATIVE], ids=repr)
def test_kl_by_the_general_kernel_is_kl(learner):
    game = random_game(2, actions=4, tau=0.2, contexts=2)
    plain, general = (
        play_learner(g, learner, rounds=400, seeds=3) for g in (game, game.replace(regulariser="tsallis:1"))
    )
    for name, values in plain.values.items():
        np.testing.assert_allclose(general.values[name], values, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(np.exp(general.log_policy), np.exp(plain.log_policy), atol=1e-9)


@pytest.mark.parametrize("word", WORDS)
def test_iterative_fit_is_mapped_by_the_link(word):
    """theta of the ridge fit, solved at once from the duels that were drawn, and pi = mu h(theta/tau - lambda)."""
    game = random_game(3, actions=4, tau=0.3).replace(regulariser=word)
    learner, rounds = OnlineINPO(ridge=2.0), 60
    stream, mu = Stream(int(streams([4], [0])[0, 0])), game.reference[0]
    pi, normal, right, regret = mu, 2.0 * np.eye(4), np.zeros(4), 0.0
    for _ in range(rounds):
        regret += exploitability(game, pi)[0]
        y, z = stream.draw(pi), stream.draw(pi)
        d = np.eye(4)[y] - np.eye(4)[z]
        won = stream.uniform() < game.probabilities[0][y, z]
        normal += np.outer(d, d)
        right += d * (won - 0.5)
        values = normalise(game.regulariser, mu, np.linalg.solve(normal, right) / game.tau)
        pi = mu * game.regulariser.anchored_inverse(values)
    play = play_learner(game, learner, rounds=rounds, seeds=[4])
    np.testing.assert_allclose(play.values["regret"][0, -1], regret, rtol=1e-9)
    np.testing.assert_allclose(np.exp(play.log_policy[0, 0]), pi, atol=1e-12)


def test_a_response_that_chi2_drops_is_met_by_the_reference_only():
    """At tau = .02 a wrong first label drops the better of two: self-play never meets it again, y' ~ mu does."""
    game = PreferenceGame([[0.5, 0.3], [0.7, 0.5]], tau=0.02, regulariser="chi2")
    own, by_reference = (
        play_learner(game, cls(), rounds=4000, seeds=24).values["unregularised_regret"][:, -1]
        for cls in (MinimaxSelf, MinimaxReference)
    )
    assert (own > 0.2 * 3900).sum() >= 2 and by_reference.max() < 0.2 * 400


@pytest.mark.parametrize(
    "learner", [cls for cls in LEARNERS if not cls.any_regulariser], ids=lambda cls: cls.name
)
def test_steps_on_logits_are_refused_by_a_sentence(learner):
    game = PreferenceGame([[0.5, 0.3], [0.7, 0.5]], tau=0.2, regulariser="chi2")
    with pytest.raises(NashsimError, match="is written for KL"):
        play_learner(game, learner(), rounds=100, seeds=1)
