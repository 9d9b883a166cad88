"""The benchmark of what a user waits for runs whole on small settings, and its old way has the bits of the new."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nashsim.engine import run_many
from nashsim.engine.metrics import Metric

FOLDER = Path(__file__).resolve().parents[2] / "experiments"


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module("bench_waits")
    finally:
        sys.path.remove(str(FOLDER))
        for name in ("bench_waits", "bench_engine", "benchmarking", "_native", "_peers"):
            sys.modules.pop(name, None)


def test_quick_run_writes_everything(script, tmp_path):
    findings = script.EXPERIMENT.reproduce(tmp_path, quick=True)
    frame = pd.read_csv(tmp_path / "bench-waits.csv")
    measured = frame[frame.way != "unmeasured"]
    assert {*script.SECONDS, *script.FIRST} <= set(measured.work) and (measured.seconds > 0).all()
    assert frame.residual.max() <= 1e-13
    names = [f.finding for f in findings]
    assert sum(name.startswith("run_many over the engine") for name in names) == 4
    assert sum(name.startswith("games at once") for name in names) == 2
    assert json.loads(frame.machine[0])["cores"] >= 1
    assert (tmp_path / "bench-waits.png").stat().st_size > 5000


def test_the_old_way_has_the_bits_of_the_new_and_is_gone_afterwards(script):
    games, combine = script.many_games(5), Metric.combine
    new, old = (
        call(lambda: run_many(games, "egpo", queries=100)) for call in (lambda f: f(), script.old_way)
    )
    assert Metric.combine is combine
    for one, other in zip(new, old, strict=True):
        assert np.array_equal(one.log_equilibrium, other.log_equilibrium)
        assert all(one.metrics[name].tobytes() == other.metrics[name].tobytes() for name in one.metrics)


def test_verdicts_follow_from_the_table(script):
    now = {"way": "now", "ratio": 1.0, "residual": 1e-12, "disturbance": 1.5}
    works = [
        *script.SECONDS,
        *script.FIRST,
        "run_many over the engine, n = 3, one call",
        "engine over C, n = 3, one call",
    ]
    rows = [{**now, "work": work, "seconds": 0.6} for work in works]
    rows += [{"work": work, "way": "before", "seconds": 1.0, "ratio": 1.2} for work in works]
    rows.append({"work": "games at once on a torch device, GPU", "way": "unmeasured"})
    verdicts = {f.finding: (f.holds, f.measured) for f in script.findings(pd.DataFrame(rows))}
    assert [verdicts[work][0] for work in works] == [False, True, False, True, True, False, False]
    assert not verdicts["Newton, 1000 games: residual"][0] and not verdicts["yardstick over its least"][0]
    assert verdicts["games at once on a torch device, GPU"][1].startswith("unmeasured")
