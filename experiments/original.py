"""To the original Nash policy: refreshed references and optimism reach it, a fixed pull stops at tau."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.engine import run_many, runs_frame
from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE, bands, legend_below
from nashsim.rules import COMAL, EGPO, MPO, OMD, ONPO, SPO

#: Colour, dashes and label of each rule here, the pull tau the regularised ones use.
RULES = {
    "omd": (OMD(), "green", "solid", "OMD, fixed reference"),
    "egpo": (EGPO(), "purple", (0, (4, 2)), "EGPO, fixed reference"),
    "comal": (COMAL(inner=50), "blue", "solid", "COMAL, refreshed every 50"),
    "mpo": (MPO(inner=200), "sky", (0, (4, 2)), "MPO, refreshed every 200"),
    "onpo": (ONPO(), "orange", "solid", "ONPO = OMWU, optimistic, η = 1/8"),
    "spo": (SPO(step=0.125), "vermilion", "solid", "SPO, plain, η = 1/8"),
}
GAMES = {"comal": "COMAL's cycle", "biased-rps": "biased rock–paper–scissors"}
TAU = 0.3


def compute(quick: bool) -> pd.DataFrame:
    """Run every rule from random starts on both cycles."""
    frames = []
    for name in GAMES:
        runs = run_many(
            [games.get(name).replace(tau=TAU)],
            [rule for rule, *_ in RULES.values()],
            queries=200_000,
            start="random",
            seeds=range(2 if quick else 10),
            record=np.geomspace(1, 200_000, 90),
            metrics=["unregularised_gap", "average_unregularised_gap", "kl_to_lottery", "duality_gap"],
            jobs=2,
        )
        frames.append(runs_frame(runs, check=True))
    return pd.concat(frames, ignore_index=True)


def draw(frame: pd.DataFrame):
    """Draw last and average iterates' gaps, one row a game."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(7.4, 6.0), sharex=True, sharey=True, layout="constrained")
    for row, (game, title) in zip(axes, GAMES.items(), strict=True):
        here = frame[(frame.game == game) & (frame.queries > 0)]
        for rule, (_, colour, dashes, label) in RULES.items():
            mine = here[here.rule == rule]
            for ax, metric in zip(row, ("unregularised_gap", "average_unregularised_gap"), strict=True):
                line = {"color": PALETTE[colour], "linestyle": dashes, "label": label}
                bands(ax, mine[mine.metric == metric], **line)
        row[0].set(xscale="log", yscale="log", ylim=(1e-12, 3), ylabel="unregularised duality gap")
        row[0].set_title(f"{title}: last iterate")
        row[1].set_title("average iterate")
    for ax in axes[1]:
        ax.set_xlabel("preference queries  P(· ≻ π)")
    seeds = frame.seed.nunique()
    note = f"Median over {seeds} random starts; bands: their range. OMD, EGPO, COMAL, MPO at τ = {TAU:g}."
    legend_below(figure, axes[0, 0].get_legend_handles_labels()[0], note, columns=3)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Who reaches the lottery, who stops at tau, who cycles."""
    last = frame[frame.step == frame.groupby("rule").step.transform("max")]
    gaps = last.pivot_table(index=["game", "rule"], columns="metric", values="value", aggfunc="max")
    found = []
    for game in GAMES:
        here = gaps.loc[game]
        for rule, least in (("comal", 1e-8), ("mpo", 1e-8), ("onpo", 1e-2)):
            gap = here.unregularised_gap[rule]
            found.append(Finding(f"{game}: last gap of {rule}", f"{gap:.1e}", f"< {least:.0e}", gap < least))
        stopped, own = here.unregularised_gap["omd"], here.duality_gap["omd"]
        what = f"{game}: omd, own gap closed, original one left"
        found.append(
            Finding(what, f"{own:.0e}, {stopped:.2g}", "< 1e-8, > 1e-3", own < 1e-8 and stopped > 1e-3)
        )
        cycling, mean = here.unregularised_gap["spo"], here.average_unregularised_gap["spo"]
        what = f"{game}: spo, last and average gap"
        found.append(
            Finding(what, f"{cycling:.2g}, {mean:.1e}", "average below a tenth", mean < cycling / 10)
        )
    return found


EXPERIMENT = Experiment("original", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
