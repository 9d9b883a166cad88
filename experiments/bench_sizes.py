"""Large games: a step on packed storage against BLAS on the matrix, and a million actions against memory."""

from __future__ import annotations

# ruff: noqa: E402
import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # before NumPy loads: one thread for everybody

import json
import time

import numba as nb
import numpy as np
import pandas as pd
from benchmarking import machine, ratio, rounds

from nashsim import PreferenceGame
from nashsim.engine.drive import choose_drive
from nashsim.engine.feedback import Feedback
from nashsim.figures import Experiment, Finding
from nashsim.logspace import log_normalise
from nashsim.plots import PALETTE
from nashsim.preferences import BradleyTerryPreference, LowRankPreference, PackedPreference
from nashsim.rules import OMD

TAU = 0.1
RANK = 8
#: The largest ratio to BLAS that is aimed at, by storage and number of actions.
TARGETS = {
    ("float64", 4000): 0.55,
    ("float64", 10_000): 0.45,
    ("float32", 4000): 0.32,
    ("float32", 10_000): 0.25,
}
#: Float64 numbers an action that a step must move, whatever its arithmetic: log pi, pi and the running sum are
#: read and written, log mu is read, and so are a row of U and V or a reward.
NUMBERS = {"low-rank": 7 + 2 * RANK, "Bradley-Terry": 7 + 1}
SHARE = 0.5
#: The processor's time over all threads: other work on a busy machine counts only as far as it slows memory.
CLOCK = time.process_time


def compute(quick: bool) -> pd.DataFrame:
    """Time both rows; the same machine, one thread, and in a round every work has its turn."""
    packed = [_packed(n, quick) for n in ((200, 500) if quick else (4000, 10_000))]
    long = [
        _long(n, quick) for n in ((2000, 6000, 20_000) if quick else (100_000, 300_000, 1_000_000, 3_000_000))
    ]
    frame = pd.DataFrame([row for rows in (*packed, *long) for row in rows])
    return frame.assign(machine=json.dumps(machine()))


def _packed(n: int, quick: bool) -> list[dict]:
    """A whole OMD step on a triangle, of float64 and float32, and in NumPy on the matrix (BLAS dgemv)."""
    storages = {
        dtype: PackedPreference.from_blocks(lambda a, b: _rows(n, a, b)[:, a:], n, dtype)
        for dtype in ("float64", "float32")
    }
    works = {name: _step(PreferenceGame(storage, tau=TAU)) for name, storage in storages.items()}
    matrix = np.concatenate(list(storages["float64"].blocks()))
    works["BLAS"] = _step_by_blas(matrix)
    taken = rounds(works, repeats=3 if quick else 15, seconds=0.01 if quick else 0.2, clock=CLOCK)
    return [
        {
            "storage": name,
            "actions": n,
            "seconds": float(np.median(seconds)),
            "ratio": ratio(taken, name, "BLAS"),
        }
        for name, seconds in taken.items()
    ]


def _long(n: int, quick: bool) -> list[dict]:
    """A whole OMD step in O(n), beside a sum over an array too large for any cache."""
    rng = np.random.default_rng(0)
    edge = 1 / np.sqrt(4 * RANK)
    games = {
        "low-rank": LowRankPreference(*rng.uniform(-edge, edge, (2, n, RANK))),
        "Bradley-Terry": BradleyTerryPreference(rng.uniform(-1, 1, n)),
    }
    works = {name: _step(PreferenceGame(p, tau=TAU)) for name, p in games.items()}
    array = np.ones(10**5 if quick else 2 * 10**7)
    works["memory"] = lambda: _sum(array)
    taken = rounds(works, repeats=3 if quick else 15, seconds=0.01 if quick else 0.1, clock=CLOCK)
    bandwidth = array.nbytes / taken["memory"]
    return [
        {
            "storage": name,
            "actions": n,
            "seconds": float(np.median(taken[name])),
            "ratio": float(np.median(8 * NUMBERS[name] * n / taken[name] / bandwidth)),
            "bandwidth": float(np.median(bandwidth)),
        }
        for name in games
    ]


def _rows(n: int, first: int, last: int) -> np.ndarray:
    """Return some rows of a dense cyclic preference."""
    position = np.arange(n) * 0.7
    return 0.5 * np.sin(position[first:last, None] - position)


