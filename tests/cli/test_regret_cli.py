"""`nashsim regret` as a user meets it: its list, its files, its one-line errors, and kills that change nothing."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from nashsim import games
from nashsim.cli import call
from nashsim.errors import NashsimError
from nashsim.online import LEARNERS, mean_utility_game, play_learner
from nashsim.online.learners.iterative import OnlineNashMD
from tests.cli.called import nashsim

KEYS = [
    *("learner", "tau", "rounds", "seeds", "regret_mean", "regret_low", "regret_high"),
    *("exponent", "exponent_low", "exponent_high", "definition"),
]
BOTH = ("--learner", "inpo-online", "--learner", "nash-md-online")


def test_json_is_what_the_plays_say(capsys):
    found = nashsim(capsys, "regret", "rps", *BOTH, "--tau", 0.2, "--rounds", "2e3", "--seeds", 5, "--json")
    assert [row["learner"] for row in found] == ["inpo-online", "nash-md-online"]
    game = games.get("rps").replace(tau=0.2)
    for row in found:
        assert list(row) == KEYS
        assert (row["tau"], row["rounds"], row["seeds"]) == (0.2, 2000, 5)
        play = play_learner(game, row["learner"], rounds=2000, seeds=5)
        mean = play.values["regret"].mean(axis=0)
        late = play.rounds >= 20
        assert row["regret_mean"] == pytest.approx(mean[-1], rel=1e-12)
        slope = np.polyfit(np.log(play.rounds[late]), np.log(mean[late]), 1)[0]
        assert row["exponent"] == pytest.approx(slope, rel=1e-9)
        assert row["regret_low"] < row["regret_mean"] < row["regret_high"]
        assert row["exponent_low"] < row["exponent"] < row["exponent_high"]
        assert "KL" in row["definition"]


def test_one_seed_has_no_interval(capsys):
    [row] = nashsim(
        capsys, "regret", "rps", "--learner", "inpo-online", "--rounds", 500, "--seeds", 1, "--json"
    )
    assert row["regret_low"] is None and row["exponent_high"] is None and row["exponent"] > 0


def test_files_and_jobs(capsys, tmp_path):
    """The files hold every record, to the last bit, and are the same for any number of jobs."""
    how = ("--tau", 0.3, "--rounds", 1000, "--seeds", 3, "--noise", 0.1)
    text = nashsim(capsys, "regret", "comal", *BOTH, *how, "--out", tmp_path / "one")
    assert text.count("-online") == 2 and "power of T" in text
    several = ("--learner", "inpo-online", "nash-md-online", "--jobs", 3)
    nashsim(capsys, "regret", "comal", *several, *how, "--out", tmp_path / "two")
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == [
        "records.csv",
        "regret.json",
        "summary.csv",
    ]
    for name in ("records.csv", "regret.json", "summary.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    records = pd.read_csv(tmp_path / "one" / "records.csv")
    play = play_learner(
        games.get("comal").replace(tau=0.3), "nash-md-online", rounds=1000, seeds=3, noise=0.1
    )
    mine = records[(records.learner == "nash-md-online") & (records.metric == "regret")]
    np.testing.assert_array_equal(mine.value.to_numpy().reshape(3, -1), play.values["regret"])
    told = json.loads((tmp_path / "one" / "regret.json").read_text())
    assert told["configuration"]["noise"] == 0.1 and "numpy" in told["configuration"]["versions"]
    assert set(records.metric) <= set(told["definitions"])


def test_learners(capsys):
    listed = nashsim(capsys, "learners", "--json")
    assert [row["name"] for row in listed] == [cls.name for cls in LEARNERS]
    text = nashsim(capsys, "learners")
    assert all(cls.name in text for cls in LEARNERS)


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["rps"], "--learner"),
        (["rps", "--learner", "inpo-onlin"], "did you mean 'inpo-online'"),
        (["rps", "--learner", "inpo-online", "inpo-online"], "more than once"),
        (["rps", "--learner", "inpo-online", "--rounds", 0], "rounds"),
        (["rps", "--learner", "inpo-online", "--rounds", "1.5"], "whole number"),
        (["rps", "--learner", "inpo-online", "--rounds", "1e30"], "rounds"),
        (["rps", "--learner", "enpo", "--rounds", 1], "from 2"),
        (["rps", "--learner", "inpo-online", "--seeds", 10**13], "memory"),
        (["rps", "--learner", "inpo-online", "--seeds", 0], "seeds"),
        (["rps", "--learner", "inpo-online", "--seeds", -3], "seeds"),
        (["rps", "--learner", "inpo-online", "--tau", 0], "tau"),
        (["rps", "--learner", "inpo-online", "--noise", 0.5], "noise"),
        (["rps", "--learner", "inpo-online", "--jobs", 0], "jobs"),
        (["rps", "--learner", "inpo-online", "--resume"], "--out"),
        (["no-game", "--learner", "inpo-online"], "unknown game"),
        (["rps", "--learner", "minimax-times"], "no finite drift"),
        (["rps", "--learner", "inpo-online", "--mean-utility"], "no people with utilities"),
        (["rps", "--learner", "inpo-online", "--until", 0], "until"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_bad_input(capsys, arguments, says):
    assert says in nashsim(capsys, "regret", *arguments, fails=True)


def test_the_budget_with_and_without_times(capsys):
    """In a crowd choices alone never bring regret down to what times reach; the budget is read off the records."""
    both = ("--learner", "minimax-times", "minimax-adversary")
    asked = ("--tau", 0.1, "--rounds", 4000, "--seeds", 4)
    arguments = ("regret", "two-opinions", *both, *asked, "--mean-utility", "--until", 0.015)
    times, choices = nashsim(capsys, *arguments, "--json")
    assert choices["duels_until"] is None and times["until"] == 0.015
    crowd = games.get("two-opinions").replace(tau=0.1)
    played = play_learner(mean_utility_game(crowd), "minimax-times", rounds=4000, seeds=4, people=crowd)
    rates = played.values["regret"].mean(axis=0) / played.rounds
    reached = played.rounds >= times["duels_until"]
    assert (rates[reached] <= 0.015).all() and rates[~reached][-1] > 0.015

    assert call([str(argument) for argument in arguments]) == 0
    printed = capsys.readouterr()
    assert "minimax-adversary: mean regret a round at most 0.015 never" in printed.out + printed.err


def test_a_game_of_one_action(capsys, tmp_path):
    (tmp_path / "one.csv").write_text(",only\nonly,0.5\n")
    arguments = ("regret", tmp_path / "one.csv", "--format", "matrix", "--learner", "inpo-online")
    assert "at least two actions" in nashsim(capsys, *arguments, fails=True)


def test_a_learner_that_refuses_the_game(capsys, monkeypatch, tmp_path):
    """Nothing is played where one of several learners cannot play."""

    def refuse(self, game):
        raise NashsimError(f"game: {self.name!r} needs a Condorcet winner, {game.name} has none")

    monkeypatch.setattr(OnlineNashMD, "check", refuse)
    error = nashsim(capsys, "regret", "rps", *BOTH, "--out", tmp_path / "out", fails=True)
    assert "needs a Condorcet winner" in error and not (tmp_path / "out").exists()


def test_a_checkpoint_of_other_settings_is_refused(capsys, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    arguments = ("regret", "rps", *BOTH, "--rounds", 2000, "--seeds", 2, "--out", tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("nashsim.cli.regret._save", stop)
        assert call([str(a) for a in arguments]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert len(list((tmp_path / "checkpoint").glob("*.npz"))) == 2
    error = nashsim(capsys, *arguments, "--tau", 0.2, "--resume", fails=True)
    assert "other settings" in error
    nashsim(capsys, *arguments, "--resume")
    assert not (tmp_path / "checkpoint").exists()


# A checkpoint at every record, so that many kills fall into the writing of one; kernels are there before the clock
# starts, so that the wall time is that of play and files.
PROGRAM = """
import sys
import pandas
import nashsim.cli.regret
from nashsim import games
from nashsim.cli import call
from nashsim.online import play_learner
nashsim.cli.regret.INTERVAL = 0.0
for learner in ("inpo-online", "nash-md-online"):
    play_learner(games.get("rps").replace(tau=0.1), learner, rounds=100, seeds=1)
