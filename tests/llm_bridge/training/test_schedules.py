"""Learning rates over a training: their shapes, and that the trainer takes them."""

import numpy as np
import pytest
import torch

from llm_bridge.tasks import EnumerableTask
from llm_bridge.trainer import Settings, Trainer
from llm_bridge.training.optimisation import make_optimiser
from llm_bridge.training.settings import SCHEDULES, share_of_rate
from nashsim import NashsimError

from .test_trainer import policy_of, sampled

torch.set_num_threads(1)


@pytest.mark.parametrize("schedule, halfway", [("constant", 1.0), ("linear", 0.5), ("cosine", 0.5)])
def test_shapes(schedule, halfway):
    rise = [share_of_rate(schedule, done, warmup=0.2) for done in (0.05, 0.1, 0.2)]
    assert rise == pytest.approx([0.25, 0.5, 1.0])
    assert share_of_rate(schedule, 0.6, warmup=0.2) == pytest.approx(halfway)
    assert share_of_rate(schedule, 1.0, warmup=0.2) == pytest.approx(float(schedule == "constant"))
    falls = [share_of_rate(schedule, done) for done in np.linspace(0, 1, 11)]
    assert falls[0] == 1.0 and (np.diff(falls) <= 0).all()


def test_half_a_cosine_is_flat_at_both_ends():
    shares = [share_of_rate("cosine", done) for done in (0.25, 0.75)]
    assert shares == pytest.approx([0.5 + 0.125**0.5, 0.5 - 0.125**0.5])


@pytest.mark.parametrize("algorithm", ["nash-md-pg", "inpo", "egpo"])
def test_the_trainer_takes_the_rate_of_its_iteration(algorithm):
    task = EnumerableTask(vocabulary=4, length=2, tau=0.1)
    settings = Settings(fit_steps=2, lr=0.1, optimiser="sgd", schedule="linear", iterations=4)
    trainer = Trainer(policy_of(task), task.prompts, algorithm, sampled(task), tau=0.1, settings=settings)
    # In a fit of two steps the second has half of the iteration's rate; extragradient rules step twice at one rate.
    within = {"inpo": (1.0, 0.5), "nash-md-pg": (1.0,), "egpo": (1.0, 1.0)}[algorithm]
    for iteration in range(4):
        found = []
        while trainer.iteration == iteration:
            into = trainer.step.into
            trainer.tick()
            found.append(trainer.optimisers[into].param_groups[0]["lr"])
        assert found == pytest.approx([0.1 * (1 - (iteration + 0.5) / 4) * share for share in within])


def test_constant_is_what_it_was_bit_for_bit():
    task = EnumerableTask(vocabulary=4, length=2, tau=0.1)
    ends = []
    for more in ({}, {"iterations": 2}):
        settings = Settings(fit_steps=2, **more)
        trainer = Trainer(policy_of(task), task.prompts, "inpo", sampled(task), tau=0.1, settings=settings)
        trainer.run(2)
        ends.append([p.detach().clone() for p in trainer.policy.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))


@pytest.mark.parametrize("optimiser, momentum, found", [
    ("adam", None, 0.9), ("adam", 0.0, 0.0), ("sgd", None, 0.0), ("sgd", 0.5, 0.5),
])  # fmt: skip
def test_momentum_is_the_optimisers_own(optimiser, momentum, found):
    task = EnumerableTask(vocabulary=4, length=2, tau=0.1)
    settings = Settings(optimiser=optimiser, momentum=momentum)
    trainer = Trainer(policy_of(task), task.prompts, "inpo", sampled(task), tau=0.1, settings=settings)
    [group] = make_optimiser(trainer.policy.parameters(), trainer.settings).param_groups
    assert (group["betas"][0] if optimiser == "adam" else group["momentum"]) == found


def test_faults():
    with pytest.raises(NashsimError, match=r"momentum: a number in \[0, 1\)"):
        Settings(momentum=1.0)
    with pytest.raises(NashsimError, match="schedule: one of constant, linear, cosine"):
        Settings(schedule="step", iterations=3)
    with pytest.raises(NashsimError, match=r"warmup: a number in \[0, 1\)"):
        Settings(warmup=1.0, iterations=3)
    for more in ({"schedule": "linear"}, {"warmup": 0.1}, {"schedule": "cosine", "iterations": 0}):
        with pytest.raises(NashsimError, match="iterations of the whole training"):
            Settings(**more)
    assert set(SCHEDULES) == {"constant", "linear", "cosine"}