def _step(game: PreferenceGame):
    """Return what does the next iteration of OMD in the engine."""
    exact = Feedback()
    drive = choose_drive(game, OMD(), exact)(
        game, OMD(), game.log_reference[None], exact, np.zeros((1, 1), np.uint64)
    )
    t = 0

    def work():
        nonlocal t
        drive.advance(t, t + 1)
        t += 1

    return work


def _step_by_blas(skew: np.ndarray):
    """Return what does the next iteration of OMD in NumPy, the average iterate's sum included."""
    [step] = OMD().steps(TAU, 0)
    keep, pull = step.base.values()
    log_reference = log_policy = np.full(len(skew), -np.log(len(skew)))
    total = np.zeros(len(skew))

    def work():
        nonlocal log_policy
        policy = np.exp(log_policy)
        total[:] += policy
        log_policy = log_normalise(keep * log_policy + pull * log_reference + step.eta * (skew @ policy))
        return log_policy

    return work


@nb.njit(fastmath={"reassoc"})
def _sum(array):
    total = 0.0
    for i in range(array.size):
        total += array[i]
    return total


def draw(frame: pd.DataFrame):
    """Draw the ratios to BLAS as bars and the times of long steps against the number of actions."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.2), layout="constrained")
    packed = frame[frame.bandwidth.isna()]
    sizes = sorted(packed.actions.unique())
    for k, (name, colour) in enumerate({"float64": "blue", "float32": "orange"}.items()):
        mine = packed[packed.storage == name].set_index("actions").ratio.loc[sizes]
        bars = left.bar(
            np.arange(len(sizes)) + 0.36 * (k - 0.5),
            mine,
            0.34,
            color=PALETTE[colour],
            label=f"packed, {name}",
        )
        left.bar_label(bars, fmt="%.2f", fontsize=7, padding=1)
    left.axhline(1.0, color="k", linestyle=":", linewidth=1)
    left.text(len(sizes) - 0.5, 1.01, "BLAS dgemv on the matrix", ha="right", va="bottom", fontsize=7)
    left.set(ylim=(0, 1.2), ylabel="time of a step, ratio to BLAS")
    left.set_xticks(range(len(sizes)), [f"n = {n}" for n in sizes])
    left.legend(fontsize=7, loc="upper left", bbox_to_anchor=(0, 0.8))
    long = frame[frame.bandwidth.notna()]
    for (name, mine), colour in zip(long.groupby("storage"), ("green", "blue"), strict=True):
        right.plot(mine.actions, mine.seconds * 1e3, "o-", markersize=4, color=PALETTE[colour], label=name)
        least = 8 * NUMBERS[name] * mine.actions / mine.bandwidth
        right.plot(mine.actions, least * 1e3, ":", color=PALETTE[colour], linewidth=1.2)
    right.set(xscale="log", yscale="log", xlabel="number of actions n", ylabel="time of a step  [ms]")
    right.set_title("dotted: its memory traffic at the bandwidth measured", fontsize=8)
    right.legend(fontsize=7)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """The ratios against what is aimed at, and how the time grows with n."""
    found = []
    for (name, n), most in TARGETS.items():
        mine = frame[(frame.storage == name) & (frame.actions == n)]
        for value in mine.ratio:
            found.append(Finding(f"packed {name}, n = {n}: step, ratio to BLAS dgemv", f"{value:.2f}",
                                 f"≤ {most:g}", value <= most))  # fmt: skip
    for name, mine in frame[frame.bandwidth.notna()].groupby("storage"):
        far = mine.iloc[-3:]  # the smallest of four sizes still fits into a large cache
        slope = np.polyfit(np.log(far.actions), np.log(far.seconds), 1)[0]
        found.append(
            Finding(
                f"{name}: exponent of n in the time of a step, n ≥ {far.actions.min()}",
                f"{slope:.2f}",
                "≤ 1.1",
                slope <= 1.1,
            )
        )
        last = mine[mine.actions <= 1_000_000].iloc[-1]
        share = f"{name}, n = {last.actions}: share of the bandwidth, {last.bandwidth / 1e9:.0f} GB/s"
        found.append(Finding(share, f"{last.ratio:.0%}", f"≥ {SHARE:.0%}", bool(last.ratio >= SHARE)))
    return found


EXPERIMENT = Experiment("bench-sizes", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
