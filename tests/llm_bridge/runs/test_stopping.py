"""Evaluation on prompts of its own, what ends a training early, and the model of its best record."""

import json

import pytest
import torch

from llm_bridge.evaluation.stopping import EvaluationConfig, is_best, reason_to_stop
from llm_bridge.models.loading import load_language_model
from llm_bridge.models.tiny import save_tiny
from llm_bridge.runs.building.assembly import assemble
from llm_bridge.runs.configuration.config import load_config
from llm_bridge.runs.tournament import run_tournament
from llm_bridge.runs.train_run import train_run
from nashsim.errors import NashsimError


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_tiny(tmp_path / "model", width=16, layers=1, context=64)
    (tmp_path / "train.txt").write_text("one\ntwo\n")
    (tmp_path / "held.txt").write_text("apart\nunseen\nfar\n")
    (tmp_path / "own.yaml").write_text(
        """
model: {name: model}
data: {prompts: train.txt}
judge: {kind: length, scale: -0.2}
algorithm: {name: online-ipo, tau: 0.01}
training: {iterations: 5, lr: 0.01}
sampling: {length: 6}
evaluation: {prompts_file: held.txt, samples: 8}
output: {folder: run}
"""
    )
    return tmp_path


def rates(*values, error=0.01):
    return [{"step": k, "win_rate": v, "win_rate_error": error, "kl": 0.4 * k} for k, v in enumerate(values)]


def test_policies_are_measured_on_the_prompts_of_the_file(home):
    parts = assemble(load_config("own.yaml"))
    texts = [parts.decode(x) for x in parts.measure.rows[::8]]
    assert texts == ["apart", "unseen", "far"] and parts.texts == ["one", "two"]
    train_run(load_config("own.yaml", ["--training.iterations", "1"]))
    found = run_tournament([home / "run"], prompts=2, samples=3)
    assert [row["prompt"] for row in found.responses] == (["apart"] * 3 + ["unseen"] * 3) * 2
    found.save(home / "out")
    lines = (home / "out/responses.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == found.responses
    assert not parts.notes
    (home / "held.txt").write_text("apart\ntwo\nfar\n")
    assert assemble(load_config("own.yaml")).notes == [
        "evaluation.prompts_file: 1 of the 3 prompts of held.txt are trained on too"
    ]
    with pytest.raises(
        NashsimError, match="three answers of a player are needed, found 2 prompts by 1; raise"
    ):
        run_tournament([home / "run"], prompts=2, samples=1)
    with pytest.raises(NashsimError, match="none.txt"):
        assemble(load_config("own.yaml", ["--evaluation.prompts_file", "none.txt"]))


def test_a_training_ends_at_its_kl_budget_and_resumes_to_the_same(home):
    _, whole, _ = train_run(load_config("own.yaml", ["--output.folder", "whole"]))
    kls = [record["kl"] for record in whole.records]
    budget = sorted(kls)[len(kls) // 2]
    first = next(k for k, kl in enumerate(kls) if kl > budget)
    assert first < 5
    words = ["--evaluation.stop_kl", repr(budget)]
    said = []
    folder, short, _ = train_run(load_config("own.yaml", words), say=said.append)
    assert short.records == whole.records[: first + 1]
    assert said[-1].startswith(f"ends after iteration {first}: KL to the reference is")
    again = train_run(load_config("own.yaml", words), resume=True)[1]
    assert again.records == short.records
    # Without the budget it goes on, to the bits of the run that never ended early.
    on = train_run(load_config("own.yaml"), resume=True)[1]
    assert on.records == whole.records
    a, b = (load_language_model(str(home / run / "final")).state_dict() for run in ("run", "whole"))
    assert all(torch.equal(a[name], b[name]) for name in b)


def test_the_best_record_keeps_its_model(home):
    words = ["--evaluation.keep_best", "true", "--output.keep", "9"]
    folder, trainer, _ = train_run(load_config("own.yaml", words))
    won = [record["win_rate"] for record in trainer.records]
    best = max(range(len(won)), key=won.__getitem__)
    kept = load_language_model(str(folder.path / "best")).state_dict()
    if best == 0:
        wanted = load_language_model("model").state_dict()
    else:
        train_run(load_config("own.yaml", ["--training.iterations", str(best), "--output.folder", "short"]))
        wanted = load_language_model("short/final").state_dict()
    assert all(torch.equal(kept[name], wanted[name]) for name in wanted)
    assert max(won) > won[-1] or best == 5


def test_gains_are_told_from_noise():
    wait = EvaluationConfig(patience=2)
    assert reason_to_stop(wait, rates(0.5, 0.6, 0.7, 0.8)) is None
    assert reason_to_stop(wait, rates(0.5, 0.6, 0.61)) is None
    assert "no gain: 2 records since step 1" in reason_to_stop(wait, rates(0.5, 0.6, 0.61, 0.6))
    # Small gains add up to one that shows.
    assert reason_to_stop(wait, rates(0.5, 0.51, 0.53, 0.54, 0.56)) is None
    assert reason_to_stop(wait, rates(0.5, 0.6, 0.7, error=0.2)).startswith("no gain: 2 records since step 0")
    assert reason_to_stop(EvaluationConfig(stop_kl=0.5), rates(0.5, 0.6)) is None
    assert "above evaluation.stop_kl 0.5" in reason_to_stop(
        EvaluationConfig(stop_kl=0.5), rates(0.5, 0.6, 0.6)
    )
    assert not is_best(EvaluationConfig(stop_kl=0.5), rates(0.5, 0.6, 0.9))
    assert is_best(EvaluationConfig(), rates(0.5, 0.6, 0.9)) and not is_best(
        EvaluationConfig(), rates(0.5, 0.5)
    )


def test_limits_without_a_judge_are_refused_in_one_line(home):
    with pytest.raises(NashsimError, match=r"evaluation\.patience: it needs win_rate in the records"):
        reason_to_stop(EvaluationConfig(patience=1), [{"step": 0, "kl": 0.1}])
    for key in ("stop_kl", "patience"):
        with pytest.raises(NashsimError, match=rf"evaluation\.{key}: a number > 0 is needed, found 0"):
            load_config("own.yaml", [f"--evaluation.{key}", "0"])