print("ready", flush=True)
sys.exit(call(sys.argv[1:]))
"""


def _start(*arguments):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    process.stdout.readline()
    return process, time.monotonic()


@pytest.mark.slow
def test_kills_lose_and_change_nothing(tmp_path):
    """kill -9 at 20 moments uniform in wall time, then --resume: the same bytes as the run left alone."""
    arguments = ("regret", "rps", *BOTH, "--rounds", "2e5", "--seeds", 8, "--noise", 0.1)
    walls = []
    for _ in range(3):
        process, began = _start(*arguments, "--out", tmp_path / "whole")
        assert process.wait() == 0
        walls.append(time.monotonic() - began)
    wall = min(walls)  # so that a slower run is still at work at every moment
    found = attempt = 0
    for share in (np.arange(20) + 0.5) / 20:
        killed = False
        while not killed:
            attempt += 1
            assert attempt <= 100
            out = tmp_path / str(attempt)
            process, began = _start(*arguments, "--out", out)
            time.sleep(max(0.0, began + share * wall - time.monotonic()))
            process.send_signal(signal.SIGKILL)
            killed = process.wait() == -signal.SIGKILL
            # The machine has become faster than it was when the wall time was taken.
            wall *= 1 if killed else 0.85
        found += any(out.glob("checkpoint/*.npz"))
        process, _ = _start(*arguments, "--out", out, "--resume")
        assert process.wait() == 0
        for name in ("records.csv", "summary.csv", "regret.json"):
            assert (tmp_path / "whole" / name).read_bytes() == (out / name).read_bytes(), share
    # Many kills must fall into play that a checkpoint had begun to keep.
    assert found >= 8


# At the end the process says how much memory it held at most, in bytes (Linux counts kilobytes).
MEASURED = """
import resource, sys
from nashsim.cli import call
status = call(sys.argv[1:])
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(most * (1 if sys.platform == "darwin" else 1024), file=sys.stderr)
sys.exit(status)
"""


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["inpo-online", "enpo-oracle"])
def test_a_million_rounds_with_100_seeds_take_less_than_a_gigabyte(tmp_path, learner):
    """Ten actions, from the start of Python to the written records: memory does not grow with the rounds."""
    how = ("--rounds", "1e6", "--seeds", "100", "--jobs", "2", "--json", "--out", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "regret", "uniform:n=10", "--learner", learner, *how],
        capture_output=True,
        text=True,
        check=True,
    )
    [row] = json.loads(done.stdout)
    assert (row["rounds"], row["seeds"]) == (1_000_000, 100)
    assert int(done.stderr.split()[-1]) < 1e9
