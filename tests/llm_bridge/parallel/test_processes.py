"""Two processes train what one does, up to the order in which floats are added."""

import json

import pytest
import torch
from safetensors.torch import load_file

from llm_bridge.algorithms import get_algorithm
from llm_bridge.parallel.processes import Processes
from llm_bridge.policy import CausalPolicy
from llm_bridge.runs.configuration.config import load_config
from llm_bridge.runs.train_run import train_run
from llm_bridge.tasks import EnumerableTask
from llm_bridge.tasks.enumerated_source import Enumerated
from llm_bridge.training.settings import Settings
from llm_bridge.training.source import Sampled
from llm_bridge.training.trainer import Trainer
from tests.llm_bridge.models import loss_of
from tests.llm_bridge.parallel.launching import launched

torch.set_num_threads(1)

OPTIONS = (
    "--data.parameters.vocabulary=4", "--data.parameters.length=2", "--data.parameters.exact=false",
    "--training.fit_steps=3", "--training.iterations=3", "--model.dtype=float64",
)  # fmt: skip


PROGRAM = """
import os
print("process", os.environ["RANK"], "of", os.environ["WORLD_SIZE"], flush=True)
from llm_bridge.cli import main
main()
"""


def trained(folder):
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return load_file(folder / "final" / "model.safetensors"), records


@pytest.mark.parametrize("recipe", ["enumerable-enpo"])
def test_two_processes_are_one(tmp_path, recipe):
    """Were one started, it would be held against itself: each says who it is."""
    train_run(load_config(recipe, [*OPTIONS, f"--output.folder={tmp_path / 'one'}"]))
    (tmp_path / "program.py").write_text(PROGRAM)
    done = launched(
        tmp_path / "program.py", "train", recipe, "--quiet", *OPTIONS, f"--output.folder={tmp_path / 'two'}"
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert {"process 0 of 2", "process 1 of 2"} <= set(done.stdout.splitlines())
    (one, alone), (two, shared) = trained(tmp_path / "one"), trained(tmp_path / "two")
    assert [r["comparisons"] for r in alone] == [r["comparisons"] for r in shared]
    for name in one:
        # Adam divides by the root of a second moment, which magnifies float32's rounding in Llama's norms.
        torch.testing.assert_close(one[name], two[name], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe",
    [f"enumerable-{name}" for name in ("nash-md-pg", "kto", "xpo", "inpo", "enpo-oracle")],
)
def test_two_processes_are_one_for_every_loss(tmp_path, recipe):
    test_two_processes_are_one(tmp_path, recipe)


@pytest.mark.parametrize(
    "name", ["inpo", "enpo", "sppo", "dno", "dno-prct", "xpo", "dpo", "nash-md-pg", "online-ipo"]
)
@pytest.mark.parametrize("world", [2, 3])
def test_parts_of_a_loss_add_up(name, world):
    """In one process: the losses and gradients of all parts are those of the whole."""
    task = EnumerableTask(vocabulary=4, length=2, tau=0.2, dtype=torch.float64)
    policy = CausalPolicy(task.build_model(), eos=0, pad=0)
    trainer = Trainer(
        policy, task.prompts, name, Sampled(task.judge, task.length), tau=0.2, settings=Settings(fit_steps=2)
    )
    trainer.tick()
    algorithm = get_algorithm(name)
    if trainer.batch is None:
        trainer.tick()
    step = algorithm.carried(trainer.step)
    batch = trainer.batch or trainer.judge(trainer.sample(step, trainer.algorithm))

    def gradient(*processes):
        policy.model.zero_grad()
        losses = [loss_of(algorithm, step, batch, policy, None, p) for p in processes]
        sum(losses).backward()
        return float(sum(losses).detach()), [p.grad.clone() for p in policy.parameters()]

    whole, parts = gradient(Processes()), gradient(*(Processes(rank, world) for rank in range(world)))
    assert parts[0] == pytest.approx(whole[0], rel=1e-9, abs=1e-12)
    # Llama's norms compute in float32 whatever the model's type; a sum of parts rounds there once more.
    for a, b in zip(whole[1], parts[1], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_enumerated_batches_are_not_shared_out():
    task = EnumerableTask(vocabulary=4, length=2, tau=0.2)
    trainer = Trainer(
        CausalPolicy(task.build_model(), eos=0, pad=0), task.prompts, "inpo", Enumerated(task), tau=0.2
    )
    step = trainer.algorithm.carried(trainer.step)
    batch = trainer.judge(trainer.sample(step, trainer.algorithm))
    one, two = (
        float(loss_of(trainer.algorithm, step, batch, trainer.policy, None, p))
        for p in (Processes(), Processes(1, 2))
    )
    assert one == two


def test_work_is_put_together_in_order():
    assert Processes().shared("abab", lambda places: [10 * i for i in places]) == [0, 10, 20, 30]


@pytest.mark.parametrize("name", ["enpo", "xpo"])
def test_minibatches_hold_their_share_of_the_anchor_term(name):
    """An epoch's minibatches add up to the whole gradient, the term -E log pi(z) with them."""
    task = EnumerableTask(vocabulary=4, length=2, tau=0.2, dtype=torch.float64)
    policy = CausalPolicy(task.build_model(), eos=0, pad=0)
    algorithm = get_algorithm(name, alpha=2.0, **({"responses": 4} if name == "enpo" else {}))
    source = Sampled(task.judge, task.length)
    trainer = Trainer(policy, [*task.prompts] * 4, algorithm, source, tau=0.2, settings=Settings(fit_steps=3))
    trainer.tick()
    step, batch = algorithm.carried(trainer.step), trainer.batch
    assert len(batch.anchors) and batch.items % len(batch.anchors) == 0

    def gradient(chosen):
        policy.model.zero_grad()
        loss_of(algorithm, step, batch, policy, chosen).backward()
        return torch.cat([p.grad.flatten().clone() for p in policy.parameters()])

    halves = [gradient(torch.arange(k, batch.items, 2)) for k in range(2)]
    whole = gradient(None)
    torch.testing.assert_close(sum(halves) / 2, whole, rtol=1e-5, atol=1e-6)
    algorithm = get_algorithm(name, alpha=0.0, **({"responses": 4} if name == "enpo" else {}))
    assert name == "xpo" or (gradient(None) - whole).abs().max() > 1e-3
