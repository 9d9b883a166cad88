"""DNO fitted on finitely many pairs: the squared total variation to the exact step falls as 1/N."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.engine import Feedback, run_many, runs_frame
from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE, bands, legend_below
from nashsim.rules import DNO

PAIRS = (100, 300, 1000, 3000, 10_000, 30_000, 100_000)
GAMES = {
    "comal": ("COMAL's cycle, n = 3", "blue", "o"),
    "uniform:seed=1": ("random, n = 10", "orange", "s"),
    "tldr": ("14 LLM policies", "green", "D"),
}
ETA_INVERSE = 0.2


def compute(quick: bool) -> pd.DataFrame:
    """Fit one step from the uniform policy on N pairs, many times, beside the exact step."""
    rows, checks = [], []
    for name in GAMES:
        game = games.get(name).replace(tau=0.2, name=name)
        rule = DNO(eta_inverse=ETA_INVERSE)
        [exact] = run_many([game], rule, queries=1, metrics=["duality_gap"])
        checks.append(runs_frame([exact], check=True))
        for pairs in PAIRS[: 5 if quick else None]:
            runs = run_many([game], rule, queries=1, seeds=range(60 if quick else 100), metrics=[],
                            feedback=Feedback("pairs", pairs), jobs=2)  # fmt: skip
            for run in runs:
                distance = 0.5 * np.abs(np.exp(run.log_policy) - np.exp(exact.log_policy)).sum()
                row = {"game": name, "rule": "dno", "seed": run.seed, "pairs": pairs, "metric": "squared_tv"}
                rows.append({**row, "value": distance**2})
    return pd.concat([pd.DataFrame(rows), *checks], ignore_index=True)


def slope(frame: pd.DataFrame) -> float:
    """Return the fitted power of N in the mean squared total variation."""
    means = frame.groupby("pairs").value.mean()
    means = means[means.index >= 300]  # below, actions are missed altogether
    return float(np.polyfit(np.log(means.index), np.log(means), 1)[0])


def draw(frame: pd.DataFrame):
    """Draw the squared total variation against N with fitted slopes."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
    fits = frame[frame.metric == "squared_tv"]
    for game, (label, colour, marker) in GAMES.items():
        mine = fits[fits.game == game]
        text = f"{label}: fitted slope {slope(mine):.2f}".replace("-", "−")
        bands(ax, mine, x="pairs", color=PALETTE[colour], marker=marker, markersize=4, label=text)
    grid = np.array([fits.pairs.min(), fits.pairs.max()])
    ax.plot(grid, 30 / grid, "k:", linewidth=1.2, label="30/N, of slope −1")
    ax.set(
        xscale="log",
        yscale="log",
        ylim=(1e-7, 1),
        xlabel="sampled pairs N",
        ylabel="TV(fitted step, exact step)²",
    )
    ax.set_title(f"DNO's fitted step is off by a squared TV of order 1/N (1/η = {ETA_INVERSE:g})")
    seeds = int(fits.seed.nunique())
    legend_below(
        figure, ax.get_legend_handles_labels()[0], f"Lines: median over {seeds} seeds; bands: their range.", 2
    )
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """The fitted powers of N."""
    fits = frame[frame.metric == "squared_tv"]
    powers = {game: slope(fits[fits.game == game]) for game in GAMES}
    return [
        Finding(f"{game}: power of N in the squared TV", f"{power:.2f}", "−1 ± 0.15", abs(power + 1) < 0.15)
        for game, power in powers.items()
    ]


EXPERIMENT = Experiment("dno-pairs", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
