"""``llm-bridge`` as a newcomer uses it: train, resume, evaluate, compare, dry runs, and what can be wrong."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from llm_bridge.algorithms.registry import NAMED
from llm_bridge.cli import call
from llm_bridge.models.tiny import save_tiny
from llm_bridge.recipes import recipes
from llm_bridge.runs.configuration.config import load_config
from llm_bridge.runs.train_run import train_run
from nashsim.errors import NashsimError

torch.set_num_threads(1)

#: Small enough for a second: 13 responses to each of two prompts, sampled.
SMALL = (
    "--data.parameters.vocabulary", "4", "--data.parameters.length", "2", "--data.parameters.exact", "false",
    "--training.fit_steps", "3", "--training.iterations", "4",
)  # fmt: skip


def cli(capsys, *arguments, fails=False):
    """What a command printed; its one line of error where it must fail."""
    status = call([str(a) for a in arguments])
    said = capsys.readouterr()
    if fails:
        assert status == 2, said.err
        # What was checked of a model is said before whatever fails later.
        lines = [line for line in said.err.splitlines() if not line.startswith("model checked: ")]
        assert len(lines) == 1 and "Traceback" not in said.err
        return lines[0]
    assert status == 0, said.err
    return said.out


def weights(folder):
    return load_file(Path(folder) / "final" / "model.safetensors")


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A model, its tokenizer, prompts and pairs on disk, as a user has them."""
    home = tmp_path_factory.mktemp("disk")
    save_tiny(home / "model", width=16, layers=1, context=64)
    lines = [
        json.dumps({"prompt": f"Say {word}.", "tone": "kind"}) for word in ("one", "two", "three", "four")
    ]
    (home / "prompts.jsonl").write_text("\n".join(lines) + "\n")
    (home / "own.yaml").write_text(
        f"""
model: {{name: {home}/model}}
data: {{prompts: {home}/prompts.jsonl}}
judge: {{kind: length, scale: 0.5}}
algorithm: {{name: nash-md-pg, tau: 0.05}}
training: {{iterations: 2, prompts: 2, lr: 1e-3}}
sampling: {{length: 6}}
evaluation: {{prompts: 4, samples: 2}}
"""
    )
    return home


@pytest.mark.parametrize("name", ["enpo", "nash-mp", "nash-prox-pg", "mnpo"])
def test_a_run_cut_anywhere_resumes_to_the_same_bits(tmp_path, name):
    """The training is stopped at an arbitrary optimiser step; a state is written at every one of them."""
    whole = load_config(f"enumerable-{name}", [*SMALL, "--output.folder", str(tmp_path / "whole")])
    train_run(whole, interval=0.0)
    cut = load_config(f"enumerable-{name}", [*SMALL, "--output.folder", str(tmp_path / "cut")])

    class Stop(Exception):
        pass

    ticks = []

    def stop(trainer, made):
        ticks.append(trainer.done)
        if len(ticks) == 5:
            raise Stop

    with pytest.raises(Stop):
        train_run(cut, interval=0.0, progress=stop)
    train_run(cut, resume=True)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    records = [(tmp_path / run / "metrics.jsonl").read_text() for run in ("whole", "cut")]
    assert records[0] == records[1]


PROGRAM = """
import sys, torch
torch.set_num_threads(1)
from llm_bridge.runs.configuration.config import load_config
from llm_bridge.runs.train_run import train_run
config = load_config(sys.argv[1], sys.argv[3:])
print("ready", flush=True)
train_run(config, resume=sys.argv[2] == "resume", interval=0.0)
"""


def _start(recipe, how, *options):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, recipe, how, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    process.stdout.readline()
    return process, time.monotonic()


