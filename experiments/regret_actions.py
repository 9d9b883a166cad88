"""Regret against the number of actions, on random games."""

import numpy as np
import pandas as pd
from _regret import LEARNERS, REGRET, curves

from nashsim import games
from nashsim.figures import Experiment, Finding
from nashsim.online import run_regret
from nashsim.plots import learner_line, legend_below, mean_line

TAU = 0.2
ACTIONS = (3, 5, 10, 20, 40)
SHOWN = tuple(LEARNERS)


def compute(quick: bool) -> pd.DataFrame:
    """Play a uniformly random game of every size, and keep the regret at the end."""
    rounds, seeds = (5_000, 8) if quick else (20_000, 12)
    frames = []
    for n in ACTIONS[:4] if quick else ACTIONS:
        game = games.get(f"uniform:n={n},seed=1").replace(tau=TAU, name="uniform")
        frame = run_regret(game, list(SHOWN), rounds=rounds, seeds=seeds, jobs=2, check=True)
        frame = frame[(frame.rounds == frame.rounds.max()) & frame.metric.isin(("regret", "cvxpy_distance"))]
        frames.append(frame.assign(actions=n).drop(columns="setting"))
    return pd.concat(frames, ignore_index=True)


def draw(frame: pd.DataFrame):
    """Draw regret against the number of actions."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(5.4, 3.8), layout="constrained")
    regret = frame[frame.metric == "regret"]
    for learner in SHOWN:
        mine = regret[regret.learner == learner]
        mean_line(ax, mine, "actions", marker="o", markersize=3, **learner_line(learner))
    sizes = np.unique(frame.actions)
    ax.set(xscale="log", yscale="log", xlabel="actions n", ylabel=REGRET, title=f"random games, τ = {TAU:g}")
    ax.set_xticks(sizes, [str(n) for n in sizes], minor=False)
    ax.set_xticks([], minor=True)
    note = (
        f"After {int(frame.rounds.max()):,} duels; charged is the play of the main agent.\n"
        f"Mean over {frame.seed.nunique()} seeds, bands: 95% by Student's t."
    )
    legend_below(figure, ax.get_legend_handles_labels()[0], note, columns=3)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """The power of n in the regret."""
    found = []
    regret = frame[frame.metric == "regret"]
    for learner in SHOWN:
        n, values = curves(regret[regret.learner == learner], "actions")
        power = float(np.polyfit(np.log(n), np.log(values.mean(axis=0)), 1)[0])
        found.append(Finding(f"{learner}: power of n in the regret", f"{power:.2f}", "at most 2", power <= 2))
    return found


EXPERIMENT = Experiment("regret-actions", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
