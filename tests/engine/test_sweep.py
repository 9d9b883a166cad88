"""A sweep gives the same bits wherever it runs, and ends with the same bytes however often it was killed."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nashsim import NashsimError, StepSizeWarning, run, sweep
from nashsim.engine import Feedback
from nashsim.engine.sweeps.backends import calm
from nashsim.rules import OMD, NashMP
from tests.zoo import random_game

ROOT = Path(__file__).resolve().parents[2]
#: Games of two sizes, one of them large enough for BLAS to use several threads, one with contexts.
GAMES = [random_game(0, 5), random_game(1, 150), random_game(2, 5, contexts=3), random_game(3, 5)]
ARGUMENTS = {
    **{"games": GAMES, "rules": ["nash-md", "egpo"], "taus": [0.05, 0.4], "seeds": [0, 1]},
    **{"queries": 300, "start": "random", "feedback": Feedback("opponents", 2), "records": True},
}


@pytest.fixture(scope="module")
def alone():
    return sweep(**ARGUMENTS, jobs=1, backend="threads")


def same_bits(one, other):
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    return all(
        one[name].to_numpy().tobytes() == other[name].to_numpy().tobytes() for name in ("eta", "value")
    )


@pytest.mark.parametrize("backend", ["threads", "loky"])
def test_two_workers_give_the_bits_of_one(alone, backend):
    assert same_bits(alone, sweep(**ARGUMENTS, jobs=2, backend=backend))


def test_a_dask_cluster_gives_the_bits_of_one(alone, tmp_path, monkeypatch):
    """Two workers, processes of their own, on localhost; the address given, and from the environment."""
    distributed = pytest.importorskip("distributed")
    where = {"host": "127.0.0.1", "dashboard_address": None, "local_directory": str(tmp_path / "dask")}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **where) as cluster:
        address, out = cluster.scheduler_address, tmp_path / "out"
        found = sweep(**ARGUMENTS, backend="dask", scheduler=address, out=out)
        with distributed.Client(address) as client:
            kept = client.run(
                lambda: sorted(name for name in sys.modules if name == "nashsim.engine.sweeps.units")
            )
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address)
        again = sweep(**ARGUMENTS, backend="dask")
    assert len(kept) == 2 and all(kept.values())  # both workers ran units
    assert same_bits(alone, found) and same_bits(alone, again)
    sweep(**ARGUMENTS, out=tmp_path / "alone")
    assert files(tmp_path / "alone") == files(out)


def test_a_ray_cluster_gives_the_bits_of_one(alone, monkeypatch):
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'nashsim[cluster]'")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
    try:
        assert same_bits(alone, sweep(**ARGUMENTS, backend="ray"))
    finally:
        ray.shutdown()


def test_blas_keeps_to_one_thread_while_any_unit_runs():
    """On more threads it adds in another order: equilibria of 150 actions change in their last bits."""
    import scipy.linalg  # noqa: F401  brings a BLAS of its own
    from threadpoolctl import threadpool_info, threadpool_limits

    def threads():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    with threadpool_limits(2):
        before = threads()  # a BLAS built for one thread stays at that
        assert 2 in before
        with calm:
            with calm:
                assert threads() == {1}
            assert threads() == {1}
        assert threads() == before


def test_work_is_cut_by_its_amount_alone(monkeypatch):
    """Smaller units, even single seeds of single games, hold the same runs in the same order."""
    cheap = {**ARGUMENTS, "games": [GAMES[0], GAMES[3]], "feedback": None}
    whole = sweep(**cheap)
    counts = []
    monkeypatch.setattr("nashsim.engine.sweeps.units.UNIT", 1)
    apart = sweep(**cheap, progress=lambda done, total: counts.append((done, total)))
    assert same_bits(whole, apart)
    assert counts == [(done, 16) for done in range(1, 17)]


def test_games_stay_immutable_on_their_way_to_a_worker():
    """A writeable matrix is another type to the compiled kernel, which each worker would then compile anew."""
    game = pickle.loads(pickle.dumps(GAMES[0]))
    for array in (game.preference.dense(), game.log_reference, game.weights):
        assert not array.flags.writeable


def test_rows_are_those_of_single_runs():
    frame = sweep(
        GAMES[0], [OMD(0.1), OMD(0.2), "nash-mp"], taus=[0.2, 0.4], queries=200, metrics=["duality_gap"]
    )
    assert list(frame["tau"]) == [0.2] * 3 + [0.4] * 3
    assert list(frame["rule"]) == ["OMD(step=0.1)", "OMD(step=0.2)", "nash-mp"] * 2
    for row in frame.itertuples():
        rule = {"OMD(step=0.1)": OMD(0.1), "OMD(step=0.2)": OMD(0.2), "nash-mp": NashMP()}[row.rule]
        single = run(GAMES[0].replace(tau=row.tau), rule, queries=200)
        assert row.value == single.metrics["duality_gap"][-1] and row.queries == 200
        assert row.eta == rule.eta(row.tau)
    assert np.isnan(sweep(GAMES[0], "nash-md", queries=20)["eta"]).all()  # a schedule
    stepped = sweep(GAMES[0], ["omd", "nash-mp"], etas=[0.1, 0.2], queries=20, metrics=["span"])
    assert list(stepped["eta"]) == [0.1, 0.2, 0.1, 0.2]


SCRIPT = """
import sys
from nashsim import sweep
from nashsim.engine import Feedback
from tests.zoo import random_game

