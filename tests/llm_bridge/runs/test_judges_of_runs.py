"""What the judge of a run is asked: its own row's facts, lengths in tokens, nothing beyond its context."""

import json
import sys

import numpy as np
import pytest

from llm_bridge.judges import Comparison
from llm_bridge.models.tiny import save_tiny
from llm_bridge.preference import Layout, PreferenceModel, save_model
from llm_bridge.runs.building.assembly import assemble, make_judge
from llm_bridge.runs.configuration.config import load_config
from llm_bridge.runs.dry_run import dry_run
from llm_bridge.runs.tournament import run_tournament
from llm_bridge.runs.train_run import train_run
from nashsim.errors import NashsimError
from tests.llm_bridge.judges.endpoint import Endpoint

JUDGE = """
seen = set()

def gold(comparisons):
    seen.update((c.prompt, c.metadata["answer"]) for c in comparisons)
    return [float(len(c.a) >= len(c.b)) for c in comparisons]
"""


@pytest.fixture(scope="module")
def endpoint():
    found = Endpoint()
    yield found
    found.end()


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


def test_a_run_whose_budget_is_spent_goes_on_and_pays_nothing_twice(home, endpoint, monkeypatch):
    def words(model, folder, *more):
        openai = f"{{model: {model}, base_url: '{endpoint.url}', pause: 0.01, concurrency: 2}}"
        return ["--judge.kind", "openai", "--judge.openai", openai, "--output.folder", folder, *more]

    _, straight, parts = train_run(load_config("own.yaml", words("straight", "straight")))
    assert parts.names["judge"] == "openai (straight)"
    paid = endpoint.told("straight")["calls"]
    # Both orders of every comparison of different responses, and none of them twice.
    assert 0 < paid <= 2 * (straight.comparisons + 2 * 3 * 2)
    stopped = words("thrifty-run", "run", "--judge.openai.budget_calls")
    with pytest.raises(NashsimError, match=f"judge.openai.budget_calls: {paid - 2} of {paid - 2} are spent"):
        train_run(load_config("own.yaml", [*stopped, str(paid - 2)]))
    _, resumed, _ = train_run(load_config("own.yaml", [*stopped, "400"]), resume=True)
    assert endpoint.told("thrifty-run")["calls"] == paid and resumed.records == straight.records
    # What an error of the judge's names as its remedy is no other run.
    patient = [*stopped, "400", "--judge.retries", "9", "--judge.openai.unreadable", "tie"]
    assert train_run(load_config("own.yaml", patient), resume=True)[1].records == straight.records
    assert "budget_calls: 400" in (home / "run" / "config.yaml").read_text()
    with pytest.raises(NashsimError, match="another configuration: 'temperature: 0.0' there"):
        train_run(load_config("own.yaml", [*stopped, "99", "--judge.openai.temperature", "1"]), resume=True)
    # An evaluation asks by the run's own file, from wherever it is called.
    (home / "elsewhere").mkdir()
    monkeypatch.chdir(home / "elsewhere")
    calls = []
    for _ in range(2):
        run_tournament([home / "run"], samples=2)
        calls.append(endpoint.told("thrifty-run")["calls"])
    assert paid < calls[0] == calls[1] and not list((home / "elsewhere").iterdir())
    monkeypatch.chdir(home)
    before = endpoint.told("dry-model")["calls"]
    said = []
    dry_run(load_config("own.yaml", words("dry-model", "dry")), say=said.append)
    assert endpoint.told("dry-model")["calls"] > before and not (home / "dry").exists()
    assert any("asked: judge dry-model at http://127.0.0.1" in line for line in said)


def test_answers_of_a_function_outlive_a_run(home, monkeypatch):
    (home / "counted_judge.py").write_text(
        "asked = []\n\ndef f(batch):\n    asked.extend(batch)\n    return [0.7] * len(batch)"
    )
    words = [
        "--judge.kind",
        "callable",
        "--judge.path",
        "counted_judge:f",
        "--judge.cache_file",
        "kept.sqlite",
    ]
    counts = []
    try:
        for folder in ("one", "two"):
            train_run(load_config("own.yaml", [*words, "--output.folder", folder]))
            counts.append(len(sys.modules["counted_judge"].asked))
    finally:
        sys.modules.pop("counted_judge", None)
    assert counts[1] == counts[0] > 0
    # A function that was changed has answered nothing yet.
    file = home / "counted_judge.py"
    file.write_text(file.read_text().replace("[0.7]", "[0.2]") + "  # and is another")
    sys.path_importer_cache.clear()
    try:
        judge = make_judge(load_config("own.yaml", words))
        judge.both_orders = False
        assert judge([Comparison("the capital", "a", "b")]) == 0.2
    finally:
        sys.modules.pop("counted_judge", None)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("broken_judge", "def f(:", "SyntaxError: "),
        ("raising_judge", "raise RuntimeError('no\\nlicence')", "RuntimeError: no licence"),
    ],
)
def test_a_judge_whose_file_fails_is_refused_in_a_line(home, name, text, said):
    (home / f"{name}.py").write_text(text)
    words = ["--judge.kind", "callable", "--judge.path", f"{name}:f"]
    with pytest.raises(NashsimError, match=f"judge.path: '{name}:f' cannot be imported .{said}") as found:
        assemble(load_config("own.yaml", words))
    assert "\n" not in str(found.value)


def test_judges_that_are_models_run_on_the_device_of_the_policy(home, monkeypatch):
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

    backbone, tokenizer = (
        AutoModelForCausalLM.from_pretrained("model"),
        AutoTokenizer.from_pretrained("model"),
    )
    layout = Layout.of_tokenizer(tokenizer, limit=60)
    save_model(PreferenceModel(backbone, layout, tokenizer=tokenizer), home / "pairwise")
    config = backbone.config
    config.num_labels = 1
    AutoModelForSequenceClassification.from_config(config).save_pretrained(home / "reward")
    tokenizer.save_pretrained(home / "reward")
    monkeypatch.setattr("llm_bridge.runs.building.judge.find_device", lambda: torch.device("meta"))
    for kind, path in (("preference-model", "pairwise"), ("reward-model", "reward")):
        judge = make_judge(load_config("own.yaml", ["--judge.kind", kind, "--judge.path", path]))
        model = judge.model if kind == "preference-model" else judge.rewards.model
        assert {p.device.type for p in model.parameters()} == {"meta"}
