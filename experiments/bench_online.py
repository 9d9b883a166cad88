"""Online learners: seconds of 20 seeds x 1e5 rounds at n = 10, beside NumPy loops and duelpy, and their memory."""

from __future__ import annotations

# ruff: noqa: E402
import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # before NumPy loads: one thread for everybody

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _online_loops import LOOPS
from benchmarking import machine, rounds

from nashsim import games
from nashsim.figures import Experiment, Finding
from nashsim.online import LEARNERS, play_learner
from nashsim.plots import PALETTE, legend_below

#: Ten actions with a Condorcet winner, so that every learner can play.
SOURCE = "uniform:n=10,seed=12"
TAU = 0.1
ROUNDS, SEEDS = 100_000, 20
#: Seconds at most for ``ROUNDS`` x ``SEEDS``; other learners are timed and held to nothing.
LIMITS = {
    "inpo-online": 0.7,
    "enpo": 0.7,
    "enpo-oracle": 0.7,
    "minimax-reference": 2.0,
    "minimax-self": 2.0,
    "minimax-adversary": 2.0,
    "double-thompson": 12.0,
}
#: A peer's time over the learner's at least.
NUMPY, DUELPY = 100.0, 40.0
#: Rounds x seeds that a peer plays in its turn; its seconds are scaled to those of the learner. The cost of a round
#: hardly changes with t, but for Newton's steps and the pairs that are still in doubt, of which early rounds have more.
PEER_ROUNDS = 5000
#: MiB at most, for a million rounds of a hundred seeds.
MEMORY = 1024.0
MEASURED = ("inpo-online", "enpo-oracle", "double-thompson")
#: Colour, marker and printed name of the contestants.
MARKS = {
    "nashsim": ("blue", "o", "nashsim"),
    "NumPy": ("orange", "^", "NumPy loop, scaled"),
    "duelpy": ("purple", "P", "duelpy, scaled"),
}
#: Behind a number, so that no line crosses it.
PATCH = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
#: Names the Python of an environment with duelpy.
VARIABLE = "NASHSIM_DUELPY"
#: The processor's time: other work on a busy machine counts only as far as it slows caches and memory.
CLOCK = time.process_time


def compute(quick: bool) -> pd.DataFrame:
    """Time every learner in turns with its NumPy loop, then duelpy and the memory, each in a process of its own."""
    game = games.get(SOURCE).replace(tau=TAU)
    size = (20_000, 2, 100) if quick else (ROUNDS, SEEDS, PEER_ROUNDS)
    rows = []
    for cls in LEARNERS:
        rows += beside_loop(game, cls.name, *size, repeats=2 if quick else 5)
        tell(f"{cls.name}: {rows[-1]['learner_seconds']:.3g} s")
    for name in MEASURED[:1] if quick else MEASURED:
        rows.append(memory(name, *((2000, 5) if quick else (1_000_000, 100))))
        tell(f"{name}: {rows[-1]['mib']:.0f} MiB")
    return pd.DataFrame(rows).assign(machine=json.dumps(machine()))


def tell(line: str) -> None:
    """Say on stderr what is being measured."""
    print(line, file=sys.stderr, flush=True)


def beside_loop(game, name: str, length: int, seeds: int, peer_length: int, repeats: int) -> list[dict]:
    """Return a row a contestant: seconds scaled to ``length`` rounds of ``seeds``, and the ratio in the same rounds."""
    works = {"nashsim": lambda: play_learner(game, name, rounds=length, seeds=seeds)}
    scale = {"nashsim": 1.0}
    if name in LOOPS:
        works["NumPy"] = lambda: LOOPS[name](game, 0).advance(peer_length)
        scale["NumPy"] = length * seeds / peer_length
    taken = rounds(works, repeats, 0.0, CLOCK)
    versions = {}
    if name == "double-thompson":
        answers = duelpy(game, peer_length, repeats)
        if answers:
            taken["duelpy"] = np.array([answer["seconds"] for answer in answers])
            scale["duelpy"] = length * seeds / peer_length
            versions["duelpy"] = f"NumPy {answers[0]['numpy']}"
    own = taken["nashsim"]
    return [
        {
            "work": "time",
            "learner": name,
            "contestant": who,
            "rounds": length,
            "seeds": seeds,
            "seconds": float(np.median(mine)) * scale[who],
            "ratio": float(np.median(mine * scale[who] / own)),
            "learner_seconds": float(np.median(own)),
            "note": versions.get(who, ""),
        }
        for who, mine in taken.items()
    ]


