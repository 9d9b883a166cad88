"""Response times: densities in mpmath, the sampler against its distribution, the estimator without repeated users."""

from functools import cache

import mpmath as mp
import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from nashsim import NashsimError, PreferenceGame
from nashsim.online import Duels
from nashsim.online.estimates import drift_scores, mean_drift
from nashsim.preferences import AnnotatorPreference

from ..zoo import random_game

mp.mp.dps = 40


@cache  # quadratures of other drifts and moments ask at the same times
def density_through_both(t):
    """p_0 at a = 1, the series for large times as printed; mpmath carries it to small ones."""
    return (
        mp.pi
        / 2
        * mp.nsum(
            lambda k: (-1) ** k * (2 * k + 1) * mp.exp(-((2 * k + 1) ** 2) * mp.pi**2 * t / 8),
            [0, 60],
            method="direct",
        )
    )


def density_bessel(t):
    """p_B at a = 1, likewise."""
    return mp.pi**2 * mp.nsum(
        lambda k: (-1) ** (k + 1) * k**2 * mp.exp(-(k**2) * mp.pi**2 * t / 2), [1, 60], method="direct"
    )


@pytest.mark.parametrize("t", [0.02, 0.1, 0.3, 0.399, 0.401, 0.7, 2.0, 9.0, 80.0])
def test_score_is_the_ratio_of_the_densities(t):
    expected = float(density_bessel(mp.mpf(t)) / density_through_both(mp.mpf(t)))
    for a in (0.5, 1.0, 3.0):
        found = drift_scores([True, False], [t * a * a] * 2, a)
        assert found == pytest.approx([expected / a, -expected / a], rel=1e-12)


def test_scores_of_extreme_times_are_finite():
    assert drift_scores([1], [1e-6], 1.0)[0] == pytest.approx(1e6, rel=1e-5)  # c a/t for small t
    assert 0 <= drift_scores([1], [1e4], 1.0)[0] < 1e-300


@pytest.mark.parametrize("v", [0.0, 0.2, 1.0, 2.5])
def test_score_is_unbiased_for_every_drift_by_quadrature(v):
    """E g = sum_c int (c/a) p_B/p_0 exp(c a v - v^2 t/2) p_0/2 dt = v; its variance is that of the theory sheet."""

    def weight(t):
        return float(density_through_both(mp.mpf(t))) * np.exp(-v * v * t / 2)

    def score(t):
        return drift_scores([True], [t], 1.0)[0]

    edges = [1e-3, 0.05, 0.4, 2.0, 12.0]
    total = [
        sum(quad(f, x, y, epsabs=1e-11, epsrel=1e-10)[0] for x, y in zip(edges, edges[1:], strict=False))
        for f in (weight, lambda t: score(t) * weight(t), lambda t: score(t) ** 2 * weight(t))
    ]
    assert total[0] * np.cosh(v) == pytest.approx(
        1, abs=1e-6
    )  # what lies beyond t = 12 is e^(-pi^2 12/8) = 4e-7
    assert total[1] * np.sinh(v) == pytest.approx(v, abs=1e-6)
    if v in (0.2, 1.0):
        assert 3.2 <= total[2] * np.cosh(v) - v * v <= 4.2


def distribution(t, z):
    """P(T <= t) at a = 1: 1 less the tail of its series, e^(-z^2 t/2) integrated term by term."""
    k = 2 * np.arange(60) + 1
    rate = k**2 * np.pi**2 / 8 + z * z / 2
    return 1 - np.cosh(z) * np.pi / 2 * ((-1.0) ** np.arange(60) * k / rate * np.exp(-np.outer(t, rate))).sum(
        axis=1
    )


@pytest.mark.parametrize("z", [0.0, 0.3, 1.0, 1.7, 4.0, 8.0])
def test_times_have_the_exact_distribution(z):
    """Kolmogorov-Smirnov at 100 000 draws; the seed is fixed, the level 1e-4."""
    a = 0.7
    p = 1 / (1 + np.exp(-2 * z))
    duels = Duels(PreferenceGame([[0.5, p], [1 - p, 0.5]]), seed=11, times=True, boundary=a)
    choices, times = duels.duel(np.zeros(100_000, int), np.ones(100_000, int))
    assert stats.kstest(times / a**2, lambda t: distribution(t, z)).pvalue > 1e-4
    assert stats.binomtest(int(choices.sum()), len(choices), p).pvalue > 1e-4
    # the time is independent of the choice
    if 0.01 < p < 0.99:
        assert stats.ks_2samp(times[choices], times[~choices]).pvalue > 1e-4


