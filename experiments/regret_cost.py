"""Regret against duels beside regret against processor time: what a better use of duels costs to compute.

    python experiments/regret_cost.py --time    # measure the seconds anew, on a quiet machine

Seconds are read from regret_cost_seconds.csv beside this script, so that the figure is the same wherever it is drawn.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _regret import LEARNERS, REGRET, curves, thinned
from benchmarking import machine, rounds

from nashsim import games
from nashsim.figures import Experiment, Finding
from nashsim.files import write_frame
from nashsim.online import play_learner, run_regret
from nashsim.plots import learner_line, legend_below
from nashsim.theory import mean_band

SECONDS = Path(__file__).with_name("regret_cost_seconds.csv")
SHOWN = ("nash-md-pg", *(name for name in LEARNERS if name != "enpo"))
TITLES = {"uniform": "random game of ten, τ = 0.1", "hard-b": "instance B, τ = 0.04"}
#: Duels after which the processor's time is read, for this many seeds.
MARKS, SEEDS = (1000, 100_000), 20


def _games():
    return [games.get("uniform:n=10,seed=12").replace(tau=0.1, name="uniform"), games.get("hard-b", tau=0.04)]


def measure() -> None:
    """Time every learner on every game, all in turns, and write the seconds a seed."""
    rows = []
    for game in _games():
        works = {
            (learner, mark): lambda game=game, learner=learner, mark=mark: play_learner(
                game, learner, rounds=mark, seeds=SEEDS
            )
            for learner in SHOWN
            for mark in MARKS
        }
        taken = rounds(works, repeats=5, seconds=0.0, clock=time.process_time)
        rows += [
            {"game": game.name, "learner": who, "rounds": mark, "seconds": float(np.median(s)) / SEEDS}
            for (who, mark), s in taken.items()
        ]
    write_frame(SECONDS, pd.DataFrame(rows).assign(machine=json.dumps(machine())))


def compute(quick: bool) -> pd.DataFrame:
    """Play both games and put the measured seconds beside the duels."""
    length, seeds = (20_000, 8) if quick else (100_000, 32)
    frame = run_regret(_games(), list(SHOWN), rounds=length, seeds=seeds, jobs=2, check=True)
    frame = thinned(frame[frame.metric.isin(("regret", "cvxpy_distance"))].drop(columns="setting"))
    seconds = pd.read_csv(SECONDS)
    parts = []
    for (game, learner), mine in frame.groupby(["game", "learner"], sort=False):
        known = seconds[(seconds.game == game) & (seconds.learner == learner)].sort_values("rounds")
        # What a call costs whatever its length (set-up, records) is no time of a duel.
        duel = np.diff(known.seconds.to_numpy()[[0, -1]]) / np.diff(known.rounds.to_numpy()[[0, -1]])
        parts.append(mine.assign(seconds=mine.rounds * float(duel[0])))
    return pd.concat(parts, ignore_index=True)


def _of(frame: pd.DataFrame, game: str, learner: str):
    mine = frame[(frame.metric == "regret") & (frame.game == game) & (frame.learner == learner)]
    duels, values = curves(mine)
    return duels, mine.groupby("rounds").seconds.first().to_numpy(), values


def draw(frame: pd.DataFrame):
    """Draw a row a game: regret against duels, and against processor time."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(2, 2, figsize=(8.2, 5.8), sharey="row", layout="constrained")
    for (left, right), (game, title) in zip(panels, TITLES.items(), strict=True):
        for learner in SHOWN:
            line = learner_line(learner)
            duels, seconds, values = _of(frame, game, learner)
            mean, low, high = mean_band(values, least=0)
            late = duels >= 10
            for ax, x in ((left, duels), (right, 1e3 * seconds)):
                ax.plot(x[late], mean[late], **line)
                ax.fill_between(x[late], low[late], high[late], color=line["color"], alpha=0.18, linewidth=0)
        left.set(xscale="log", yscale="log", ylabel=REGRET, title=f"{title}: against duels")
        right.set(xscale="log", title="against processor time")
    panels[1][0].set_xlabel("duels T")
    panels[1][1].set_xlabel("processor time a seed, ms")
    note = (
        f"Charged is the play of the main agent; mean over {frame.seed.nunique()} seeds, bands: 95% by Student's t."
        f"\nTime: duels times that of one on one core, between {MARKS[0]:,} and {MARKS[1]:,};"
        f" median of five runs of {SEEDS} seeds"
        " side by side, exact regret every round included."
    )
    legend_below(figure, panels[0][0].get_legend_handles_labels()[0], note, columns=5)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Who is ahead at equal duels, and at equal time."""
    found = []
    for game, title in TITLES.items():
        ends = {who: _of(frame, game, who) for who in SHOWN}
        budget = min(seconds[-1] for _, seconds, _ in ends.values())
        at_end = {who: values[:, -1].mean() for who, (_, _, values) in ends.items()}
        at_time = {
            who: float(np.interp(budget, seconds, values.mean(axis=0)))
            for who, (_, seconds, values) in ends.items()
        }
        first = min(at_end, key=at_end.get)
        least = min(at_time, key=at_time.get)
        found += [
            Finding(
                f"{title}: least regret at equal duels",
                f"{first}, {at_end[first]:.2f}",
                "a learner with the minimax oracle",
                first.startswith("minimax"),
            ),
            Finding(
                f"{title}: least regret after {1e3 * budget:.0f} ms",
                f"{least}, {at_time[least]:.2f}",
                "reported",
                True,
            ),
            Finding(
                f"{title}: time of a duel, minimax-adversary over inpo-online",
                f"{ends['minimax-adversary'][1][-1] / ends['inpo-online'][1][-1]:.1f}x",
                "above 1: the minimax oracle pays in computation",
                bool(ends["minimax-adversary"][1][-1] > ends["inpo-online"][1][-1]),
            ),
        ]
    return found


EXPERIMENT = Experiment("regret-cost", __doc__, compute, draw, findings)

if __name__ == "__main__":
    if "--time" in sys.argv:
        sys.argv.remove("--time")
        measure()
    EXPERIMENT.main()
