"""Cycling against convergence on a three-action cycle: the same game under four step rules, on the simplex."""

import warnings

import numpy as np
import pandas as pd

from nashsim import StepSizeWarning, games
from nashsim.engine import run, runs_frame
from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE, draw_simplex, legend_below, to_plane
from nashsim.rules import EGPO, OMD, NashMD

TAU = 0.05
#: Each panel: title, rule, queries.
PANELS = {
    "one call, η = 4 (unstable)": (OMD(step=4.0), 120),
    "one call, η = 4τ/(1 + 4τ²)": (OMD(), 400),
    "Nash-MD, η = 2/(τ(t + 2))": (NashMD(), 400),
    "two calls (EGPO), largest step": (EGPO(), 60),
}
STARTS = ([0.90, 0.05, 0.05], [0.08, 0.84, 0.08])


def compute(quick: bool) -> pd.DataFrame:
    """Record the whole path of every panel's rule from both starts."""
    game = games.get("rps").replace(tau=TAU, reference=[0.5, 0.3, 0.2])
    frames = []
    for panel, (rule, queries) in PANELS.items():
        for which, start in enumerate(STARTS):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", StepSizeWarning)  # the first panel means it
                found = run(game, rule, queries=queries, start=start, record=1, keep_policies=True,
                            metrics=["duality_gap", "kl_to_equilibrium"])  # fmt: skip
            path = pd.DataFrame(np.exp(found.log_policies[:, 0]), columns=game.labels)
            path = path.assign(queries=found.queries, panel=panel, start=which)
            path = path.melt(["queries", "panel", "start"], var_name="metric")
            frames += [path, runs_frame([found], check=True).assign(panel=panel, start=which)]
            exact = pd.DataFrame(
                {
                    "metric": [f"equilibrium {x}" for x in game.labels],
                    "value": np.exp(found.log_equilibrium[0]),
                }
            )
            frames.append(exact.assign(panel=panel, start=which))
    return pd.concat(frames, ignore_index=True)


def draw(frame: pd.DataFrame):
    """Draw one simplex a panel, paths dark at their start and light at their end."""
    import matplotlib.pyplot as plt
    from matplotlib.collections import LineCollection

    labels = ["rock", "paper", "scissors"]
    figure, axes = plt.subplots(2, 2, figsize=(6.6, 6.2), layout="constrained")
    for ax, (panel, here) in zip(axes.flat, frame.groupby("panel", sort=False), strict=True):
        draw_simplex(ax, labels)
        for which, path in here.groupby("start"):
            wide = path[path.metric.isin(labels)].pivot(index="queries", columns="metric", values="value")[
                labels
            ]
            points = to_plane(wide.to_numpy())
            segments = np.stack([points[:-1], points[1:]], axis=1)
            time = np.linspace(0, 1, len(segments))
            lines = LineCollection(
                segments, array=time, cmap=("viridis", "plasma")[int(which)], linewidth=1.1, clim=(0, 1.15)
            )
            ax.add_collection(lines)
            ax.plot(*points[0], "o", color="black", markersize=4, zorder=3)
            ax.plot(*points[-1], "s", color=PALETTE["vermilion"], markersize=4.5, zorder=4)
        exact = here[here.start == 0].set_index("metric").value
        star = to_plane(exact[[f"equilibrium {x}" for x in labels]].to_numpy())
        ax.plot(*star, "*", color="white", markeredgecolor="black", markersize=11, zorder=3)
        gap = here[here.metric == "duality_gap"].groupby("start").value.last().max()
        ax.set_title(f"{panel}\n{int(here.queries.max())} queries, duality gap {gap:.1e}", pad=16)
    marks = [
        ("o", "black", "start"),
        ("s", PALETTE["vermilion"], "last iterate"),
        ("*", "white", "exact equilibrium"),
    ]
    handles = [
        plt.Line2D([], [], marker=m, color="none", markerfacecolor=c, markeredgecolor="black" if m == "*" else c,
                   markersize=10 if m == "*" else 5, label=text) for m, c, text in marks
    ]  # fmt: skip
    legend_below(
        figure,
        handles,
        "Two starts, a colour map each, dark (first) to light (last step); Nash-MD's first step forgets its start.",
    )
    figure.suptitle(f"Rock–paper–scissors, τ = {TAU:g}, reference (0.5, 0.3, 0.2)", fontsize=10)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """The unstable step keeps a large gap, the others lose it."""
    gaps = (
        frame[frame.metric == "duality_gap"]
        .groupby(["panel", "start"], sort=False)
        .value.last()
        .groupby("panel")
        .max()
    )
    unstable, *others = PANELS
    found = [Finding(unstable, f"gap {gaps[unstable]:.2g}", "cycles: gap > 0.1", gaps[unstable] > 0.1)]
    return found + [Finding(p, f"gap {gaps[p]:.2g}", "converges: gap < 0.01", gaps[p] < 0.01) for p in others]


EXPERIMENT = Experiment("simplex", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
