"""How fast six rules reach the exact equilibrium, against preference queries, with the bounds of their theorems."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.engine import run_many, runs_frame
from nashsim.figures import Experiment, Finding
from nashsim.plots import convergence, legend_below
from nashsim.theory import fit_linear_rate, proved_rate

TAU = 0.1
RULES = ("nash-md", "omd", "inpo", "mmd", "nash-mp", "egpo")
#: Title and reference of each game; a uniform reference would give the answer away on rock-paper-scissors.
GAMES = {
    "rps": ("rock–paper–scissors, μ = (.6, .3, .1)", [0.6, 0.3, 0.1]),
    "tldr": ("14 LLM policies (NLHF Table 1)", None),
}


def compute(quick: bool) -> pd.DataFrame:
    """Run every rule from random starts on both games, hold each run against CVXPY, add the bounds."""
    seeds = range(3 if quick else 20)
    frames = []
    for name, (_, reference) in GAMES.items():
        game = games.get(name).replace(tau=TAU, reference=reference)
        runs = run_many(
            [game],
            RULES,
            queries=2_000 if quick else 100_000,
            start="random",
            seeds=seeds,
            record=np.geomspace(1, 50_000, 70),
            metrics=["kl_to_equilibrium", "duality_gap"],
            jobs=2,
        )
        frames += [runs_frame(runs, check=True), bound_frame(runs)]
    return pd.concat(frames, ignore_index=True)


def bound_frame(runs) -> pd.DataFrame:
    """Return the proved bound on KL of each run as the metric ``kl_bound``."""
    frames = []
    for run in runs:
        columns = {"game": run.game.name, "rule": run.rule.name, "seed": run.seed, "step": run.step}
        bound = run.bound("kl_to_equilibrium")
        frames.append(pd.DataFrame({**columns, "queries": run.queries, "metric": "kl_bound", "value": bound}))
    return pd.concat(frames, ignore_index=True)


def draw(frame: pd.DataFrame):
    """Draw KL (with bounds) above the duality gap, one column a game."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(7.4, 6.2), sharex=True, sharey="row", layout="constrained")
    frame = frame.replace({"metric": {"kl_bound": "kl_to_equilibrium_bound"}})
    for (upper, lower), (game, (title, _)) in zip(axes.T, GAMES.items(), strict=True):
        here = frame[frame.game == game]
        convergence(here, "kl_to_equilibrium", bounds=True, ax=upper, legend=False)
        convergence(here, "duality_gap", ax=lower, legend=False)
        upper.set(title=title, xlabel="", ylim=(1e-18, 1e4))
        lower.set(title="", ylim=(1e-18, 1e1), ylabel="regularised duality gap")
    for ax in axes[:, 1]:
        ax.set_ylabel("")
    dotted = plt.Line2D(
        [], [], color="black", linestyle=":", linewidth=1.0, label="proved bound on KL, same colour"
    )
    note = (
        f"Lines: median over {frame.seed.nunique()} random starts; bands: their range; bounds: the largest."
    )
    legend_below(figure, [*axes[1, 0].get_legend_handles_labels()[0], dotted], note)
    figure.suptitle(f"No run crosses the bound of its theorem (τ = {TAU:g})", fontsize=10)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Bounds never crossed; fitted linear rates beside the proved ones; distance to CVXPY."""
    found = []
    wide = frame.pivot_table(index=["game", "rule", "seed", "queries"], columns="metric", values="value")
    used = (wide.index.get_level_values("queries") > 0) & (wide.kl_to_equilibrium > 1e-24)
    ratio = (wide.kl_to_equilibrium / wide.kl_bound)[used].max()
    found.append(
        Finding("largest KL / proved bound, all rules", f"{ratio:.3g}", "≤ 1", bool(ratio <= 1 + 1e-9))
    )
    for game in GAMES:
        for rule in ("omd", "nash-mp", "egpo"):
            predicted = proved_rate(rule, TAU)
            mine = wide.loc[(game, rule)].kl_to_equilibrium
            rates = [
                fit_linear_rate(curve.index.get_level_values("queries"), curve)
                for _, curve in mine.groupby("seed")
            ]
            worst = min(rates)
            found.append(
                Finding(
                    f"{game}: rate of {rule} per query",
                    f"{worst:.4f}",
                    f"≥ {predicted:.4f}",
                    worst >= predicted,
                )
            )
    return found


EXPERIMENT = Experiment("convergence", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
