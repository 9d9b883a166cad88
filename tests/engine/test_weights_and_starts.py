"""Contexts count by their weights, those of weight 0 not at all; a run starts from probabilities or their logs."""

import numpy as np
import pytest

from nashsim import NashsimError, PreferenceGame, run, solve
from nashsim.engine import start_facts
from nashsim.engine.record import describe
from nashsim.logspace import kl
from nashsim.rules import COMAL, OMD

RPS = [[0.5, 0.9, 0.2], [0.1, 0.5, 0.7], [0.8, 0.3, 0.5]]
HALF = np.full((3, 3), 0.5)  # every policy is a lottery of it


def stack(weights, second=HALF):
    mu = [[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]
    return PreferenceGame(np.stack([RPS, second]), mu, tau=0.3, weights=weights)


def test_a_context_of_weight_0_takes_no_part_in_any_metric():
    names = ["kl_to_lottery", "span", "kl_to_equilibrium"]
    start = np.array([[0.4, 0.3, 0.3], [0.01, 0.01, 0.98]])  # far from home in the second
    both = run(stack([1.0, 0.0]), COMAL(), queries=40, metrics=names, start=start)
    lone = PreferenceGame(RPS, [0.2, 0.3, 0.5], tau=0.3)
    alone = run(lone, COMAL(), queries=40, metrics=names, start=start[0])
    for name, values in alone.metrics.items():
        assert np.isfinite(values).all()
        np.testing.assert_allclose(both.metrics[name], values, rtol=1e-12, atol=1e-15)
    counted = run(stack([0.5, 0.5]), COMAL(), queries=40, metrics=names, start=start)
    assert np.isnan(counted.metrics["kl_to_lottery"]).all()
    assert counted.metrics["span"][0] > both.metrics["span"][0] + 1  # the worse of both


def test_facts_of_a_start_are_averaged_by_the_weights():
    game = stack([0.9, 0.1], np.transpose(RPS))
    start = np.log([[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]])
    exact = solve(game).log_policy
    facts = start_facts(game, start, exact)
    apart = kl(exact, start)
    assert abs(apart[0] - apart[1]) > 0.1
    assert facts.kl == pytest.approx(0.9 * apart[0] + 0.1 * apart[1], rel=1e-14)
    assert facts.diameter == pytest.approx(0.9 * np.log(10) + 0.1 * np.log(5), rel=1e-14)
    assert facts.log_ratio == pytest.approx(max(np.log(0.8 / 0.2), np.log(0.6 / 0.1), np.log(5)), rel=1e-14)
    lone = start_facts(stack([1.0, 0.0], np.transpose(RPS)), start, exact)
    assert lone.kl == pytest.approx(apart[0], rel=1e-14) and lone.log_ratio == pytest.approx(np.log(5))


def test_a_run_starts_from_probabilities_or_their_logarithms():
    game = PreferenceGame(RPS, [0.2, 0.3, 0.5], tau=0.3)
    policy = np.array([0.7, 0.3 - 1e-300, 1e-300])
    one, other = (run(game, OMD(), queries=50, start=start) for start in (policy, np.log(policy)))
    np.testing.assert_allclose(one.log_policy, other.log_policy, rtol=1e-13)
    np.testing.assert_allclose(one.log_start, other.log_start, rtol=1e-15)
    far = run(game, OMD(), queries=3, start=[np.log(0.4), np.log(0.6), -5000.0])  # no float holds this mass
    assert far.log_start[0, 2] == -5000 and -5000 < far.log_policy[0, 2] < -1000
    thinner = PreferenceGame(RPS, [0.4, 0.6, 0.0], tau=0.3)
    found = run(thinner, OMD(), queries=50, start=[np.log(0.9), np.log(0.1), -np.inf])
    assert found.log_policy[0, 2] == -np.inf and np.isfinite(found.log_policy[0, :2]).all()
    again = run(game, OMD(), queries=5, start=one)  # a run is a result
    np.testing.assert_array_equal(again.log_start, one.log_policy)


@pytest.mark.parametrize(
    "start, named",
    [
        ([0.7, 0.2, 0.2], "start: probabilities must sum to 1"),
        ([-1.0, -1.0, -3.0], "start: .* sum"),
        ([-1.0, 0.5, -3.0], "start: log-probabilities.*found 0.5"),
        ([np.nan, 0.5, 0.5], "start: .*NaN"),
        ([np.log(0.5), np.log(0.5), -np.inf], "mass exactly where the reference has"),
        ([0.5, 0.5, 0.0], "mass exactly where the reference has"),
    ],
)
def test_what_is_no_start_is_named(start, named):
    with pytest.raises(NashsimError, match=named):
        run(PreferenceGame(RPS, [0.2, 0.3, 0.5], tau=0.3), OMD(), queries=5, start=start)


def test_converged_is_said_at_1e_12_and_not_before():
    for gap, word in ((0.9e-12, "converged"), (1.1e-12, "still converging"), (1e-9, "still converging")):
        assert describe(OMD(), 0.3, 10, np.array([1.0, 0.1, 1e-2, gap]), True).startswith(word)
