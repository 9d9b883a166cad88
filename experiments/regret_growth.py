"""How regret grows with the step of online INPO: log T, sqrt T, or T."""

import numpy as np
import pandas as pd
from _regret import REGRET, curves, thinned

from nashsim import games
from nashsim.online import run_regret
from nashsim.online.learners.iterative import OnlineINPO
from nashsim.plots import PALETTE, Experiment, Finding, legend_below
from nashsim.theory import law_of_rounds, mean_band, power_of_rounds

TAU = 0.1
SCHEDULES = {
    "decreasing": ("step 1/(τt): ridge fit of all pairs", "green", "solid"),
    "root": ("step 1/(τ√(t + 4))", "blue", (0, (5, 1.5))),
    "constant": ("constant step 1/(3τ)", "vermilion", (0, (1.5, 1.5))),
}


def compute(quick: bool) -> pd.DataFrame:
    """Play RPS with each schedule; the constant step has shown itself after a tenth of the rounds."""
    game = games.get("rps:strength=0.6").replace(tau=TAU, reference=[0.6, 0.3, 0.1])
    rounds, seeds = (200_000, 24) if quick else (1_000_000, 24)
    frames = []
    for schedule in SCHEDULES:
        share = rounds // 10 if schedule == "constant" else rounds
        frame = run_regret(game, OnlineINPO(schedule=schedule), rounds=share, seeds=seeds, jobs=2, check=True)
        frames.append(thinned(frame).assign(schedule=schedule))
    frame = pd.concat(frames, ignore_index=True)
    return frame[frame.metric.isin(("regret", "cvxpy_distance"))].drop(columns="setting")


def _curves(frame: pd.DataFrame, schedule: str) -> tuple[np.ndarray, np.ndarray]:
    """Rounds and regret, shape (seeds, records), of one schedule."""
    return curves(frame[(frame.schedule == schedule) & (frame.metric == "regret")])


def draw(frame: pd.DataFrame):
    """Draw regret on log-log axes, against sqrt T and against log T."""
    import matplotlib.pyplot as plt

    figure, (whole, root, log) = plt.subplots(1, 3, figsize=(9.6, 3.3), layout="constrained")
    shown = {
        whole: tuple(SCHEDULES),
        root: ("decreasing", "root"),
        log: ("decreasing",),
    }
    for schedule, (label, colour, dashes) in SCHEDULES.items():
        rounds, values = _curves(frame, schedule)
        mean, low, high = mean_band(values)
        power = power_of_rounds(rounds, values)
        line = {"color": PALETTE[colour], "linestyle": dashes}
        for ax, drawn in shown.items():
            if schedule not in drawn:
                continue
            ax.fill_between(rounds, low, high, color=line["color"], alpha=0.18, linewidth=0)
            ax.plot(rounds, mean, label=f"{label}: T^{power.value:.2f}" if ax is whole else None, **line)
    # References lie above the curve whose law they are.
    rounds, values = _curves(frame, "constant")
    late = rounds >= rounds[-1] / 100
    whole.plot(rounds[late], 2 * values[:, -1].mean() * rounds[late] / rounds[-1], "k:", linewidth=1)
    rounds, values = _curves(frame, "root")
    late = rounds >= rounds[-1] / 1000
    whole.plot(rounds[late], 2 * values[:, -1].mean() * np.sqrt(rounds[late] / rounds[-1]), "k:", linewidth=1)
    for ax, schedule, law in ((root, "root", "root"), (log, "decreasing", "log")):
        rounds, values = _curves(frame, schedule)
        fit = law_of_rounds(rounds, values, law, since=1e3)
        late = rounds >= 1e3
        x = np.sqrt(rounds[late]) if law == "root" else np.log(rounds[late])
        ax.plot(rounds[late], fit.intercept + fit.slope.value * x, "k:", linewidth=1.2)
        text = {"root": "√T", "log": "log T"}[law]
        ax.set_title(f"least squares on {text}: R² = {fit.r_squared:.4f}")
    # Both start at 1e3 where the least squares do.
    top = _curves(frame, "root")[0][-1]
    root.set_xscale("function", functions=(np.sqrt, np.square))
    root.set(xlim=(0, top), ylim=(0, None), xlabel="duels T, √ scale")
    root.set_xticks([0, top / 25, top * 4 / 25, top * 9 / 25, top * 16 / 25, top])
    root.ticklabel_format(axis="x", style="sci", scilimits=(0, 0))
    log.set(xscale="log", ylim=(0, None), xlim=(10, None), xlabel="duels T, log scale")
    whole.set(
        xscale="log",
        yscale="log",
        xlim=(10, None),
        ylim=(0.1, None),
        xlabel="duels T",
        ylabel=REGRET,
        title="powers fitted over two decades",
    )
    handles = [
        *whole.get_legend_handles_labels()[0],
        plt.Line2D([], [], color="black", linestyle=":", label="T, √T, and the fits from 10³ on"),
    ]
    note = (
        f"Online INPO on RPS, strength .6, μ = (.6, .3, .1), τ = {TAU:g}: regret of the policy played."
        f" Mean over {frame.seed.nunique()} seeds, bands: 95% bootstrap of the mean."
    )
    legend_below(figure, handles, note, columns=4)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """The power of each schedule, and how well its law fits."""
    found = []
    limits = {"decreasing": (0.0, 0.25), "root": (0.4, 0.6), "constant": (0.95, 1.05)}
    for schedule, (least, most) in limits.items():
        power = power_of_rounds(*_curves(frame, schedule))
        found.append(
            Finding(
                f"{schedule} step: power of T over two decades",
                f"{power.value:.3f} [{power.low:.3f}, {power.high:.3f}]",
                f"{least:g} to {most:g}",
                least <= power.value <= most,
            )
        )
    for schedule, law, text in (("root", "root", "√T"), ("decreasing", "log", "log T")):
        fit = law_of_rounds(*_curves(frame, schedule), law, since=1e3)
        found.append(
            Finding(
                f"{schedule} step: R² against {text}",
                f"{fit.r_squared:.4f}",
                "at least 0.98",
                fit.r_squared >= 0.98,
            )
        )
    return found


EXPERIMENT = Experiment("regret-growth", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
