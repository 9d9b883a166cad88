"""The benchmark of decoding runs on a tiny model and scores what it has drawn."""

import importlib
import sys
from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).resolve().parents[2] / "experiments"


def test_quick_run_writes_everything(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    script = importlib.import_module("bench_decode")
    script.EXPERIMENT.reproduce(tmp_path, quick=True)
    frame = pd.read_csv(tmp_path / "bench-decode.csv").set_index("work")
    assert list(frame.index) == [script.FORWARD, *script.AIMS]
    assert (frame.tokens_per_second > 0).all() and frame.ratio[script.FORWARD] == 1
    # Drawn from what is scored, and from something near it.
    assert (frame.kl_per_token[[script.FORWARD, script.OURS]].abs() < 1e-6).all()
    assert (frame.importance_size > 0.9).all()
    assert (tmp_path / "bench-decode.png").stat().st_size > 5000
    for name in ("bench_decode", "bench_llm", "_llm_peers", "_llm_step", "benchmarking"):
        sys.modules.pop(name, None)
