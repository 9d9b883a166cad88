"""A run that is killed goes on to the same bits, and a checkpoint of another run is refused."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from nashsim import NashsimError
from nashsim.engine import Feedback, run, run_many
from nashsim.rules import OMD, DNOPrct, NashMD, NashMP, NashMPSGD, SelfPlayPG
from tests.zoo import random_game

SCRIPT = """
import sys
import numpy as np
import pandas as pd
from nashsim.engine import Feedback, run_many
from nashsim.rules import NashMD, NashMP
from tests.zoo import random_game

games = [random_game(k, actions=6, tau=0.2, contexts=1 + k) for k in range(2)]
print("begun", flush=True)
runs = run_many(games, [NashMD(), NashMP()], queries=int(sys.argv[2]), seeds=[1, 2], record=2000, jobs=2,
                start="random", feedback=Feedback("duels", 2), checkpoint=sys.argv[1], interval=0.0,
                keep_policies=True, records=sys.argv[3] + ".csv")
flat = [[r.log_policy, r.average_policy, r.log_policies, *r.metrics.values()] for r in runs]
np.savez(sys.argv[3], *[np.concatenate([part.ravel() for part in parts]) for parts in flat])
"""


def result(folder, name, kill_after=None, queries=60_000):
    """Run the script, killing it after some seconds if asked; return whether it finished, and its seconds."""
    command = [sys.executable, "-c", SCRIPT, str(folder / "state"), str(queries), str(folder / name)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=os.getcwd())
    process.stdout.readline()
    began = time.perf_counter()
    if kill_after is not None:
        time.sleep(kill_after)
        process.send_signal(signal.SIGKILL)
    return process.wait() == 0, time.perf_counter() - began


def test_killed_runs_resume_to_the_same_bits(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    finished, seconds = result(whole, "out.npz")
    assert finished
    # the first moments are early, so that some of the kills hit however fast the machine is at the time
    moments = np.sort(np.random.default_rng(0).uniform(0.05, 0.8, 5)) * seconds
    outcomes = [result(broken, "out.npz", kill_after=moment)[0] for moment in moments]
    assert not all(outcomes)
    assert result(broken, "out.npz")[0]
    with np.load(whole / "out.npz") as one, np.load(broken / "out.npz") as other:
        assert one.files == other.files
        assert all(np.array_equal(one[name], other[name]) for name in one.files)
    assert (whole / "out.npz.csv").read_bytes() == (broken / "out.npz.csv").read_bytes()


def test_a_finished_run_is_read_back(tmp_path):
    game = random_game(0, actions=4, tau=0.3)
    options = {"queries": 500, "checkpoint": tmp_path, "feedback": Feedback("opponents", 2)}
    first, again = run(game, OMD(), **options), run(game, OMD(), **options)
    plain = run(game, OMD(), queries=500, feedback=Feedback("opponents", 2))
    for other in (again, plain):
        assert np.array_equal(first.log_policy, other.log_policy)
        assert all(np.array_equal(first.metrics[name], other.metrics[name]) for name in first.metrics)


@pytest.mark.parametrize(
    ("rule", "feedback"),
    [
        (SelfPlayPG(), Feedback("responses", 2)),
        (NashMPSGD(inner=7), Feedback("responses", 2)),
        (DNOPrct(), Feedback("pairs", 3)),
    ],
    ids=lambda value: getattr(value, "name", value.kind if isinstance(value, Feedback) else value),
)
def test_an_interrupted_run_of_sampled_steps_goes_on(tmp_path, rule, feedback):
    game = random_game(0, actions=4, tau=0.3, contexts=2)
    options = {"queries": 400, "record": 20, "feedback": feedback, "metrics": ["kl_to_reference"]}

    def interrupt(done, total):
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(game, rule, checkpoint=tmp_path, interval=0.0, progress=interrupt, **options)
    begun = []
    resumed = run(game, rule, checkpoint=tmp_path, progress=lambda done, total: begun.append(done), **options)
    plain = run(game, rule, **options)
    assert begun[0] > plain.step[-1] // 2
    assert np.array_equal(resumed.log_policy, plain.log_policy)
    assert np.array_equal(resumed.average_policy, plain.average_policy)
    assert np.array_equal(resumed.metrics["kl_to_reference"], plain.metrics["kl_to_reference"])


def test_foreign_and_broken_checkpoints_are_refused(tmp_path):
    game = random_game(0, actions=4, tau=0.3)
    run(game, OMD(), queries=50, checkpoint=tmp_path)
    for changed in ({"rule": NashMD()}, {"queries": 60}, {"game": game.replace(tau=0.4)}, {"seed": 5}):
        arguments = {"game": game, "rule": OMD(), "queries": 50, "seed": 0, **changed}
        with pytest.raises(NashsimError, match="belongs to a run with other settings"):
            run(arguments.pop("game"), arguments.pop("rule"), checkpoint=tmp_path, **arguments)
    [file] = tmp_path.iterdir()
    whole = file.read_bytes()
    cut = [whole[: len(whole) * k // 8] for k in range(8)]  # as a full disk leaves a copy
    for broken in (b"not a zip", *cut, whole[:200] + bytes(200) + whole[400:]):
        file.write_bytes(broken)
        with pytest.raises(NashsimError, match="cannot be read as a .npz of plain arrays; remove it") as told:
            run(game, OMD(), queries=50, checkpoint=tmp_path)
        assert "pickle" not in str(told.value)
    with pytest.raises(NashsimError, match="the NumPy path keeps no state"):
        run(game, OMD(), queries=50, checkpoint=tmp_path, path="numpy")


def test_writes_wait_for_the_interval(tmp_path):
    game = random_game(0, actions=4, tau=0.3)
    written = []
    run_many([game], NashMP(), queries=400, record=10, checkpoint=tmp_path, interval=1e9,
             progress=lambda *_: written.append(len(list(tmp_path.iterdir()))))  # fmt: skip
    assert written[0] == 0 and written[-1] == 1  # the end is always written


@pytest.mark.parametrize("feedback", [Feedback(), Feedback("duels", 2)])
def test_stretches_do_not_change_a_bit(monkeypatch, feedback):
    """Cutting a run at any iterations, which is where its state may be saved, leaves every number as it is."""
    games = [random_game(k, actions=4 + 13 * k, tau=0.2, contexts=1 + k) for k in range(2)]
    options = {"queries": 4000, "start": "random", "feedback": feedback}
    whole = run_many(games, [NashMD(), NashMP(), OMD()], **options)
    monkeypatch.setattr("nashsim.engine.work.STRETCH", 37 * 1000)
    for one, other in zip(whole, run_many(games, [NashMD(), NashMP(), OMD()], **options), strict=True):
        assert np.array_equal(one.log_policy, other.log_policy)
        assert np.array_equal(one.average_policy, other.average_policy)
        assert all(np.array_equal(one.metrics[name], other.metrics[name]) for name in one.metrics)


class Killed(Exception):
    """Stands for the end of a process."""


def test_state_is_saved_between_records(tmp_path, monkeypatch):
    """A run that stops in a long gap of its records goes on from inside the gap, to the same bits."""
    monkeypatch.setattr("nashsim.engine.work.STRETCH", 1)
    game, options = random_game(0, actions=4, tau=0.3), {"queries": 900, "record": [10], "seed": 3}
    whole = run(game, OMD(), records=tmp_path / "whole.csv", **options)
    advanced = []

    def stop(done, total):
        if done == 400:
            raise Killed

    kept = {"checkpoint": tmp_path / "state", "interval": 0.0, "records": tmp_path / "records.csv", **options}
    with pytest.raises(Killed):
        run(game, OMD(), progress=stop, **kept)
    seen = (tmp_path / "records.csv").read_bytes()
    assert (tmp_path / "whole.csv").read_bytes().startswith(seen) and seen.count(b"\n") > 10
    again = run(game, OMD(), progress=lambda done, total: advanced.append(done), **kept)
    assert advanced[0] == 401
    assert np.array_equal(whole.log_policy, again.log_policy)
    assert (tmp_path / "whole.csv").read_bytes() == (tmp_path / "records.csv").read_bytes()


def test_streamed_records_are_those_of_the_frame(tmp_path):
    games = [random_game(k, actions=4, tau=0.2, contexts=1 + k).replace(name=f'a,"{k}') for k in range(2)]
    runs = run_many(games, ["omd", "egpo"], queries=60, seeds=[4, 5], records=tmp_path / "records.csv")
    keys = ["game", "rule", "seed", "step", "metric"]
    expected = pd.concat([run.frame() for run in runs]).sort_values(keys, ignore_index=True)
    found = pd.read_csv(tmp_path / "records.csv", dtype={"value": str})
    found["value"] = [float(text) for text in found["value"]]
    pd.testing.assert_frame_equal(found.sort_values(keys, ignore_index=True), expected, check_exact=True)