if __name__ == "__main__":
    sweep([random_game(k, 6) for k in range(3)], ["omd", "nash-mp"], taus=[0.2, 0.3], seeds=[1, 2], queries=400_000,
          start="random", record=80_000, feedback=Feedback("duels", 2), backend=sys.argv[2], jobs=2,
          out=sys.argv[1], resume=True, interval=0.0)
"""


def files(folder):
    """Every file of a folder with its bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def count(folder, suffix):
    """Files below a folder that another process writes to and tidies up: what vanishes meanwhile is not there."""
    return sum(
        name.endswith(suffix) and name[0].isdigit() for _, _, names in os.walk(folder) for name in names
    )


def finish(script, out, backend, kill_at=None):
    """Run the script in a process; kill it once it has left so many units, and some state, if asked."""
    command = [sys.executable, str(script), str(out), backend]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    while kill_at is not None and process.poll() is None:
        if count(out / "units", ".csv") >= kill_at and count(out / "checkpoints", ".npz"):
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.003)
    return process.wait()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The files of a sweep that was left alone."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "script.py").write_text(SCRIPT)
    assert finish(folder / "script.py", folder / "out", "threads") == 0
    return folder


@pytest.mark.parametrize(
    ("backend", "kills"),
    [("threads", (0, 2, 7)), ("loky", (2,)), pytest.param("loky", (0, 7), marks=pytest.mark.slow)],
)
def test_killed_sweeps_end_with_the_same_bytes(whole, tmp_path, backend, kills):
    for units in kills:
        assert finish(whole / "script.py", tmp_path, backend, kill_at=units) == -signal.SIGKILL
    assert finish(whole / "script.py", tmp_path, backend) == 0
    assert files(tmp_path) == files(whole / "out")


def test_a_finished_sweep_is_read_back(tmp_path):
    first = sweep(**ARGUMENTS, out=tmp_path)
    before, done = files(tmp_path), []
    again = sweep(**ARGUMENTS, out=tmp_path, resume=True, progress=lambda *counts: done.append(counts))
    assert same_bits(first, again) and files(tmp_path) == before and done[-1] == (32, 32)
    manifest = json.loads((tmp_path / "sweep.json").read_text())
    assert manifest["taus"] == [0.05, 0.4] and manifest["seeds"] == [0, 1] and "numpy" in manifest["versions"]
    assert manifest["options"]["feedback"] == "Feedback(kind='opponents', samples=2)"
    joined, last = pd.read_csv(tmp_path / "records.csv"), pd.read_csv(tmp_path / "final.csv")
    assert len(joined) == len(first) and list(joined.columns) == list(first.columns)
    ends = first["step"] == first.groupby("rule")["step"].transform("max")
    assert last["metric"].tolist() == first["metric"][ends].tolist()
    for changed in ({"queries": 301}, {"seeds": [0, 2]}, {"games": GAMES[:3]}, {"taus": [0.05]}):
        with pytest.raises(NashsimError, match="belongs to a sweep with other settings"):
            sweep(**{**ARGUMENTS, **changed}, out=tmp_path, resume=True)
    small = sweep(GAMES[0], "omd", queries=10, out=tmp_path)  # starts anew
    assert len(pd.read_csv(tmp_path / "final.csv")) == len(small) and len(list(tmp_path.glob("units/*"))) == 1


def test_bad_arguments_are_found_before_any_run(monkeypatch):
    game = GAMES[0]
    cases = {
        "games: at least one is needed": {"games": []},
        "games: 'random-0' is there more than once": {"games": [game, game]},
        "seeds: 1 is there more than once": {"seeds": [1, 1]},
        "games, rules and steps:": {"rules": ["omd", OMD()]},
        "unknown rule": {"rules": ["onward"]},
        "unknown metric": {"metrics": ["gap"]},
        "unknown backend 'dusk'; did you mean 'dask'": {"backend": "dusk"},
        "jobs: at least 1": {"jobs": 0},
        "scheduler: only the backends dask and ray": {"scheduler": "tcp://127.0.0.1:1"},
        "one iteration of 'omd' asks 1": {"queries": 0},
        "start: 'reference'": {"start": "anywhere"},
        "tau: this needs a regularised game": {"games": game.replace(tau=None)},
    }
    for message, changed in cases.items():
        with pytest.raises(NashsimError, match=message):
            sweep(**{"games": game, "rules": "omd", "queries": 10, **changed})
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    with pytest.raises(NashsimError, match="name the dask cluster by --scheduler"):
        sweep(game, "omd", queries=10, backend="dask")
    monkeypatch.setattr("nashsim.engine.sweeps.backends.find_spec", lambda name: None)
    with pytest.raises(
        NashsimError, match=r"needs the package ray; install it by: pip install 'nashsim\[cluster\]'"
    ):
        sweep(game, "omd", queries=10, backend="ray")


@pytest.mark.parametrize("backend", ["threads", "loky"])
def test_a_step_outside_its_condition_is_told_once(backend):
    with pytest.warns(StepSizeWarning) as told:
        sweep(GAMES, "omd", etas=[5.0], taus=[0.2], seeds=[0, 1], queries=20, jobs=2, backend=backend)
    assert len(told) == 1
