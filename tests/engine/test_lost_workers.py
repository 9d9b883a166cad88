"""Workers that are lost: what they ran is run again, and where none is left one line says how to go on."""

import os
import shlex
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
from joblib import delayed

from nashsim import sweep
from nashsim.engine.sweeps import clusters
from nashsim.engine.sweeps.processes import on_processes
from nashsim.errors import WorkersLost
from tests.zoo import random_game

ROOT = Path(__file__).resolve().parents[2]


def die_once(number, folder):
    """Return the number; the process of number 3 is killed at its first call."""
    if number == 3 and not (folder / "died").exists():
        (folder / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def slow(number):
    time.sleep(0.3)
    return number


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is not there")
def test_what_a_lost_process_ran_is_run_again(tmp_path):
    with pytest.warns(UserWarning, match="a worker process was lost; what it ran is run again") as told:
        found = list(on_processes(2, [delayed(die_once)(number, tmp_path) for number in range(8)]))
    assert sorted(found) == list(range(8)) and len(told) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is not there")
def test_processes_that_are_lost_again_and_again_end_in_one_line():
    with warnings.catch_warnings(), pytest.raises(WorkersLost, match="lost 3 times in a row") as caught:
        warnings.simplefilter("ignore")
        list(on_processes(2, [delayed(die)()]))
    assert "\n" not in str(caught.value)


def test_errors_of_the_work_itself_are_not_taken_for_lost_workers():
    with pytest.raises(ZeroDivisionError):
        list(on_processes(1, [delayed(divmod)(1, 0)]))


@pytest.fixture
def cluster(tmp_path):
    distributed = pytest.importorskip("distributed")
    where = {"host": "127.0.0.1", "dashboard_address": None, "local_directory": str(tmp_path / "dask")}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, **where) as cluster:
        yield cluster


def test_a_lost_dask_worker_is_replaced_and_that_none_is_left_is_said_within_ten_seconds(cluster):
    with clusters.dask_client(cluster.scheduler_address) as client:
        pids = client.run(os.getpid)
        results = clusters.on_dask(client, [delayed(slow)(number) for number in range(12)])
        found = [next(results)]
        os.kill(next(iter(pids.values())), signal.SIGTERM)
        found += results
        assert sorted(found) == list(range(12))
        results = clusters.on_dask(client, [delayed(slow)(number) for number in range(200)])
        next(results)
        cluster.scale(0)
        began = time.monotonic()
        with pytest.raises(WorkersLost, match="all dask workers of .* are gone; .* of 200 pieces") as caught:
            list(results)
        assert time.monotonic() - began < 10 + 0.3 * 4 and "\n" not in str(caught.value)


CLUSTER = """
import sys, time
from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        time.sleep(600)
"""


def test_a_lost_scheduler_ends_in_one_line_with_the_command_that_goes_on(tmp_path):
    pytest.importorskip("distributed")
    (tmp_path / "cluster.py").write_text(CLUSTER)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = ["sweep", "tldr", "--seeds", "200", "--queries", "1e6", "--out", str(tmp_path / "out"), "--backend",
               "dask", "--scheduler"]  # fmt: skip
    start = {"env": environment, "cwd": tmp_path, "text": True, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "cluster.py")], **{**start, "stderr": None}, stdout=subprocess.PIPE
    ) as cluster:
        command.append(cluster.stdout.readline().strip())
        run = [sys.executable, "-c", "from nashsim.cli import main; main()", *command]
        with subprocess.Popen(run, **start, stdout=subprocess.PIPE) as process:
            while process.poll() is None and not list(tmp_path.glob("out/units/*.csv")):
                time.sleep(0.05)
            cluster.kill()
            began = time.monotonic()
            _, said = process.communicate(timeout=60)
    assert process.returncode == 2 and time.monotonic() - began < 20
    assert said.count("\n") == 1, said
    line = said.strip()
    assert "does not answer any more" in line or "are gone" in line
    assert line.endswith(shlex.join(["nashsim", *command, "--resume"]))


def test_without_a_folder_the_line_says_that_one_would_keep_what_is_done(monkeypatch):
    def lose(*_):
        raise WorkersLost("jobs: workers were lost")
        yield

    monkeypatch.setattr("nashsim.engine.sweeps.sweep._finished", lose)
    with pytest.raises(WorkersLost, match="jobs: workers were lost; an out=DIR would keep it"):
        sweep(random_game(0, 3), "omd", taus=[0.2], queries=10)


def test_a_lost_ray_worker_is_replaced(tmp_path, monkeypatch):
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'nashsim[cluster]'")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
    try:
        found = list(clusters.on_ray(2, [delayed(die_once)(number, tmp_path) for number in range(6)]))
        assert sorted(found) == list(range(6))
        with pytest.raises(ZeroDivisionError):
            list(clusters.on_ray(2, [delayed(divmod)(1, 0)]))
    finally:
        ray.shutdown()
