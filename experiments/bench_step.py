"""One Nash-MD step of 1.1M parameters, eager, beside the same by generate of transformers, a bare loop and TRL.

One thread, its own seconds of the processor: other work on a machine costs it those of a shared cache alone, which a
yardstick tells. Works take turns; every response runs to full length. TRL needs the extra ``bench-llm``.
"""

from __future__ import annotations

import copy
import json
import time

import numpy as np
import pandas as pd
import torch
from _llm_peers import BareLoop, Generate, TRLNashMD, missing_trl
from _llm_step import COEFFICIENT, RATE, TAU, Geometry, Step, build
from bench_llm import CORRECT, CPU, TRL_RATIO, yardstick
from benchmarking import QUIET, machine, quiet_rounds, ratio

from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE

OURS = "llm_bridge"


def compute(quick: bool) -> pd.DataFrame:
    """Time every work's step."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _measured(Geometry(32, 64, 2, 2, 2, 64, batch=2, prompt=4, length=6) if quick else CPU["1.1M"])
    finally:
        torch.set_num_threads(threads)


def _measured(geometry: Geometry) -> pd.DataFrame:
    model = build(geometry, "cpu")
    options = {"mixture": COEFFICIENT, "beta": TAU, "lr": RATE}

    def peer(kind, **more):
        sizes = geometry.batch, geometry.prompt, geometry.length
        return kind(copy.deepcopy(model), copy.deepcopy(model), *sizes, **options, **more)

    works = {
        OURS: Step(model, geometry),
        "bare loop": peer(BareLoop),
        "transformers' generate": peer(Generate),
    }
    if missing_trl() is None:
        works |= {CORRECT: peer(TRLNashMD), "TRL, cache on (wrong samples)": peer(TRLNashMD, use_cache=True)}
    found = quiet_rounds(works, 5, 0.0, yardstick(), 0.0, time.process_time)
    rows = [
        {"work": work, "seconds": float(np.median(taken)), "ratio": ratio(found.seconds, work, OURS),
         "low": float((taken / found.seconds[OURS]).min()), "high": float((taken / found.seconds[OURS]).max())}
        for work, taken in found.seconds.items()
    ]  # fmt: skip
    told = machine()
    told["versions"]["torch"] = torch.__version__
    return pd.DataFrame(rows).assign(
        rounds=found.run, yardstick=found.least, disturbance=found.disturbance, batch=geometry.batch,
        length=geometry.length, machine=json.dumps(told),
    )  # fmt: skip


def draw(frame: pd.DataFrame):
    """Draw the time of every work's step, its ratio to ours beside it."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6.6, 2.5), layout="constrained")
    places = -np.arange(len(frame))
    colours = [PALETTE["blue" if work == OURS else "grey"] for work in frame.work]
    ax.barh(places, 1e3 * frame.seconds, height=0.62, color=colours)
    for place, row in zip(places, frame.itertuples(), strict=True):
        told = f" {1e3 * row.seconds:.0f}" + ("" if row.work == OURS else f", {row.ratio:.2f}x")
        ax.annotate(told, (1e3 * row.seconds, place), va="center", fontsize=9)
    ax.set_yticks(places, list(frame.work))
    ax.set(
        title=f"1.1M parameters, batch {frame.batch[0]}, {frame.length[0]} new tokens, one thread",
        xlabel="one Nash-MD step, ms of the processor", xlim=(0, 1.25e3 * frame.seconds.max()),
    )  # fmt: skip
    ax.grid(axis="y", visible=False)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Every work's step over ours, and whether the machine was quiet."""
    found = []
    for row in frame[frame.work != OURS].itertuples():
        told = f"{row.ratio:.2f}x (rounds {row.low:.2f} to {row.high:.2f})"
        least = TRL_RATIO if row.work == CORRECT else 0.0
        asked = f"at least {least:g}x" if least else "reported"
        found.append(Finding(f"step of {row.work} over ours", told, asked, row.ratio >= least))
    first = frame.iloc[0]
    told = f"{1e3 * first.yardstick:.1f} ms at least, {first.disturbance:.2f} times that in {first.rounds} rounds"
    quiet = bool(first.disturbance <= QUIET)
    return [*found, Finding("yardstick", told, f"at most {QUIET:g} times", quiet)]


EXPERIMENT = Experiment("bench-step", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
