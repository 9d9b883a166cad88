"""The benchmark of exact answers: it runs, states residuals, and its verdicts follow from its table. No timings."""

import json

import numpy as np
import pandas as pd
import pytest

from nashsim.cli import call
from nashsim.cli.benchmarking import find_benchmarks
from nashsim.cli.reproducing import find_experiments, load_experiment

WORKS = {"equilibrium", "lottery", "low rank", "± skew", "first result, warm caches", "first result, cold"}


@pytest.fixture(scope="module")
def bench():
    return load_experiment(find_benchmarks()["exact"])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("bench")
    assert call(["bench", "exact", "--quick", "--out", str(out), "--json"]) == 0
    return out


def test_benchmarks_are_no_figures():
    assert "exact" in find_benchmarks()
    assert not {name for name in find_experiments() if name.startswith("bench")}


def test_a_quick_run_gives_every_key(run):
    saved = json.loads((run / "bench-exact.json").read_text())
    assert set(saved) == {"quick", "versions", "findings", "machine"} and saved["quick"] is True
    assert {"processor", "cores", "memory_gib", "system", "versions"} <= set(saved["machine"])
    assert len(saved["findings"]) == 3 * 2 + 1 + 4
    for suffix in ("png", "pdf", "csv"):
        assert (run / f"bench-exact.{suffix}").stat().st_size > 500


def test_every_answer_states_its_residual(run):
    frame = pd.read_csv(run / "bench-exact.csv")
    assert set(frame.work) == WORKS
    own = frame[frame.solver.isin(["Newton", "nashsim"]) & frame.n.notna()]
    assert len(own) == 10 and own.residual.max() <= 1e-13
    peers = frame[frame.work.isin(["equilibrium", "lottery"]) & frame.seconds.notna()]
    assert peers.residual.notna().all() and (peers.seconds > 0).all()
    # an interior-point answer at CLARABEL's defaults is off by 1e-5, which is what SOLVED has to let pass
    assert peers.residual.max() < 1e-3


def made(ratio, **fields):
    """A table of one game on which the peer took ``ratio`` times Newton's time."""
    about = {"work": "equilibrium", "n": 10, "family": "made", "tau": 0.1, "part": "anew", "cpu": np.nan}
    rows = [{"solver": "Newton", "seconds": 1.0, "residual": 1e-16, "part": None},
            {"solver": "ECOS", "seconds": ratio, "ratio": ratio, "residual": 1e-9},
            {"solver": "SCS", "seconds": 0.1, "ratio": 0.1, "residual": 0.5}]  # fmt: skip
    return pd.DataFrame([{**about, "unique": None, **row, **fields} for row in rows])


def test_verdicts_follow_from_the_table(bench, monkeypatch):
    monkeypatch.setitem(bench.findings.__globals__, "LIMITS", {})
    # SCS is faster than Newton and has not solved the game: it does not count
    for ratio, holds in ((30.0, True), (10.0, False)):
        (finding,) = bench.findings(made(ratio))
        assert finding.holds is holds and f"{ratio:.0f}x" in finding.measured
    loose = made(30.0)
    loose.loc[0, "residual"] = 1e-9
    (finding,) = bench.findings(loose)
    assert not finding.holds
