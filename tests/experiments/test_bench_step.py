"""The benchmark of the whole eager step runs on a tiny model, its peers beside it."""

import importlib
import sys
from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).resolve().parents[2] / "experiments"


def test_quick_run_writes_everything(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    script = importlib.import_module("bench_step")
    findings = script.EXPERIMENT.reproduce(tmp_path, quick=True)
    frame = pd.read_csv(tmp_path / "bench-step.csv").set_index("work")
    assert {script.OURS, "bare loop", "transformers' generate"} <= set(frame.index)
    assert (
        frame.ratio[script.OURS] == 1
        and (frame.low <= frame.ratio).all()
        and (frame.ratio <= frame.high).all()
    )
    assert findings[-1].finding == "yardstick" and findings[-1].holds == (frame.disturbance.iloc[0] <= 1.15)
    assert (tmp_path / "bench-step.png").stat().st_size > 5000
    for name in ("bench_step", "bench_llm", "_llm_peers", "_llm_step", "benchmarking"):
        sys.modules.pop(name, None)