@pytest.mark.slow
def test_kills_over_all_algorithms_lose_and_change_nothing(tmp_path):
    """kill -9 at moments uniform in wall time, one for each paper's algorithm; resumed to the same bits."""
    named = sorted(NAMED)
    assert {f"enumerable-{name}" for name in named} <= set(recipes())
    found = 0
    for share, name in zip((np.arange(len(named)) + 0.5) / len(named), named, strict=True):
        recipe, small = f"enumerable-{name}", [*SMALL[:-1], "12"]
        process, began = _start(recipe, "new", *small, "--output.folder", str(tmp_path / name / "whole"))
        assert process.wait() == 0, name
        wall, killed, attempt = time.monotonic() - began, False, 0
        while not killed:
            attempt += 1
            assert attempt <= 10, name
            out = tmp_path / name / str(attempt)
            process, began = _start(recipe, "new", *small, "--output.folder", str(out))
            time.sleep(max(0.0, began + share * wall - time.monotonic()))
            process.send_signal(signal.SIGKILL)
            killed = process.wait() == -signal.SIGKILL
            wall *= 1 if killed else 0.85
        found += any(out.glob("checkpoints/step-*"))
        how = "resume" if (out / "config.yaml").exists() else "new"
        process, _ = _start(recipe, how, *small, "--output.folder", str(out))
        assert process.wait() == 0, name
        assert same(weights(tmp_path / name / "whole"), weights(out)), name
    assert found >= 10


def test_a_training_says_where_its_fit_departs_from_the_rule(capsys, tmp_path):
    departing = ("--algorithm.parameters", "{selection: best-worst}", "--output.folder", tmp_path / "r")
    said = cli(capsys, "train", "enumerable-inpo", *SMALL[:-1], "1", *departing)
    assert "departure from the rule     best-against-worst pairs" in said


