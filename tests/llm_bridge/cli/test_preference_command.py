"""``preference-model`` from a file of pairs to a judge on disk; wrong input is one line and exit status 2."""

import json
from itertools import permutations

import numpy as np
import pytest
import typer.testing

from llm_bridge import cli
from llm_bridge.judges import Comparison
from llm_bridge.models.tiny import save_tiny
from llm_bridge.preference import ModelJudge, load_model
from llm_bridge.preference.selection import split_by_prompt

BEATS = {"rock": "scissors", "paper": "rock", "scissors": "paper"}


@pytest.fixture
def pairs(tmp_path):
    rows = [
        {"prompt": f"play {x}", "a": a, "b": b, "p": 0.9 if BEATS[a] == b else 0.1}
        for x in range(6)
        for a, b in permutations(BEATS, 2)
    ]
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


COLUMNS = ("--first", "a", "--second", "b", "--probability", "p")


def call(monkeypatch, capsys, *words):
    monkeypatch.setattr("sys.argv", ["llm_bridge", "preference-model", *map(str, words)])
    status = 0
    try:
        cli.main()
    except SystemExit as stop:
        status = stop.code or 0
    return status, *capsys.readouterr()


@pytest.fixture
def model(tmp_path):
    save_tiny(tmp_path / "model")
    return tmp_path / "model"


def test_from_pairs_to_a_judge(monkeypatch, capsys, tmp_path, pairs, model):
    out = tmp_path / "out"
    words = (pairs, *COLUMNS, "--model", model, "--out", out, "--epochs", 2, "--lr", 1e-3, "--held-out", 0.34)
    status, said, _ = call(monkeypatch, capsys, *words)
    assert status == 0
    report = json.loads((out / "report.json").read_text())
    assert set(report) == {"tokens", "bradley-terry"}
    for kind, found in report.items():
        assert found["pairs"] == 12 and found["steps"] == 2 and kind in said
        assert found["cyclicity"]["prompts"] == 2
    assert report["bradley-terry"]["cyclicity"]["cyclic_triples"] == 0
    judge, reward = ModelJudge(load_model(out)), ModelJudge(load_model(out / "bradley-terry"))
    assert not judge.bradley_terry and reward.bradley_terry
    asked = [Comparison("play 0", "rock", "paper"), Comparison("play 0", "paper", "rock")]
    assert judge(asked).sum() == 1
    status, _, error = call(monkeypatch, capsys, *words)
    assert status == 2 and "holds a preference model already" in error


def test_adapters_alone_are_written(monkeypatch, capsys, tmp_path, pairs, model):
    out = tmp_path / "out"
    words = (pairs, *COLUMNS, "--model", model, "--out", out, "--lora-rank", 2, "--no-compare")
    assert call(monkeypatch, capsys, *words)[0] == 0
    assert (out / "adapter_model.safetensors").exists() and not (out / "model.safetensors").exists()
    assert ModelJudge(load_model(out))([Comparison("play 0", "rock", "paper")]).shape == (1,)


def test_dry_run_writes_nothing(monkeypatch, capsys, tmp_path, pairs):
    before = sorted(tmp_path.rglob("*"))
    status, said, _ = call(monkeypatch, capsys, pairs, *COLUMNS, "--dry-run", "--out", tmp_path / "out")
    assert status == 0 and "nothing was written" in said and "ECE" in said
    assert sorted(tmp_path.rglob("*")) == before


def test_help_has_examples():
    shown = typer.testing.CliRunner().invoke(cli.app.app, ["preference-model", "--help"])
    assert shown.exit_code == 0 and "llm-bridge preference-model pairs.jsonl --dry-run" in shown.output


@pytest.mark.parametrize(
    "words, match",
    [
        (("absent.jsonl", "--dry-run"), "no such file"),
        (("PAIRS", "--dry-run"), "no column 'chosen'"),
        (("PAIRS", *COLUMNS), "--model and --out are needed"),
        (("PAIRS", *COLUMNS, "--dry-run", "--kind", "token"), "did you mean 'tokens'"),
        (("PAIRS", *COLUMNS, "--dry-run", "--context", 8), "context: 8 tokens leave no room"),
        (("PAIRS", *COLUMNS, "--dry-run", "--held-out", 1), "in [0, 1)"),
        (("PAIRS", *COLUMNS, "--dry-run", "--lr", 0), "must be > 0"),
        (
            ("PAIRS", *COLUMNS, "--model", "./absent", "--out", "o"),
            "model: './absent' does not load (there is no such folder)",
        ),
        (
            ("PAIRS", *COLUMNS, "--model", "m", "--out", "o", "--device", "abacus"),
            "device: 'abacus' cannot be used",
        ),
        (("PAIRS", *COLUMNS, "--model", "m", "--out", "o", "--dtype", "float23"), "unknown dtype 'float23'"),
    ],
)
def test_wrong_input_is_one_line(monkeypatch, capsys, tmp_path, pairs, words, match):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    status, _, error = call(monkeypatch, capsys, *[pairs if w == "PAIRS" else w for w in words])
    assert status == 2 and match in error
    assert len(error.strip().splitlines()) == 1 and error.startswith("llm-bridge: ")


def test_a_prompt_stays_on_one_side():
    from llm_bridge.data import Pair

    found = [Pair(f"q{i % 7}", "a", f"b{i}") for i in range(50)]
    train, test = split_by_prompt(found, 0.3, seed=1)
    assert len(train) + len(test) == 50 and len({p.prompt for p in test}) == 2
    assert not {p.prompt for p in train} & {p.prompt for p in test}
    assert split_by_prompt(found, 0.3, seed=1) == (train, test)
    assert np.array_equal(*split_by_prompt(found, 0))


def test_imports_need_none_of_the_heavy_packages():
    import subprocess
    import sys

    blocked = ("cvxpy", "numba", "matplotlib", "peft", "datasets")
    script = f"""
import sys
for name in {blocked}: sys.modules[name] = None
import llm_bridge.data, llm_bridge.preference, llm_bridge.runs.configuration.config, llm_bridge.cli
llm_bridge.runs.configuration.config.load_config("enumerable-inpo")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_equal_and_long_pairs_are_counted_or_refused_by_row(monkeypatch, capsys, tmp_path, model):
    rows = [{"prompt": "q", "chosen": "yes", "rejected": "no"}] * 3
    rows += [
        {"prompt": "q", "chosen": "y", "rejected": "y"},
        {"prompt": "q", "chosen": "a" * 400, "rejected": "b"},
    ]
    file = tmp_path / "mixed.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = [file, "--model", model, "--held-out", 0, "--no-compare", "--context", 120, "--out"]
    assert "row 4: pair: equal responses" in call(monkeypatch, capsys, *words, tmp_path / "a")[2]
    words = ["--equal", "half", *words]
    assert "row 5: " in call(monkeypatch, capsys, *words, tmp_path / "b")[2]

    def report(name, *more):
        status, said, _ = call(monkeypatch, capsys, *more, *words, tmp_path / name)
        assert status == 0 and "the first step took" in said
        return json.loads((tmp_path / name / "report.json").read_text())["tokens"]

    found = report("c", "--too-long", "drop")
    assert (found["fitted"], found["equal"], found["too_long"]) == (4, {"half": 1}, {"drop": 1})
    words[1] = "drop"
    found = report("d", "--too-long", "cut")
    assert (found["fitted"], found["equal"], found["too_long"]) == (4, {"drop": 1}, {"cut": 1})
