"""Weights of bfloat16 train as float32's do: steps that their rounding would swallow add up."""

import math
from copy import deepcopy

import pytest
import torch

from llm_bridge.algorithms import get_algorithm
from llm_bridge.policy import CausalPolicy
from llm_bridge.policy.master_weights import rounded
from llm_bridge.tasks import EnumerableTask
from llm_bridge.tasks.enumerated_source import Enumerated
from llm_bridge.trainer import Settings, Trainer
from llm_bridge.training.optimisation import descend, make_optimiser
from tests.llm_bridge import models

torch.set_num_threads(1)
TASK = EnumerableTask(vocabulary=4, length=2, tau=0.2)
RATE = 5e-7


def model_of(dtype):
    """One model in two types: float32 weights that bfloat16 holds exactly."""
    return TASK.build_model().to(torch.bfloat16).to(dtype)


def trainer_of(name, dtype, **settings):
    policy = CausalPolicy(model_of(dtype), eos=0, pad=0)
    algorithm = get_algorithm(name)
    return Trainer(
        policy, TASK.prompts, algorithm, Enumerated(TASK), tau=0.2, settings=Settings(lr=RATE, **settings)
    )


def flat(weights):
    return torch.cat([w.flatten().float() for w in weights.values()])


def test_steps_below_the_rounding_add_up_exactly():
    policy = models.policy("llama", dtype=torch.bfloat16, spread=0.1)
    start = {key: p.detach().float() for key, p in policy.weights().items()}
    optimiser = make_optimiser(policy.masters(), Settings(optimiser="sgd", lr=1.0))
    live = policy.parameters()
    for _ in range(64):
        # The gradient of every weight is 1, in two parts that add up in float32.
        losses = (0.5 * sum(p.float().sum() for p in live) for _ in range(2))
        descend(optimiser, losses, live, rate=2.0**-14, clip=1e9, blame=lambda *found: str(found))
    for key, weight in policy.weights().items():
        assert torch.allclose(weight, start[key] - 64 * 2.0**-14, rtol=0, atol=64 * 2.0**-24)
    for p, master in zip(live, policy.masters(), strict=True):
        assert p.dtype == torch.bfloat16 and torch.equal(p, rounded(master, torch.bfloat16))


@pytest.mark.parametrize("share", [2.0**-6, 0.1, 0.5, 0.9])
def test_the_model_goes_the_way_of_its_masters_on_average(share):
    """A number 1 + share/128 lies between two of bfloat16; the fractions of i times the golden ratio are spread evenly.

    Of n of them any interval holds its length's share within (3 + 3.6 ln n)/n (Niederreiter: (3 + (1/ln phi +
    K/ln(K + 1)) ln n)/n, partial quotients of the ratio at most K = 1).
    """
    weights = torch.full((64, 128), 1 + share / 128)
    n, live = weights.numel(), rounded(weights, torch.bfloat16)
    assert set(live.unique().tolist()) == {1.0, 1 + 1 / 128}
    assert abs((live > 1).double().mean() - share) < (3 + 3.6 * math.log(n)) / n
    assert torch.equal(rounded(-weights, torch.bfloat16), -live)
    assert torch.equal(rounded(live.float(), torch.bfloat16), live)


def test_float32_has_no_copies():
    policy = models.policy("llama", dtype=torch.float32)
    assert all(a is b for a, b in zip(policy.masters(), policy.parameters(), strict=True))


def gradient_of(trainer):
    """The gradient of the first step's loss, in the policy's own type: the way of plain descent at rate 1."""
    other = deepcopy(trainer)
    other.settings = Settings(optimiser="sgd", lr=1.0, clip=1e30, fit_steps=1)
    before = flat(other.policy.weights())
    other.tick()
    return before - flat(other.policy.weights())


@pytest.mark.parametrize("name", ["inpo", "nash-md-pg", "egpo", "nash-prox-pg"])
def test_the_loss_falls_as_in_float32(name):
    """Of fits, gradient steps, half steps and averages: names that are swapped and mixed keep what is below a rounding.

    Adam moves every weight by lr sign(g) while gradients hardly change, so that the way of two trainings differs where
    signs do: where |g| is below the error e of a gradient computed in bfloat16. In the 1-norm weighted by |g| that is
    at most 2 |e|_1/|g|_1, which is measured here.
    """
    way, slope = {}, {}
    for dtype in (torch.float32, torch.bfloat16):
        trainer = trainer_of(name, dtype, fit_steps=10)
        start = flat(trainer.policy.weights())
        slope[dtype] = gradient_of(trainer)
        trainer.run(3)
        way[dtype] = flat(trainer.policy.weights()) - start
        assert all(p.dtype == dtype for p in trainer.policy.parameters())
    g, e = slope[torch.float32], slope[torch.bfloat16] - slope[torch.float32]
    tolerance = 2 * e.abs().sum() / g.abs().sum()
    off = (g * (way[torch.bfloat16] - way[torch.float32])).sum() / (g * way[torch.float32]).sum()
    assert abs(off) < tolerance


def test_a_copy_of_a_training_trains():
    trainer = trainer_of("nash-md-pg", torch.bfloat16)
    trainer.tick()
    other = deepcopy(trainer)
    for each in (trainer, other):
        each.tick()
    assert torch.equal(flat(trainer.policy.weights()), flat(other.policy.weights()))
    for p, master in zip(other.policy.parameters(), other.policy.masters(), strict=True):
        assert torch.equal(p, rounded(master, torch.bfloat16))
