"""The learner of choices with their times: compiled rounds typed out, exact scores, a crowd that choices deceive."""

import numpy as np
import pytest

from nashsim import NashsimError, PreferenceGame, games
from nashsim.engine.feedback import streams
from nashsim.engine.kernels.random_stream import draw
from nashsim.equilibrium import exploitability, solve_newton
from nashsim.online import mean_utility_game, play_learner
from nashsim.online.estimates import drift_scores
from nashsim.online.learners.times import MinimaxTimes
from nashsim.online.play import iteration_grid
from nashsim.online.response_times import drifts
from nashsim.online.times_kernel import answer, bessel_ratio
from tests.zoo import random_game


def test_the_compiled_score_is_that_of_the_estimate():
    times = np.array([1e-3, 0.05, 0.3, 0.399, 0.401, 1.0, 7.0, 90.0])
    found = [bessel_ratio(t) for t in times]
    np.testing.assert_allclose(found, drift_scores(np.ones(len(times), bool), times, 1.0), rtol=1e-13)


def written_out(game, people, rounds, seed, boundary, noise, sign=1.0):
    """Regret after every recorded round, with exact equilibria, for one context."""
    stream, grid = streams([seed], [0])[0], set(iteration_grid(rounds).tolist())
    drift, shares = drifts(people, boundary)
    n, regret, found = game.actions, 0.0, []
    total, count = np.zeros((n, n)), np.zeros((n, n))
    for t in range(1, rounds + 1):
        believed = 1 / (1 + np.exp(-2 * boundary * total / (count + 1)))
        log_pi = solve_newton(PreferenceGame(believed, tau=game.tau, reference=game.reference[0])).log_policy
        pi = np.exp(log_pi[0])
        regret += exploitability(game, log_pi)[0]
        y = draw(pi, stream)
        width = (1 - np.eye(n)) / np.sqrt(count + 1)
        z = int(np.argmax(pi @ width))
        if y != z:
            won, time = answer(drift, shares, boundary, noise, stream, 0, y, z)
            score = sign * drift_scores([won], [time], boundary)[0]
            total[y, z] += score
            total[z, y] -= score
            count[y, z] += 1
            count[z, y] += 1
        if t in grid:
            found.append(regret)
    return np.array(found)


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_rounds_are_those_of_the_definition(noise):
    crowd = games.get("two-opinions").replace(tau=0.3)
    charged = mean_utility_game(crowd)
    learner = MinimaxTimes(boundary=0.8, tolerance=1e-9)
    played = play_learner(charged, learner, rounds=120, seeds=[4], people=crowd, noise=noise)
    expected = written_out(charged, crowd, 120, 4, 0.8, noise)
    np.testing.assert_allclose(played.values["regret"][0], expected, rtol=1e-6)
    flipped = written_out(charged, crowd, 120, 4, 0.8, noise, sign=-1.0)
    assert np.abs(played.values["regret"][0] / flipped - 1).max() > 0.1


def test_of_one_person_it_learns_the_game():
    """P of one person and its own drifts: from a factor 10 in duels less than a factor 5 of regret, not 10."""
    game = random_game(2, actions=3, scale=0.9, tau=0.2)
    [early, late] = (
        play_learner(game, "minimax-times", rounds=n, seeds=8).values["regret"][:, -1].mean()
        for n in (1000, 10_000)
    )
    assert 0 < late < 5 * early


def test_a_crowd_that_choices_deceive():
    """Choices alone are charged the gap of their limit for ever; its value is exact, and times stay below a tenth."""
    crowd = games.get("two-opinions").replace(tau=0.1)
    charged = mean_utility_game(crowd)
    means = np.array([[1.0, 0.0, 0.5], [-5.0, 1.0, -2.0]])
    means = np.array([0.8, 0.2]) @ means
    np.testing.assert_allclose(charged.probabilities[0], 1 / (1 + np.exp(means - means[:, None])), rtol=1e-12)
    floor = exploitability(charged, solve_newton(crowd).log_policy)[0]
    assert floor > 0.015
    rates = {}
    for name in ("minimax-times", "minimax-adversary"):
        regret = play_learner(charged, name, rounds=20_000, seeds=4, people=crowd).values["regret"]
        rates[name] = regret[:, -1].mean() / 20_000
    assert rates["minimax-times"] < floor / 10
    assert rates["minimax-adversary"] == pytest.approx(floor, rel=0.2)


def test_threads_change_nothing_and_a_checkpoint_tells_people_apart(tmp_path):
    crowd = games.get("two-opinions").replace(tau=0.2)
    charged = mean_utility_game(crowd)
    one, two = (
        play_learner(charged, "minimax-times", rounds=300, seeds=3, people=crowd, jobs=jobs)
        for jobs in (1, 2)
    )
    np.testing.assert_array_equal(one.values["regret"], two.values["regret"])
    path = tmp_path / "state.npz"
    play_learner(charged, "minimax-times", rounds=300, seeds=3, people=crowd, checkpoint=path)
    with pytest.raises(NashsimError, match="checkpoint"):
        play_learner(charged, "minimax-times", rounds=300, seeds=3, checkpoint=path)


def test_what_it_cannot_play_is_refused_in_one_line():
    with pytest.raises(NashsimError, match="no finite drift.*rps:strength=0.9"):
        play_learner(games.get("rps").replace(tau=0.1), "minimax-times", rounds=10)
    crowd = games.get("two-opinions").replace(tau=0.1)
    with pytest.raises(NashsimError, match="people: contexts and actions"):
        play_learner(random_game(0, actions=4, tau=0.1), "inpo-online", rounds=10, people=crowd)
    with pytest.raises(NashsimError, match="no people with utilities"):
        mean_utility_game(random_game(0))
    with pytest.raises(NashsimError, match="boundary: a number > 0"):
        MinimaxTimes(boundary=0.0)
    with pytest.raises(NashsimError, match="KL"):
        play_learner(crowd.replace(regulariser="chi2"), "minimax-times", rounds=10)
