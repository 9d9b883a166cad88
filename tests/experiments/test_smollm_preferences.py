"""The experiment on real preferences runs on made-up ones with a tiny model, and keeps its fits."""

import importlib.util
import json

import numpy as np
import pytest

from nashsim.cli.reproducing import experiments_folder
from nashsim.errors import NashsimError

SCRIPT = experiments_folder() / "smollm_preferences.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("smollm_preferences", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def data(tmp_path, monkeypatch):
    draw = np.random.default_rng(0)
    rows = []
    for x in range(20):
        for _ in range(4):
            first, second = ("".join(draw.choice(list("abcd"), draw.integers(3, 12))) for _ in range(2))
            rows.append({"prompt": f"prompt {x}", "chosen": first, "rejected": second})
    (tmp_path / "llm").mkdir()
    (tmp_path / "llm" / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.setenv("NASHSIM_DATA", str(tmp_path))
    monkeypatch.setenv("NASHSIM_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_the_figure_is_drawn_and_fits_are_kept(script, data, monkeypatch):
    found = script.EXPERIMENT.reproduce(data / "out", quick=True)
    names = [one.finding for one in found]
    assert "Bradley-Terry reward: cyclic mass beyond strengths" in names and len(found) == 11
    told = {one.finding: one for one in found}
    assert told["Bradley-Terry reward: cyclic mass beyond strengths"].holds
    assert told["training pairs (prompts)"].measured == "16 (8)"
    frame = script.compute(True)
    # A second time nothing is fitted: the same numbers from the models that were kept.
    monkeypatch.setattr("llm_bridge.preference.pipeline.fit_and_report", None)
    assert frame.equals(script.compute(True))
    for suffix in (".png", ".pdf", ".csv", ".json"):
        assert (data / "out" / f"smollm-preferences{suffix}").stat().st_size > 500
    length = frame[(frame.judge == "length") & (frame.measure == "accuracy, longer won")]
    assert length.value.item() == 1
    assert (frame[frame.judge == "data"].value > 0).all()


def test_without_data_it_says_what_it_needs(script, monkeypatch):
    monkeypatch.delenv("NASHSIM_DATA", raising=False)
    with pytest.raises(NashsimError, match="NASHSIM_DATA: a folder with llm/pairs.jsonl is needed"):
        script.read_pairs()
