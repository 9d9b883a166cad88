"""What the judge of a run is asked: its own row's facts, lengths in tokens, nothing beyond its context."""

import json
import sys

import numpy as np
import pytest

from llm_bridge.judges import Comparison
from llm_bridge.models.tiny import save_tiny
from llm_bridge.preference import Layout, PreferenceModel, save_model
from llm_bridge.runs.assembly import assemble, make_judge
from llm_bridge.runs.config import load_config
from llm_bridge.runs.dry_run import dry_run
from llm_bridge.runs.tournament import run_tournament
from llm_bridge.runs.train_run import train_run
from nashsim.errors import NashsimError

JUDGE = """
seen = set()

def gold(comparisons):
    seen.update((c.prompt, c.metadata["answer"]) for c in comparisons)
    return [float(len(c.a) >= len(c.b)) for c in comparisons]
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_tiny(tmp_path / "model", width=16, layers=1, context=64)
    rows = [{"prompt": "the capital", "answer": answer} for answer in ("Paris", "Rome", "Oslo")]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "own.yaml").write_text(
        """
model: {name: model}
data: {prompts: rows.jsonl}
judge: {kind: length}
algorithm: {name: inpo, tau: 0.1, parameters: {eta_inverse: 0.3}}
training: {iterations: 1, fit_steps: 1}
sampling: {length: 6}
evaluation: {samples: 2}
"""
    )
    return tmp_path


def test_every_row_of_one_prompt_is_judged_by_its_own_facts(home, monkeypatch):
    (home / "row_judge.py").write_text(JUDGE)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path not in ("", str(home))])
    words = [
        "--judge.kind",
        "callable",
        "--judge.path",
        "row_judge:gold",
        "--output.folder",
        str(home / "run"),
    ]
    try:
        train_run(load_config("own.yaml", words))
        seen = sys.modules["row_judge"].seen
    finally:
        sys.modules.pop("row_judge", None)
    assert seen == {("the capital", answer) for answer in ("Paris", "Rome", "Oslo")}


def test_plain_ids_of_rows_that_differ_are_refused(home):
    parts = assemble(load_config("own.yaml"))
    first = parts.prompts[0]
    parts.judge([Comparison(first, (5,), (6,))])
    with pytest.raises(NashsimError, match="3 rows with other metadata share the prompt 'the capital'"):
        parts.judge([Comparison(tuple(first), (5,), (6,))])


def test_length_counts_tokens_of_the_policy(home):
    # The byte tokenizer has one token a byte: two for an umlaut, where characters are one.
    judge = make_judge(load_config("own.yaml", ["--judge.scale", "0.5"]))
    assert np.allclose(judge([Comparison("q", "ü", "a")]), 1 / (1 + np.exp(-0.5)), atol=1e-15)
    assert np.array_equal(judge([Comparison("q", "ü", "ab")]), [0.5])


def test_a_judge_without_room_is_refused_before_training(home):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    backbone, tokenizer = (
        AutoModelForCausalLM.from_pretrained("model"),
        AutoTokenizer.from_pretrained("model"),
    )
    layout = Layout.of_tokenizer(tokenizer, limit=60)
    save_model(PreferenceModel(backbone, layout, tokenizer=tokenizer), home / "judge")
    words = ["--judge.kind", "preference-model", "--judge.path", "judge"]
    needed = len(layout.pair("the capital", "", "", tokenizer)) + 2 * 6
    with pytest.raises(NashsimError, match=f"take up to {needed} tokens, and the judge's context is 60"):
        assemble(load_config("own.yaml", words))
    with pytest.raises(NashsimError, match="is no reward model, it lacks score.weight"):
        assemble(load_config("own.yaml", ["--judge.kind", "reward-model", "--judge.path", "model"]))


CRITERIA = """
def terse(comparisons):
    return [0.5 + 0.5 * ((len(c.a) < len(c.b)) - (len(c.a) > len(c.b))) for c in comparisons]

def lively(comparisons):
    return [0.5 + 0.1 * (("e" in c.a) - ("e" in c.b)) for c in comparisons]
"""


def test_each_criterion_has_its_win_rate_in_records_and_evaluation(home):
    (home / "criteria_judge.py").write_text(CRITERIA)
    words = ["--judge.kind", "criteria", "--judge.criteria"]
    words += [
        "[{name: brief, kind: length, scale: -0.5, weight: 2}, {kind: callable, path: criteria_judge:terse},"
        " {kind: callable, path: criteria_judge:lively, cache: 0}]"
    ]
    try:
        config = load_config("own.yaml", [*words, "--output.folder", "run"])
        _, trainer, parts = train_run(config)
        found = run_tournament([home / "run"], samples=2)
    finally:
        sys.modules.pop("criteria_judge", None)
    assert parts.names["judge"] == "criteria (brief 0.5, terse 0.25, lively 0.25)"
    last = trainer.records[-1]
    mixed = 0.5 * last["win_rate brief"] + 0.25 * last["win_rate terse"] + 0.25 * last["win_rate lively"]
    assert last["win_rate"] == pytest.approx(mixed, abs=1e-12) and "win_rate_error terse" in last
    told = found.to_dict()
    rates = {name: found.rates.criteria[name].rates[1, 0] for name in ("brief", "terse", "lively")}
    assert rates["brief"] != rates["terse"]
    assert found.rates.rates[1, 0] == pytest.approx(
        rates["brief"] / 2 + (rates["terse"] + rates["lively"]) / 4
    )
    assert told["criteria"]["terse"][2]["win_rate"] == rates["terse"] == told["players"][1]["win_rate terse"]
    assert "win_rate lively" in found.text()
    dry = load_config("own.yaml", [*words, "--output.folder", "dry"])
    assert "the configuration holds" in dry_run(dry) and not (home / "dry").exists()
