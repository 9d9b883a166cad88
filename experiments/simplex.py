"""Cycling against convergence on a three-action cycle: the same game under four step rules, on the simplex."""

import warnings

import numpy as np
import pandas as pd

from nashsim import StepSizeWarning, games
from nashsim.engine import run, runs_frame
from nashsim.figures import Experiment, Finding
from nashsim.plots import legend_below, marks, simplex
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
    """Draw one simplex a panel, a colour a start."""
    import matplotlib.pyplot as plt

    labels = ["rock", "paper", "scissors"]
    figure, axes = plt.subplots(2, 2, figsize=(6.8, 6.6), layout="constrained")
    for ax, (panel, here) in zip(axes.flat, frame.groupby("panel", sort=False), strict=True):
        wide = here.pivot_table(index=["start", "queries"], columns="metric", values="value")
        paths = {
            f"start {int(k) + 1}": wide.loc[k, labels].dropna().to_numpy()
            for k in sorted(here.start.unique())
        }
        exact = here[here.start == 0].set_index("metric").value[[f"equilibrium {x}" for x in labels]]
        simplex(paths, labels=labels, equilibrium=exact, legend=False, ax=ax)
        gap = here[here.metric == "duality_gap"].groupby("start").value.last().max()
        ax.set_title(f"{panel}\n{int(here.queries.max())} queries, duality gap {power_of_ten(gap)}")
    starts = [line for line in ax.lines if line.get_label().startswith("start")]
    note = "Nash-MD's first step forgets its start."
    legend_below(figure, [*starts, *marks()], note, columns=5)
    figure.suptitle(
        f"Rock–paper–scissors, τ = {TAU:g}, μ = (.5, .3, .2): one step cycles, proved ones converge",
        fontsize=10,
    )
    return figure


def power_of_ten(value: float) -> str:
    """Return a number to one digit times a power of ten, as mathematics."""
    digits, power = f"{value:.0e}".split("e")
    return f"${digits} \\cdot 10^{{{int(power)}}}$"


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
