"""The benchmark of online learners runs, and its NumPy loops do the learners' work."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nashsim import games
from nashsim.online import LEARNERS, play_learner

FOLDER = Path(__file__).resolve().parents[2] / "experiments"
SCRIPTS = ("bench_online", "benchmarking", "_online_loops", "_bandit_loops", "_loop")


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module("bench_online")
    finally:
        sys.path.remove(str(FOLDER))
        for name in SCRIPTS:
            sys.modules.pop(name, None)


def test_quick_run_writes_everything(script, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(script.VARIABLE, raising=False)
    script.EXPERIMENT.reproduce(tmp_path, quick=True)
    assert "duelpy left out: make an environment" in capsys.readouterr().err
    frame = pd.read_csv(tmp_path / "bench-online.csv")
    timed = frame[frame.work == "time"]
    assert set(timed[timed.contestant == "nashsim"].learner) == {cls.name for cls in LEARNERS}
    assert set(timed[timed.contestant == "NumPy"].learner) == set(script.LOOPS)
    assert (timed.seconds > 0).all() and (timed.ratio > 0).all()
    assert (frame[frame.work == "memory"].mib > 30).all()
    assert json.loads(frame.machine[0])["cores"] >= 1
    assert (tmp_path / "bench-online.png").stat().st_size > 5000


def test_a_broken_peer_is_left_out_in_one_line(script, monkeypatch, capsys):
    monkeypatch.setenv(script.VARIABLE, sys.executable)  # has no duelpy
    assert script.duelpy(games.get(script.SOURCE), 10, 1) == []
    assert capsys.readouterr().err.splitlines() == [
        "duelpy left out: ModuleNotFoundError: No module named 'duelpy'"
    ]


@pytest.mark.parametrize("name", ["inpo-online", "enpo", "enpo-oracle", "minimax-adversary", "double-thompson",
                                  "rucb", "sparring-exp3"])  # fmt: skip
def test_numpy_loops_do_the_same_work(script, name):
    """Mean regrets of 20 and 200 seeds within 4 standard errors of their difference, in all four sums."""
    game = games.get(script.SOURCE).replace(tau=script.TAU)
    loops = [script.LOOPS[name](game, seed) for seed in range(20)]
    for loop in loops:
        loop.advance(400)
    theirs = np.array([loop.tally for loop in loops])
    play = play_learner(game, name, rounds=400, seeds=200)
    metrics = ("regret", "unregularised_regret", "copeland_regret", "borda_regret")
    ours = np.array([play.values[metric][:, -1] for metric in metrics]).T
    error = np.sqrt(theirs.var(axis=0, ddof=1) / 20 + ours.var(axis=0, ddof=1) / 200)
    assert (np.abs(theirs.mean(axis=0) - ours.mean(axis=0)) < 4 * error).all()
    total = np.mean([loop.total for loop in loops], axis=0)
    assert abs(total.sum() - 400) < 1e-9