def test_long_drifts_pass_like_their_inverse_gaussian():
    """At z = 90 the other boundary is out of reach: mean 1/z, variance 1/z^3 to e^(-180)."""
    from nashsim.engine.feedback import streams
    from nashsim.online.times_kernel import first_passage

    stream = streams([3], [0])[0]
    drawn = np.array([first_passage(90.0, stream) for _ in range(20_000)])
    assert stats.kstest(drawn, stats.invgauss(1 / 90, scale=1).cdf).pvalue > 1e-4


def test_one_person_and_non_decision_time():
    game = random_game(2, actions=3, scale=0.9)
    logit = np.log(game.probabilities[0, 0, 1] / game.probabilities[0, 1, 0])
    duels = Duels(game, seed=5, times=True, boundary=1.5, non_decision=0.3)
    choices, times = duels.duel(np.zeros(40_000, int), np.ones(40_000, int))
    assert times.min() > 0.3
    found = mean_drift(choices, times, 1.5, non_decision=0.3)
    assert abs(found.estimate - logit / 3) < 4 * found.standard_error < 0.1
    # the control: time that is not taken off biases the estimate towards 0
    biased = mean_drift(choices, times, 1.5)
    assert abs(biased.estimate) < abs(found.estimate) - 2 * found.standard_error
    for told in (np.where(choices, 1, -1), choices.astype(int)):
        assert mean_drift(told, times, 1.5, 0.3) == found


def test_a_crowds_mean_drift_is_seen_though_its_choices_say_the_contrary():
    """Three in four mildly prefer b, one in four strongly a: choices favour b, the mean strength a."""
    rewards = np.array([[4.0, 0.0], [0.0, 1.0]])
    game = PreferenceGame(AnnotatorPreference(rewards, [0.25, 0.75]), tau=0.1)
    a = 1.0
    exact = 0.25 * 4 / 2 - 0.75 * 1 / 2
    duels = Duels(game, seed=0, times=True, boundary=a)
    choices, times = duels.duel(np.zeros(60_000, int), np.ones(60_000, int))
    assert choices.mean() < 0.5 - 5 * 0.5 / np.sqrt(60_000)
    found = mean_drift(choices, times, a)
    assert (
        abs(found.estimate - exact) < 4 * found.standard_error and found.estimate > 5 * found.standard_error
    )
    # E c/E T is exact for one user and not for a mixture
    ratio = a * (2 * choices.mean() - 1) / times.mean()
    assert ratio < 0


def test_rounds_keep_their_times_and_choices_of_plain_duels_stay_as_they_were():
    game = random_game(1, actions=4, scale=0.9, contexts=2)
    duels = Duels(game, seed=3, times=True, boundary=2.0)
    batch = duels.round(game.log_reference, size=50)
    more = duels.duel([0, 1], [1, 2], [0, 1])
    log = duels.timed_log
    assert np.array_equal(log.times, np.concatenate([batch.times, more.times]))
    assert np.array_equal(log.won, duels.log.won) and len(log.won) == 52 == duels.fought
    again = Duels(game, seed=3, times=True, boundary=2.0).round(game.log_reference, size=50)
    assert np.array_equal(again.times, batch.times)
    plain = Duels(game, seed=3)
    assert plain.duel([0, 1], [1, 2]).dtype == bool
    with pytest.raises(NashsimError, match="times=True"):
        _ = plain.timed_log


@pytest.mark.parametrize("bad", [0.0, -1.0, np.inf, "wide"])
def test_boundaries_are_checked(bad):
    with pytest.raises(NashsimError, match="boundary: a finite number > 0"):
        Duels(random_game(0), times=True, boundary=bad)


def test_sure_preferences_are_refused_with_the_remedy():
    with pytest.raises(NashsimError, match="no finite drift.*times=False"):
        Duels(PreferenceGame([[0.5, 1.0], [0.0, 0.5]]), times=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([2], [1.0], 1.0), "True and False"),
        (([-1, 0, 1], [1.0, 1.0, 1.0], 1.0), "found -1, 0, 1"),
        (([True], ["fast"], 1.0), "times: numbers"),
        (([True], [1.0, 2.0], 1.0), "one time a choice"),
        (([True], [0.2], 1.0, 0.3), "above non_decision"),
        (([True], [np.nan], 1.0), "above non_decision"),
        (([], [], 1.0), "at least one duel"),
        (([True], [1.0], 1.0, -0.1), "non_decision: a finite time"),
    ],
)
def test_bad_trials_are_refused(arguments, said):
    with pytest.raises(NashsimError, match=said):
        mean_drift(*arguments)