def duelpy(game, length: int, repeats: int) -> list[dict]:
    """Return duelpy's answers, one a repeat, from the Python that ``NASHSIM_DUELPY`` names; none without it."""
    python = os.environ.get(VARIABLE)
    if python is None:
        tell(
            "duelpy left out: make an environment with Python <= 3.9, pip install duelpy 'numpy<1.24', and name its"
            f" python in {VARIABLE}"
        )
        return []
    text = [json.dumps(game.probabilities[0].tolist()), str(min(length, 50)), *[str(length)] * repeats]
    script = str(Path(__file__).with_name("_duelpy.py"))
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [python, script], input="\n".join(text) + "\n", env=clean, capture_output=True, text=True
    )
    if done.returncode:
        tell(f"duelpy left out: {(done.stderr.splitlines() or ['no answer'])[-1]}")
        return []
    return [json.loads(line) for line in done.stdout.splitlines()][1:]


def memory(name: str, length: int, seeds: int) -> dict:
    """Return the most memory that a whole play held, in a process of its own."""
    command = [
        sys.executable,
        str(Path(__file__).with_name("_online_memory.py")),
        SOURCE,
        name,
        str(length),
        str(seeds),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {"work": "memory", "learner": name, "rounds": length, "seeds": seeds, **json.loads(done.stdout)}


def draw(frame: pd.DataFrame):
    """Draw the seconds of every learner beside those of its peers, with its limit."""
    import matplotlib.pyplot as plt

    time_rows = frame[frame.work == "time"]
    names = time_rows.learner.unique()[::-1]
    figure, ax = plt.subplots(figsize=(7.4, 0.36 * len(names) + 1.3), layout="constrained")
    share = time_rows.rounds.iloc[0] * time_rows.seeds.iloc[0] / (ROUNDS * SEEDS)
    for k, name in enumerate(names):
        if name in LIMITS:
            label = "limit" if name == next(iter(LIMITS)) else None
            ax.plot([LIMITS[name] * share] * 2, [k - 0.4, k + 0.4], color="k", linewidth=1.4, label=label)
    for who, (colour, marker, label) in MARKS.items():
        mine = time_rows[time_rows.contestant == who].set_index("learner")
        at = [k for k, name in enumerate(names) if name in mine.index]
        found = mine.loc[names[at]]
        ax.plot(found.seconds, at, marker, color=PALETTE[colour], markersize=5, linestyle="none", label=label)
        for k, row in zip(at, found.itertuples(), strict=True):
            told = f"{row.seconds:.2g} s" if who == "nashsim" else f"{row.ratio:.0f}×"
            side = (
                {"ha": "right", "xytext": (-6, 0)} if who == "nashsim" else {"ha": "left", "xytext": (6, 0)}
            )
            ax.annotate(told, (row.seconds, k), textcoords="offset points", va="center", fontsize=7,
                        color=PALETTE[colour], bbox=PATCH, **side)  # fmt: skip
    ax.set_yticks(np.arange(len(names)), names)
    ax.set(xscale="log", xlabel="seconds on one core, after compilation")
    ax.set_xlim(time_rows.seconds.min() / 2.5, time_rows.seconds.max() * 2)
    first = time_rows.iloc[0]
    note = f"{first.seeds:g} seeds × {first.rounds:g} rounds, n = 10, exact gaps every round"
    legend_below(figure, ax.get_legend_handles_labels()[0], note, columns=4)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Seconds and ratios against what is asked for, and the memory of a long play."""
    found = []
    timed = frame[frame.work == "time"]
    share = timed.rounds.iloc[0] * timed.seeds.iloc[0] / (ROUNDS * SEEDS)
    for row in timed.itertuples():
        if row.contestant == "nashsim":
            name = f"{row.learner}: {row.seeds:g} seeds x {row.rounds:g} rounds"
            limit = LIMITS.get(row.learner, np.inf) * share
            expected = f"≤ {limit:.3g} s" if np.isfinite(limit) else "no limit"
            found.append(Finding(name, f"{row.seconds:.3g} s", expected, row.seconds <= limit))
        else:
            least = DUELPY if row.contestant == "duelpy" else NUMPY
            name = f"{row.learner}: {row.contestant} takes, of its time"
            found.append(Finding(name, f"{row.ratio:.0f} times", f"≥ {least:g}", row.ratio >= least))
    for row in frame[frame.work == "memory"].itertuples():
        name = f"{row.learner}: peak memory, {row.seeds:g} seeds x {row.rounds:g} rounds"
        found.append(Finding(name, f"{row.mib:.0f} MiB", f"< {MEMORY:g} MiB", row.mib < MEMORY))
    return found


EXPERIMENT = Experiment("bench-online", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
