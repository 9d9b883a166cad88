"""What each part of ENPO is worth: anchor, Step B and its sign, oracle, replay, and the decreasing step."""

import numpy as np
import pandas as pd
from _regret import REGRET, thinned

from nashsim import games
from nashsim.figures import Experiment, Finding
from nashsim.online import run_regret
from nashsim.online.learners.enpo import ENPO, ENPOOracle
from nashsim.plots import PALETTE, legend_below
from nashsim.theory import mean_band, power_of_rounds

VARIANTS = {
    "oracle": ENPOOracle(),
    "oracle, α = 0": ENPOOracle(alpha=0.0),
    "oracle, no replay": ENPOOracle(replay=False),
    "oracle, constant step": ENPOOracle(schedule="constant"),
    "soft oracle": ENPOOracle(explore="soft"),
    "Step B, s = 1": ENPO(),
    "Step B, s = −1": ENPO(sign=-1),
    "Step B off": ENPO(explore="none"),
}
TITLES = {
    "hard-a": "instance A, τ = 0.1",
    "hard-b": "instance B, τ = 0.04",
    "rps": "RPS, strength .6, τ = 0.1",
}


def compute(quick: bool) -> pd.DataFrame:
    """Let every variant play three games."""
    played = [
        games.get("hard-a").replace(tau=0.1),
        games.get("hard-b", tau=0.04),
        games.get("rps:strength=0.6").replace(tau=0.1, reference=[0.6, 0.3, 0.1], name="rps"),
    ]
    rounds, seeds = (20_000, 12) if quick else (100_000, 16)
    frames = []
    for variant, learner in VARIANTS.items():
        frame = run_regret(played, learner, rounds=rounds, seeds=seeds, jobs=2, check=True)
        frames.append(thinned(frame).assign(variant=variant))
    frame = pd.concat(frames, ignore_index=True)
    return frame[frame.metric.isin(("regret", "cvxpy_distance"))].drop(columns="setting")


def _curves(frame: pd.DataFrame, game: str, variant: str) -> tuple[np.ndarray, np.ndarray]:
    mine = frame[(frame.metric == "regret") & (frame.game == game) & (frame.variant == variant)]
    table = mine.pivot(index="seed", columns="rounds", values="value")
    return table.columns.to_numpy(float), table.to_numpy()


def draw(frame: pd.DataFrame):
    """Draw regret at the end and the power of T of every variant, a panel a game."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True, layout="constrained")
    for ax, (game, title) in zip(panels, TITLES.items(), strict=True):
        for place, variant in enumerate(VARIANTS):
            rounds, values = _curves(frame, game, variant)
            mean, low, high = (float(x) for x in mean_band(values[:, -1], least=0))
            colour = PALETTE["blue" if "oracle" in variant else "green"]
            ax.errorbar(
                mean,
                -place,
                xerr=[[mean - low], [high - mean]],
                fmt="o",
                color=colour,
                capsize=3,
                markersize=4,
            )
            power = power_of_rounds(rounds, values).value
            ax.annotate(
                f"$T^{{{power:.2f}}}$", (high, -place), (5, -3), textcoords="offset points", fontsize=8
            )
        ax.set(xscale="log", title=title, xlabel=REGRET)
        least, most = ax.get_xlim()
        ax.set_xlim(least, most * (most / least) ** 0.22)
    panels[0].set(yticks=range(0, -len(VARIANTS), -1), yticklabels=list(VARIANTS))
    rounds = int(frame.rounds.max())
    handles = [
        plt.Line2D([], [], color=PALETTE[colour], marker="o", markersize=4, linestyle="", label=label)
        for colour, label in (("blue", "with the exploration oracle"), ("green", "without"))
    ]
    note = (
        f"After {rounds:,} duels, with the power of T over the last two decades; charged is the play of the main agent."
        f" Mean over {frame.seed.nunique()} seeds, bars: 95% by Student's t."
    )
    legend_below(figure, handles, note, columns=2)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """What breaks without replay, the decreasing step and the oracle."""
    found = []
    for game, variant in (("hard-a", "oracle, no replay"), ("rps", "oracle, constant step")):
        power, whole = (power_of_rounds(*_curves(frame, game, name)) for name in (variant, "oracle"))
        found.append(
            Finding(
                f"{game}: power of T of ENPO with {variant}, and with the oracle as it is",
                f"{power.value:.2f} [{power.low:.2f}, {power.high:.2f}],"
                f" {whole.value:.2f} [{whole.low:.2f}, {whole.high:.2f}]",
                "intervals apart, towards linear (1) as T grows",
                power.low > whole.high,
            )
        )
    last = {variant: _curves(frame, "hard-b", variant)[1][:, -1] for variant in VARIANTS}
    ratio = last["Step B off"].mean() / last["oracle"].mean()
    found.append(
        Finding("B: regret without the oracle / with it", f"{ratio:.0f}", "at least 10", ratio >= 10)
    )
    bands = {variant: mean_band(last[variant], least=0) for variant in ("Step B, s = 1", "Step B off")}
    (_, low, high), (_, other_low, other_high) = bands.values()
    found.append(
        Finding(
            "B: bands of regret with Step B and without it",
            f"[{low:.0f}, {high:.0f}] and [{other_low:.0f}, {other_high:.0f}]",
            "overlap: Step B alone does not explore",
            bool(low <= other_high and other_low <= high),
        )
    )
    return found


EXPERIMENT = Experiment("regret-ablation", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
