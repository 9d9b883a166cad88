"""Dueling bandits: the compiled rounds against the same text in NumPy, Beta samples, and what each must do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nashsim import NashsimError, PreferenceGame, games
from nashsim.engine.feedback import streams
from nashsim.engine.kernels.random_stream import uniform, uniforms
from nashsim.equilibrium import exploitability
from nashsim.online import play_learner
from nashsim.online.beta_kernel import sample_beta, sample_beta_above_half, update_posterior
from nashsim.online.learners.bandits import DoubleThompson, RelativeUCB, Uniform
from nashsim.online.learners.sparring import SparringEXP3
from tests.online.bandits_written_out import written_out
from tests.online.same_bits import same_bits
from tests.zoo import random_game, rock_paper_scissors

NAMES = ("uniform", "double-thompson", "rucb", "sparring-exp3")
METRICS = ("regret", "copeland_regret")
#: Every arm beats all after it, the nearest by .08: action 0 is the Condorcet winner.
LADDER = PreferenceGame(0.5 + 0.08 * np.subtract.outer(np.arange(5)[::-1], np.arange(5)[::-1]), tau=0.3)


def game_of(name, contexts=1):
    """A random game, and for relative UCB one whose action 1 beats all others."""
    game = random_game(1, actions=5, tau=0.3, contexts=contexts)
    if name != "rucb":
        return game
    p = game.probabilities.copy()
    p[:, 1] = np.maximum(p[:, 1], 1 - p[:, 1])
    p[:, :, 1] = 1 - p[:, 1]
    return PreferenceGame(p, game.reference, tau=0.3, weights=game.weights)


@pytest.mark.parametrize("contexts", [1, 3])
@pytest.mark.parametrize("name", NAMES)
def test_compiled_rounds_are_the_written_ones(name, contexts):
    """To the rounding of sums over 400 rounds; one pair chosen otherwise would change them by far more."""
    game = game_of(name, contexts)
    play = play_learner(game, name, rounds=400, seeds=[5])
    expected = written_out(game, name, 400, 5)
    for metric in METRICS:
        np.testing.assert_allclose(play.values[metric][0], expected[metric], rtol=1e-9)


def test_compiled_rounds_keep_to_the_support():
    """An arm of no reference mass is never duelled and counts for no score."""
    p = game_of("rucb").probabilities[0]
    reference = [0.2, 0.3, 0.0, 0.1, 0.4]
    kept = [0, 1, 3, 4]
    whole = PreferenceGame(p, reference, tau=0.3)
    part = PreferenceGame(p[np.ix_(kept, kept)], np.array(reference)[kept], tau=0.3)
    for name in NAMES:
        one = play_learner(whole, name, rounds=300, seeds=[3])
        other = play_learner(part, name, rounds=300, seeds=[3])
        assert np.isneginf(one.log_policy[0, 0, 2])
        for metric, value in other.values.items():
            np.testing.assert_allclose(one.values[metric], value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "name, flip",
    [
        ("double-thompson", "losses"),
        ("double-thompson", "argmin"),
        ("double-thompson", "upper"),
        ("double-thompson", "rival"),
        ("rucb", "losses"),
        ("rucb", "lower"),
        ("rucb", "rival"),
        ("rucb", "forgetful"),
        ("sparring-exp3", "losses"),
        ("sparring-exp3", "swapped"),
        ("sparring-exp3", "one player"),
    ],
)
def test_every_convention_shows(name, flip):
    """Wins for losses, argmin for argmax, one bound for the other: each changes what is played."""
    game = game_of(name)
    play = play_learner(game, name, rounds=1500, seeds=[5])
    other = written_out(game, name, 1500, 5, flip)
    assert np.abs(play.values["regret"][0] / other["regret"] - 1).max() > 1e-3


@pytest.mark.parametrize("a, b", [(1, 1), (1, 7), (5, 1), (2, 2), (2, 30), (40, 3), (900, 1100)])
def test_beta_samples_have_their_law(a, b):
    """Kolmogorov-Smirnov with 20,000 samples: p > 1e-4, so that one in 1,400 seeds would fail somewhere."""
    stream = streams([11], [0])[0]
    samples = np.array([sample_beta(float(a), float(b), stream) for _ in range(20_000)])
    assert stats.kstest(samples, stats.beta(a, b).cdf).pvalue > 1e-4
    assert stats.kstest(samples, stats.beta(b, a).cdf).pvalue < 1e-4 or a == b


@pytest.mark.parametrize("a, b", [(1, 1), (1, 7), (5, 1), (2, 9), (40, 30)])
def test_beta_samples_above_half_have_their_law(a, b):
    """Kolmogorov-Smirnov with 20,000 samples against the truncated law: p > 1e-4."""
    stream, law = streams([12], [0])[0], stats.beta(a, b)
    samples = np.array([sample_beta_above_half(float(a), float(b), stream) for _ in range(20_000)])
    assert stats.kstest(samples, lambda x: (law.cdf(x) - law.cdf(0.5)) / law.sf(0.5)).pvalue > 1e-4


def test_numbers_in_vectors_are_those_one_by_one():
    one, other, found = streams([4], [0])[0], streams([4], [0])[0], np.zeros(9)
    uniforms(one, found, 8)
    assert found.tolist() == [*(uniform(other) for _ in range(8)), 0.0] and one == other


@pytest.mark.parametrize("truth", [0.5, 0.55, 0.97])
def test_sides_are_those_of_the_incomplete_beta_function(truth):
    """P(theta > 1/2) after every one of 20,000 duels, to the rounding of as many sums."""
    rng = np.random.default_rng(3)
    wins, ahead = np.zeros((2, 2)), np.full((2, 2), 0.5)
    log_peak, edge = np.full((2, 2), -np.log(4)), np.full((2, 2), np.inf)
    for t in range(1, 20_001):
        update_posterior(wins, ahead, log_peak, edge, *((0, 1) if rng.random() < truth else (1, 0)))
        if t in (1, 2, 10, 300, 20_000):
            expected = stats.beta(wins[0, 1] + 1, wins[1, 0] + 1).sf(0.5)
            assert abs(ahead[0, 1] - expected) < 20_000 * 2.2e-16
            assert ahead[0, 1] + ahead[1, 0] == 1
    assert wins.sum() == 20_000 and np.sign(edge[0, 1]) == np.sign(wins[0, 1] - wins[1, 0])


def test_bandits_find_the_best_arm_and_uniform_does_not():
    """On a ladder with a Condorcet winner: the regret of the second half of the duels, against that of the first."""
    for name in ("double-thompson", "rucb", "sparring-exp3", "uniform"):
        play = play_learner(LADDER, name, rounds=40_000, seeds=20)
        regret = play.values["condorcet_regret"].mean(axis=0)
        half = int(np.argmin(abs(play.rounds - 20_000)))
        share = (
            (regret[-1] - regret[half])
            / regret[half]
            * play.rounds[half]
            / (play.rounds[-1] - play.rounds[half])
        )
        best = np.exp(play.log_policy[:, 0]).mean(axis=0).argmax()
        if name == "uniform":
            assert abs(share - 1) < 0.05  # constant losses but for the noise of 800,000 duels
        else:
            assert best == 0 and share < {"sparring-exp3": 0.8}.get(name, 0.3)


def test_the_policy_played_is_the_pair_or_the_mixture():
    for name in ("double-thompson", "rucb"):
        policy = np.exp(play_learner(LADDER, name, rounds=50, seeds=30).log_policy[:, 0])
        assert set(np.unique(policy)) <= {0.0, 0.5, 1.0}
        np.testing.assert_allclose(policy.sum(axis=1), 1, rtol=0, atol=0)
    np.testing.assert_allclose(np.exp(play_learner(LADDER, "uniform", rounds=50).log_policy), 0.2, rtol=1e-15)
    sparring = play_learner(LADDER, "sparring-exp3", rounds=50, seeds=3)
    np.testing.assert_allclose(np.exp(sparring.log_policy).sum(axis=-1), 1, rtol=1e-14)


def test_sparring_averages_to_the_nash_policy_of_a_cycle():
    """Biased cycle: the mean policy's gap falls as 1/sqrt T, below twice the bound of two EXP3 players.

    Gap of the mean mixture <= (R_1 + R_2)/T <= 4 sqrt(K log K/T) in expectation, in units where a win is 1.
    """
    game = rock_paper_scissors(tau=0.1, strength=0.6)
    play = play_learner(game, "sparring-exp3", rounds=100_000, seeds=10)
    late = play.rounds >= 1000
    gap = play.values["average_gap"].mean(axis=0)
    assert (gap[late] <= 4 * np.sqrt(3 * np.log(3) / play.rounds[late])).all()
    # tau KL of a policy off by d is about d^2/tau, so 1/sqrt T in d is 1/T in the regularised gap.
    assert gap[-1] < 0.1 * gap[late][0]


def test_the_average_gap_is_the_exploitability_of_the_mean_policy():
    """The mean of uniform play is uniform over the support, in every context."""
    reference = np.array([[0.2, 0.3, 0.0, 0.5], [0.1, 0.2, 0.3, 0.4]])
    base = random_game(4, actions=4, contexts=2)
    game = PreferenceGame(base.probabilities, reference, tau=0.2, weights=base.weights)
    mean = np.array([[1 / 3, 1 / 3, 0, 1 / 3], [1 / 4] * 4])
    with np.errstate(divide="ignore"):
        expected = game.weights @ exploitability(game, np.log(mean))
    play = play_learner(game, "uniform", rounds=100, seeds=3)
    np.testing.assert_allclose(play.values["average_gap"], expected, rtol=1e-12)


def test_relative_ucb_refuses_a_cycle():
    with pytest.raises(
        NashsimError, match="'rucb' needs a Condorcet winner, 'rps' has none: .*rock, paper, scissors"
    ):
        play_learner(rock_paper_scissors(), "rucb", rounds=10)
    with pytest.raises(NashsimError, match="use 'double-thompson'"):
        play_learner(games.get("glasgow").replace(tau=0.1), "rucb", rounds=10)
    with pytest.raises(NashsimError, match="in context 1"):
        p = np.stack([LADDER.probabilities[0][:3, :3], rock_paper_scissors().probabilities[0]])
        play_learner(PreferenceGame(p, tau=0.1), "rucb", rounds=10)


def test_parameters_are_checked():
    for cls in (Uniform, DoubleThompson, RelativeUCB):
        with pytest.raises(NashsimError, match="alpha: .* > 1/2"):
            cls(alpha=0.5)
    with pytest.raises(NashsimError, match="scale: a number > 0"):
        SparringEXP3(scale=0)


@pytest.mark.parametrize("name", NAMES)
def test_threads_and_cuts_change_no_bit(name, tmp_path):
    game = game_of(name, contexts=2)
    one = play_learner(game, name, rounds=3000, seeds=4)
    how = {"rounds": 3000, "seeds": 4, "jobs": 3, "checkpoint": tmp_path / "state.npz", "interval": 0}

    def kill(done, total):
        if done > 1000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play_learner(game, name, progress=kill, **how)
    other = play_learner(game, name, **how)
    same_bits(one, other)
