"""A run that is killed goes on to the same bits, and a checkpoint of another run is refused."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from nashsim import NashsimError
from nashsim.engine import Feedback, run, run_many
from nashsim.rules import OMD, DNOPrct, NashMD, NashMP, NashMPSGD, SelfPlayPG
from tests.zoo import random_game

SCRIPT = """
import sys
import numpy as np
from nashsim.engine import Feedback, run_many
from nashsim.rules import NashMD, NashMP
from tests.zoo import random_game

games = [random_game(k, actions=6, tau=0.2, contexts=1 + k) for k in range(2)]
print("begun", flush=True)
runs = run_many(games, [NashMD(), NashMP()], queries=int(sys.argv[2]), seeds=[1, 2], record=2000, jobs=2,
                start="random", feedback=Feedback("duels", 2), checkpoint=sys.argv[1], interval=0.0,
                keep_policies=True)
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
    file.write_bytes(b"not a zip")
    with pytest.raises(NashsimError, match="cannot be read"):
        run(game, OMD(), queries=50, checkpoint=tmp_path)
    with pytest.raises(NashsimError, match="the NumPy path keeps no state"):
        run(game, OMD(), queries=50, checkpoint=tmp_path, path="numpy")


def test_writes_wait_for_the_interval(tmp_path):
    game = random_game(0, actions=4, tau=0.3)
    written = []
    run_many([game], NashMP(), queries=400, record=10, checkpoint=tmp_path, interval=1e9,
             progress=lambda *_: written.append(len(list(tmp_path.iterdir()))))  # fmt: skip
    assert written[0] == 0 and written[-1] == 1  # the end is always written
