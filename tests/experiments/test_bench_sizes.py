"""The benchmark of large games runs, on sizes that take a second, and its BLAS step is the engine's step."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nashsim import PreferenceGame
from nashsim.engine import run
from nashsim.preferences import DensePreference

FOLDER = Path(__file__).resolve().parents[2] / "experiments"


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module("bench_sizes")
    finally:
        sys.path.remove(str(FOLDER))
        for name in ("bench_sizes", "benchmarking"):
            sys.modules.pop(name, None)


def test_quick_run_writes_everything(script, tmp_path):
    findings = script.EXPERIMENT.reproduce(tmp_path, quick=True)
    assert sum("exponent" in f.finding for f in findings) == 2
    frame = pd.read_csv(tmp_path / "bench-sizes.csv")
    assert set(frame.storage) == {"float64", "float32", "BLAS", "low-rank", "Bradley-Terry"}
    assert (frame.seconds > 0).all() and (frame.ratio > 0).all()
    assert json.loads(frame.machine[0])["cores"] >= 1
    assert (tmp_path / "bench-sizes.png").stat().st_size > 5000


def test_the_step_by_blas_is_the_rule(script):
    skew = np.triu(script._rows(40, 0, 40), 1)
    game = PreferenceGame(DensePreference(skew - skew.T), tau=script.TAU)
    work = script._step_by_blas(game.preference.dense()[0])
    log_policies = [work() for _ in range(7)]
    expected = run(game, script.OMD(), queries=7, metrics=[]).log_policy[0]
    np.testing.assert_allclose(log_policies[-1], expected, atol=1e-13)
