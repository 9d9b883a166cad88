"""The enumerable task: probabilities, the equilibrium and the gap against slow definitions."""

import numpy as np
import pytest
import torch

from llm_bridge.tasks import EnumerableTask, Enumeration, class_log_masses, within_class_estimate
from nashsim import NashsimError, PreferenceGame, duality_gap, solve


@pytest.fixture(scope="module")
def task():
    torch.set_num_threads(1)
    return EnumerableTask(vocabulary=5, length=3, tau=0.1, dtype=torch.float64)


@pytest.fixture(scope="module")
def reference(task):
    with torch.no_grad():
        return task.log_probs(task.build_model()).numpy()


def other_policy(reference, seed=3):
    noise = np.random.default_rng(seed).normal(size=reference.shape)
    logits = reference + noise
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)


def test_responses_are_all_there_once(task):
    found = task.enumeration.responses()
    assert len(found) == len(set(found)) == 1 + 4 + 16 + 64
    assert all(0 not in y[:-1] for y in found) and all(y[-1] == 0 or len(y) == 3 for y in found)


def test_log_probs_are_those_of_one_response_at_a_time_and_sum_to_one(task, reference):
    assert np.allclose(np.exp(reference).sum(axis=1), 1, atol=1e-12)
    model = task.build_model()
    for x, prompt in enumerate(task.prompts):
        for i in range(0, len(task.enumeration), 7):
            y = task.enumeration.responses()[i]
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([[*prompt, *y]])).logits[0].log_softmax(-1)
            slow = sum(logits[len(prompt) - 1 + k, token].item() for k, token in enumerate(y))
            assert reference[x, i] == pytest.approx(slow, abs=1e-10)


def test_gap_and_equilibrium_are_those_of_the_game_between_all_responses(task, reference):
    P = np.array(task.preference)[np.ix_(task.classes, task.classes)]
    full = PreferenceGame(
        np.broadcast_to(P, (len(reference), *P.shape)), log_reference=reference, tau=task.tau
    )
    measure = task.measure_against(reference)
    policy = other_policy(reference)
    found = measure(policy)
    assert found["duality_gap"] == pytest.approx(duality_gap(full, policy).mean(), rel=1e-10)
    assert found["within_class_gap"] > 1e-3 and found["class_gap"] < found["duality_gap"]
    assert np.abs(np.exp(measure.log_equilibrium) - np.exp(solve(full).log_policy)).max() < 1e-10
    assert measure(measure.log_equilibrium)["duality_gap"] < 1e-12


def test_within_class_estimate_covers_the_exact_term(task, reference):
    policy, count = other_policy(reference), len(task.names)
    exact = task.measure_against(reference)(policy)["within_class_gap"]
    rng, draws = np.random.default_rng(0), 4000
    total, variance = 0.0, 0.0
    masses = [class_log_masses(p, task.classes, count) for p in (policy, reference)]
    for x in range(len(policy)):
        y = rng.choice(policy.shape[1], draws, p=np.exp(policy[x]))
        c = task.classes[y]
        mean, error = within_class_estimate(
            policy[x, y], reference[x, y], masses[0][x, c], masses[1][x, c], task.tau
        )
        total, variance = total + mean, variance + error**2
    # four standard errors of 12000 draws: a false alarm in 16000 seeds
    assert abs(total / len(policy) - exact) < 4 * np.sqrt(variance) / len(policy)
    assert 4 * np.sqrt(variance) / len(policy) < 0.2 * exact


@pytest.mark.parametrize(
    "arguments",
    [{"vocabulary": 9}, {"length": 6}, {"vocabulary": 3}, {"prompts": ((1,), (1, 2))}, {"prompts": ((6,),)}],
)
def test_what_cannot_be_enumerated_is_refused(arguments):
    with pytest.raises(NashsimError):
        EnumerableTask(**arguments)


def test_single_token_responses():
    assert Enumeration.of(4, 1).responses() == [(0,), (1,), (2,), (3,)]
