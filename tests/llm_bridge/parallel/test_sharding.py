"""Weights shared out over two processes train as one process does, and a run resumes with any number of processes."""

import json

import pytest
import torch
from safetensors.torch import load_file

from llm_bridge.parallel.sharding import wanted
from llm_bridge.runs.configuration.config import load_config
from llm_bridge.runs.train_run import train_run
from tests.llm_bridge.parallel.launching import launched

torch.set_num_threads(1)
FSDP = {"how": "--use_fsdp", "options": ("--fsdp_version", "2")}
SMALL = (
    "--data.parameters.vocabulary=4", "--data.parameters.length=2", "--data.parameters.exact=false",
    "--training.fit_steps=2", "--training.iterations=3", "--model.dtype=float64",
)  # fmt: skip
#: Half steps, a target that follows, anchors and replay, the whole batch's z0, averages of parameters, past iterates.
RUNS = {"egpo": "null", "nash-prox-pg": "3", "enpo": "3", "kto": "3", "nash-ema-pg": "null", "comal": "3"}

PROGRAM = """
import json, sys, torch
torch.set_num_threads(1)
from llm_bridge.runs.configuration.config import load_config
from llm_bridge.runs.train_run import train_run
out, runs, words = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
held = {}
for name, rows in runs.items():
    options = [*words, f"--training.rows={rows}", f"--output.folder={out}/{name}"]
    _, trainer, parts = train_run(load_config(f"enumerable-{name}", options))
    def local(t):
        return t.to_local().numel() if hasattr(t, "to_local") else t.numel()
    tensors = [*parts.policy.parameters(), *(t for past in parts.policy._past.values() for t in past.values())]
    tensors += [t for o in trainer.optimisers.values() for s in o.state.values() for t in s.values() if t.dim()]
    held[name] = [sum(map(local, tensors)), sum(t.numel() for t in tensors)]
    held[name].append(sum(p.numel() for p in parts.policy._frozen_module.parameters()))
rank = torch.distributed.get_rank()
with open(f"{out}/held-{rank}.json", "w") as file:
    json.dump(held, file)
"""


def weights(folder):
    return load_file(folder / "final" / "model.safetensors")


def alone(folder, name, rows="null", *words):
    config = load_config(
        f"enumerable-{name}", [*SMALL, f"--training.rows={rows}", f"--output.folder={folder}", *words]
    )
    train_run(config)
    return weights(folder)


def close(found, exact):
    assert found.keys() == exact.keys()
    for key in exact:
        # Llama's norms compute in float32 whatever the model's type.
        torch.testing.assert_close(found[key], exact[key], rtol=1e-5, atol=1e-7)


def test_two_processes_with_a_share_each_train_what_one_does(tmp_path):
    """Final models of six algorithms; between passes each process holds half of everything and nothing whole."""
    (tmp_path / "program.py").write_text(PROGRAM)
    done = launched(tmp_path / "program.py", tmp_path, json.dumps(RUNS), json.dumps(SMALL), **FSDP)
    assert done.returncode == 0, done.stderr[-2000:]
    for rank in range(2):
        held = json.loads((tmp_path / f"held-{rank}.json").read_text())
        for name, (local, total, whole) in held.items():
            assert 0.4 * total < local < 0.6 * total and whole == 0, (name, rank)
    for name, rows in RUNS.items():
        close(weights(tmp_path / name), alone(tmp_path / f"{name}-alone", name, rows))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nash-mp-pg", "enpo", "inpo"])
def test_a_run_resumes_with_any_number_of_processes(tmp_path, name):
    """Two processes begin and one goes on; one begins and two go on: the states are of whole tensors."""
    exact = alone(tmp_path / "whole", name)

    def train(folder, *words, processes):
        command = (
            "-m",
            "llm_bridge",
            "train",
            f"enumerable-{name}",
            "--quiet",
            *SMALL,
            "--output.folder",
            folder,
        )
        done = launched(*command, *words, processes=processes, **FSDP)
        assert done.returncode == 0, done.stderr[-2000:]

    for first, then in ((2, 1), (1, 2)):
        folder = tmp_path / f"{first}-{then}"
        train(folder, "--training.iterations", 2, processes=first)
        train(folder, "--resume", processes=then)
        close(weights(folder), exact)


@pytest.mark.slow
def test_what_cannot_be_shared_out_is_refused_in_one_line(tmp_path):
    words = (
        "-m",
        "llm_bridge",
        "train",
        "enumerable-nash-md",
        "--quiet",
        *SMALL,
        "--output.folder",
        tmp_path / "r",
    )
    wrong = {
        ("--model.lora.rank", "2"): "FSDP: adapters train on a whole base",
        ("--sampling.engine", "compiled"): "compiled decoding needs whole weights",
    }
    for options, said in wrong.items():
        done = launched(*words, *options, **FSDP)
        lines = [line for line in done.stderr.splitlines() if line.startswith("llm-bridge: ")]
        assert done.returncode != 0 and lines and all(said in line for line in lines), done.stderr[-2000:]


def test_only_accelerate_with_several_processes_asks_for_it(monkeypatch):
    for asked, world, answer in (("true", "2", True), ("true", "1", False), ("false", "2", False)):
        monkeypatch.setenv("ACCELERATE_USE_FSDP", asked)
        monkeypatch.setenv("WORLD_SIZE", world)
        assert wanted() == answer