def test_own_model_prompts_and_judge(capsys, tmp_path, disk):
    """A model saved to disk: train, evaluate, compare; the last model loads with from_pretrained."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    runs = [tmp_path / "pg", tmp_path / "dpo"]
    cli(capsys, "train", disk / "own.yaml", "--quiet", "--output.folder", runs[0])
    options = ("--algorithm.name", "dpo", "--algorithm.parameters", "{}", "--training.fit_steps", "2")
    last = json.loads(
        cli(capsys, "train", disk / "own.yaml", "--quiet", "--json", "--output.folder", runs[1], *options)
    )
    assert {"win_rate", "kl", "length", "step"} <= last.keys()
    AutoModelForCausalLM.from_pretrained(runs[0] / "final")
    assert AutoTokenizer.from_pretrained(runs[0] / "final").pad_token_id == 1
    card = (runs[0] / "final" / "README.md").read_text()
    assert "nash-md-pg" in card and "tau = 0.05" in card and "prompts.jsonl" in card
    shown = [json.loads(line) for line in next((runs[0] / "samples").iterdir()).read_text().splitlines()]
    assert shown[0]["prompt"] == "Say one." and isinstance(shown[0]["response"], str)
    found = json.loads(cli(capsys, "evaluate", *runs, "--samples", 2, "--out", tmp_path / "ev", "--json"))
    assert [p["player"] for p in found["players"]] == ["reference", "pg", "dpo"]
    assert found["players"][0]["kl (k1)"] == 0
    names = (
        "win-rates.csv",
        "players.csv",
        "win-rates.png",
        "win-rates.pdf",
        "evaluation.json",
        "responses.jsonl",
    )
    assert set(names) == {p.name for p in (tmp_path / "ev").iterdir()}
    text = cli(capsys, "compare", *runs, "--metric", "win_rate", "--out", tmp_path / "all.csv")
    assert "win_rate" in text and "pg" in text
    assert set(pd.read_csv(tmp_path / "all.csv").run) == {str(run) for run in runs}


def test_iterates_of_a_run_against_the_one_before(capsys, tmp_path):
    where = ("--output.folder", tmp_path / "r", "--output.keep", 3)
    assert "departure" not in cli(capsys, "train", "enumerable-dno", *SMALL, "--quiet", *where)
    found = json.loads(cli(capsys, "evaluate", tmp_path / "r", "--checkpoints", "--json"))
    names = [p["player"] for p in found["players"]]
    assert names == ["reference", "r @ 2", "r @ 3", "r"]
    assert [row["previous"] for row in found["improvements"]] == names[:-1]


def test_adapters_train_and_load(capsys, tmp_path, disk):
    pytest.importorskip("peft")
    lora = ("--model.lora.rank", 2, "--output.folder", tmp_path / "r")
    lora += ("--judge.kind", "callable", "--judge.path", "tests.llm_bridge.cli.test_train:earlier")
    cli(capsys, "train", disk / "own.yaml", "--quiet", *lora)
    assert (tmp_path / "r" / "final" / "adapter_config.json").exists()
    found = json.loads(cli(capsys, "evaluate", tmp_path / "r", "--json"))
    assert found["players"][1]["kl (k1)"] != 0


@pytest.mark.parametrize(
    "recipe", ["enumerable-egpo", "styled-nash-md-pg", "half-b-nash-md", "llama3-8b-inpo", "tldr-enpo"]
)
def test_dry_runs(capsys, recipe):
    assert "the configuration holds" in cli(capsys, "train", recipe, "--dry-run", "--quiet")


@pytest.mark.slow
@pytest.mark.parametrize("recipe", recipes())
def test_every_recipe_runs_dry(capsys, recipe):
    assert "the configuration holds" in cli(capsys, "train", recipe, "--dry-run", "--quiet")


def test_dry_runs_of_the_other_commands(capsys):
    assert "lottery mass" in cli(capsys, "evaluate", "--dry-run")
    assert "duality_gap" in cli(capsys, "compare", "--dry-run")
    assert "exact gap" in cli(capsys, "demo", "--dry-run")
    listed = cli(capsys, "recipes").splitlines()
    assert [line.split()[0] for line in listed] == recipes() and "enumerable-inpo" in listed
    assert "llama3-8b-inpo  (departure: best-against-worst pairs" in "\n".join(listed)


def test_what_is_wrong_is_said_in_one_line(capsys, tmp_path, disk):
    own = ("train", disk / "own.yaml", "--quiet", "--output.folder", tmp_path / "r")
    wrong = {
        ("--model.name", f"{disk}/nowhere"): "model.name",
        ("--data.prompts", f"{disk}/none.jsonl"): "none.jsonl",
        ("--data.column", "promt"): "prompt",
        ("--sampling.length", "60"): "context",
        ("--judge.kind", "callable", "--judge.path", "tests.llm_bridge.cli.test_train:outside"): "[0, 1]",
        ("--judge.kind", "callable", "--judge.path", "nowhere:f"): "judge.path",
        ("--algorithm.name", "inpo", "--algorithm.parameters", "{eta_inverse: 0.01}"): "eta_inverse",
        ("--algorithm.nam", "inpo"): "did you mean 'name'",
        ("--training.lr", "fast"): "training.lr",
        ("--output.trackers", "[tensorbord]"): "tensorboard",
        ("--model.pad", "<nothing>"): "model.pad",
    }
    for options, said in wrong.items():
        assert said in cli(capsys, *own, *options, fails=True), options
    assert "holds no run" in cli(capsys, *own[:-1], tmp_path / "new", "--resume", fails=True)
    cli(capsys, *own)
    before = (tmp_path / "r" / "metrics.csv").read_bytes()
    assert "--resume" in cli(capsys, *own, fails=True)
    assert "another configuration" in cli(capsys, *own, "--resume", "--training.seed", 5, fails=True)
    assert (tmp_path / "r" / "metrics.csv").read_bytes() == before
    for command in ("evaluate", "compare"):
        assert "holds no config.yaml" in cli(capsys, command, tmp_path, fails=True)
    assert "did you mean 'win_rate'" in cli(
        capsys, "compare", tmp_path / "r", "--metric", "win_rat", fails=True
    )
    assert "at least one run" in cli(capsys, "evaluate", fails=True)


def earlier(comparisons):
    return [0.9 if c.a < c.b else 0.1 for c in comparisons]


def outside(comparisons):
    return [1.5] * len(comparisons)


def test_a_tokenizer_without_pad(capsys, tmp_path, disk):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(disk / "model")
    tokenizer.pad_token = None
    AutoModelForCausalLM.from_pretrained(disk / "model").save_pretrained(tmp_path / "m")
    tokenizer.save_pretrained(tmp_path / "m")
    run = (
        "train",
        disk / "own.yaml",
        "--quiet",
        "--model.name",
        tmp_path / "m",
        "--output.folder",
        tmp_path / "r",
    )
    capsys.readouterr()  # the bars of saving it
    assert "model.pad: eos" in cli(capsys, *run, fails=True)
    cli(capsys, *run, "--model.pad", "eos")


def test_a_run_whose_rate_falls_to_its_end_is_not_made_longer(tmp_path, capsys):
    def train(schedule, *more, fails=False):
        folder = ("--output.folder", tmp_path / schedule, "--training.schedule", schedule)
        return cli(capsys, "train", "enumerable-inpo", *SMALL, *folder, *more, fails=fails)

    longer = ("--resume", "--training.iterations", 6)
    train("cosine")
    assert "'iterations: 4' there, 'iterations: 6' now" in train("cosine", *longer, fails=True)
    train("constant")
    train("constant", *longer)


def test_a_loss_that_is_not_finite_keeps_its_batch(tmp_path):
    config = load_config("enumerable-inpo", [*SMALL, "--output.folder", str(tmp_path / "r")])

    def poison(trainer, made):
        if trainer.iteration == 2:
            with torch.no_grad():
                next(iter(trainer.policy.parameters())).fill_(float("nan"))

    with pytest.raises(NashsimError, match="loss nan"):
        train_run(config, progress=poison)
    assert (tmp_path / "r" / "failed" / "tensors.safetensors").exists()
    assert (tmp_path / "r" / "checkpoints").is_dir()
    assert len((tmp_path / "r" / "metrics.jsonl").read_text().splitlines()) == 3


def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    import llm_bridge.runs.train_run as session

    config = load_config("enumerable-inpo", [*SMALL, "--output.folder", str(tmp_path / "r")])
    save = session.RunFolder.record

    def full(self, record):
        if record["step"] == 3:
            raise NashsimError("out: no space left; make room and resume")
        save(self, record)

    monkeypatch.setattr(session.RunFolder, "record", full)
    with pytest.raises(NashsimError, match="no space left"):
        train_run(config)
    monkeypatch.undo()
    train_run(config, resume=True)
    whole = load_config("enumerable-inpo", [*SMALL, "--output.folder", str(tmp_path / "whole")])
    train_run(whole)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "r"))


def test_a_run_is_evaluated_from_another_folder(tmp_path, monkeypatch, capsys):
    """What it named by paths from where it began is found: model, prompts, a judge's module."""
    monkeypatch.chdir(tmp_path)
    save_tiny("model")
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "one"}\n{"prompt": "two"}\n')
    (tmp_path / "short_is_better.py").write_text(
        "def judge(asked):\n    return [len(c.a) < len(c.b) for c in asked]\n"
    )
    words = (
        "--data.prompts", "prompts.jsonl", "--model.name", "model", "--judge.kind", "callable", "--judge.path",
        "short_is_better:judge", "--sampling.length", "4", "--training.iterations", "1", "--training.fit_steps", "1",
        "--algorithm.name", "inpo", "--output.folder", "run", "--quiet",
    )  # fmt: skip
    (tmp_path / "empty.yaml").write_text("")
    assert call(["train", "empty.yaml", *words]) == 0
    assert "trains: all" in capsys.readouterr().err
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.delitem(sys.modules, "short_is_better")
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in ("", str(tmp_path))])
    assert call(["evaluate", str(tmp_path / "run"), "--prompts", "2"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model.lora.dropout", "0.1"), "model.lora.dropout: 0 is needed, found 0.1"),
        (("--model.dtype", "float16"), "model.dtype: float16 does not train all weights"),
    ],
)
def test_what_cannot_train_is_refused(words, said, capsys):
    assert call(["train", "enumerable-inpo", "--quiet", *words]) == 2
    assert said in capsys.readouterr().err
