"""The length task: the equilibrium between lengths against the game between all responses, and its two limits."""

import numpy as np
import pytest
import torch

from llm_bridge.judges import Comparison, LengthJudge
from llm_bridge.tasks import LengthTask
from llm_bridge.trainer import Settings, train
from nashsim import NashsimError, PreferenceGame, duality_gap, solve


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


def make(**options):
    return LengthTask(**{"vocabulary": 4, "length": 4, "dtype": torch.float64, "tau": 0.3} | options)


@pytest.fixture(scope="module")
def task():
    return make()


@pytest.fixture(scope="module")
def reference(task):
    with torch.no_grad():
        return task.log_probs(task.build_model()).numpy()


def test_judge_is_the_length_judge_and_prefers_the_longer(task):
    responses = task.enumeration.responses()
    asked = [Comparison(None, a, b) for a in responses[::5] for b in responses[::7]]
    found = task.judge(asked)
    assert np.abs(found - LengthJudge(task.slope)(asked)).max() < 1e-12
    # a transposed judge would be the one that likes shortness
    assert all(p > 0.5 for p, c in zip(found, asked, strict=True) if len(c.a) > len(c.b))


def test_equilibrium_and_gap_are_those_of_the_game_between_all_responses(task, reference):
    lengths = np.array([len(y) for y in task.enumeration.responses()])
    P = 1 / (1 + np.exp(-task.slope * (lengths[:, None] - lengths[None, :])))
    stack = np.broadcast_to(P, (len(reference), *P.shape))
    full = PreferenceGame(stack, log_reference=reference, tau=task.tau)
    measure = task.measure_against(reference)
    exact = np.exp(solve(full).log_policy)
    assert np.abs(np.exp(measure.log_equilibrium) - exact).max() < 1e-10
    assert measure.equilibrium_length == pytest.approx((exact @ lengths).mean(), abs=1e-9)
    noise = reference + np.random.default_rng(0).normal(size=reference.shape)
    policy = noise - np.logaddexp.reduce(noise, axis=1, keepdims=True)
    found = measure(policy)
    assert found["duality_gap"] == pytest.approx(duality_gap(full, policy).mean(), rel=1e-9)
    assert found["expected_length"] == pytest.approx((np.exp(policy) @ lengths).mean(), abs=1e-12)
    assert sum(found[f"mass length {n}"] for n in range(1, 5)) == pytest.approx(1)


def test_length_falls_from_the_longest_to_the_references_as_tau_grows(reference):
    measures = [make(tau=tau).measure_against(reference) for tau in (0.005, 0.05, 0.3, 2.0, 1e4)]
    lengths = [measure.equilibrium_length for measure in measures]
    assert all(np.diff(lengths) < 0)
    assert lengths[0] == pytest.approx(4, abs=1e-6)
    assert lengths[-1] == pytest.approx(measures[-1].expected_length(reference), abs=1e-3)


def test_a_judge_that_likes_shortness_shortens(reference):
    measure = make(slope=-1.0).measure_against(reference)
    assert measure.equilibrium_length < measure.expected_length(reference)


def test_training_reaches_the_equilibriums_length():
    task = make(length=3, vocabulary=4, prompts=((1,),))
    trained = train(task, "nash-md", queries=8, settings=Settings(fit_steps=60, lr=1e-2))
    first, last = trained.records[0], trained.records[-1]
    exact = np.exp(trained.log_equilibrium[0]) @ task.enumeration.lengths
    assert exact - first["expected_length"] > 0.2
    assert abs(last["expected_length"] - exact) < 0.1 * (exact - first["expected_length"])


def test_a_slope_that_is_no_number_is_refused():
    with pytest.raises(NashsimError, match="slope"):
        make(slope=float("nan"))
