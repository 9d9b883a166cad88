"""A training stopped between any two optimiser steps goes on to the same bits, for every algorithm."""

import io
from dataclasses import replace

import pytest
import torch

from llm_bridge.algorithms import ALGORITHMS, get_algorithm
from llm_bridge.policy import CausalPolicy
from llm_bridge.policy.sequences import Sequences
from llm_bridge.tasks import EnumerableTask
from llm_bridge.trainer import Settings, Trainer
from llm_bridge.training.source import Sampled
from nashsim import NashsimError

torch.set_num_threads(1)
TASK = EnumerableTask(vocabulary=4, length=2, prompts=((1, 2), (2, 3)), tau=0.2)
PROBE = Sequences.of(TASK.prompts, [(1, 0), (3,)])


def fresh(name, dtype=torch.float32):
    policy = CausalPolicy(TASK.build_model().to(dtype), eos=0, pad=0)
    return Trainer(
        policy,
        TASK.prompts,
        name,
        Sampled(TASK.judge, TASK.length, duels=True, candidates=4),
        tau=TASK.tau,
        settings=Settings(fit_steps=2, minibatch=2),
        measure=lambda p: {"mean": float(p.sequence_log_probs(PROBE).detach().mean())},
        seed=5,
    )


def through_a_file(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)  # refuses anything but tensors and plain values


#: A mixture fitted beside the policy, between gradient steps whose optimiser lives on.
BESIDE = get_algorithm("nash-ema-pg", averaged=())


@pytest.mark.parametrize("name", [*ALGORITHMS, pytest.param(BESIDE, id="mixture")])
def test_resumed_between_any_two_optimiser_steps(name):
    whole = fresh(name)
    states = []
    while whole.iteration < 2:
        states.append(through_a_file(whole.state_dict()))
        whole.tick()
    whole.make_policy_live()
    # One stop within the first fit, and one that leaves a whole iteration behind.
    for state in {1: states[1], len(states) - 1: states[-1]}.values():
        resumed = fresh(name)
        resumed.load_state_dict(state)
        resumed.run(2)
        first, second = whole.policy.weights(), resumed.policy.weights()
        assert all(torch.equal(first[key], second[key]) for key in first)
        assert resumed.records[-1]["mean"] == float(whole.measure(whole.policy)["mean"])
        assert (resumed.queries, resumed.comparisons) == (whole.queries, whole.comparisons)
        assert resumed.buffer == whole.buffer


@pytest.mark.parametrize("name", ["inpo", "egpo", "nash-prox-pg"])
def test_master_weights_resume_to_the_same_bits(name):
    """At a rate whose steps bfloat16 swallows, from within a fit and from between two names of the live weights."""
    whole, states = fresh(name, torch.bfloat16), []
    whole.settings = replace(whole.settings, lr=1e-6)
    while whole.iteration < 3:
        states.append(through_a_file(whole.state_dict()))
        whole.tick()
    for state in states[1:]:
        resumed = fresh(name, torch.bfloat16)
        resumed.settings = whole.settings
        resumed.load_state_dict(state)
        while resumed.iteration < 3:
            resumed.tick()
        first, second = whole.policy.weights(), resumed.policy.weights()
        assert all(w.dtype == torch.float32 and torch.equal(w, second[key]) for key, w in first.items())
        assert all(
            torch.equal(a, b)
            for a, b in zip(whole.policy.parameters(), resumed.policy.parameters(), strict=True)
        )


def test_the_state_of_another_algorithm_is_refused():
    state = fresh("inpo").state_dict()
    with pytest.raises(NashsimError, match="this trainer runs"):
        fresh(get_algorithm("inpo", eta_inverse=3.0)).load_state_dict(state)
    with pytest.raises(NashsimError, match="another version wrote it, without descent"):
        fresh(get_algorithm("inpo")).load_state_dict({k: v for k, v in state.items() if k != "descent"})


def test_the_state_is_tensors_and_json():
    import json

    trainer = fresh("enpo").run(2)
    trainer.tick()
    state = trainer.state_dict()
    plain = {
        k: state[k] for k in ("iteration", "stage", "done", "queries", "comparisons", "records", "buffer")
    }
    again = fresh("enpo")
    again.load_state_dict({**state, **json.loads(json.dumps(plain))})
    assert again.buffer == trainer.buffer  # tuples again: judges may need to hash them
    again.run(3), trainer.run(3)
    assert all(
        torch.equal(a, b) for a, b in zip(again.policy.parameters(), trainer.policy.parameters(), strict=True)
    )
