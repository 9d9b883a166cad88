"""Growth of regret of ENPO with the oracle by its step: far below sqrt T, falling towards sqrt T, or linear."""

import numpy as np
import pandas as pd
from _regret import REGRET, curves, thinned

from nashsim import games
from nashsim.figures import Experiment, Finding
from nashsim.online import run_regret
from nashsim.online.learners.enpo import ENPOOracle
from nashsim.plots import PALETTE, legend_below, mean_line
from nashsim.theory import Estimate, power_of_rounds

TAU = 0.1
TITLES = {
    "hard-a": ("instance A", "orange", "solid"),
    "hard-b": ("instance B", "blue", (0, (5, 1.5))),
    "rps": ("RPS", "green", "solid"),
    "tldr": ("14 LLM policies", "purple", (0, (1.5, 1.5))),
}
SCHEDULES = {
    "decreasing": ("1/(τt)", "green", "solid"),
    "root": ("1/(τ√t)", "blue", (0, (5, 1.5))),
    "constant": ("1/(3τ), fixed", "vermilion", (0, (1.5, 1.5))),
}


def compute(quick: bool) -> pd.DataFrame:
    """Play four games with the decreasing step, and RPS with the others, longest with the root one, which is slow."""
    played = [
        games.get("hard-a").replace(tau=TAU),
        games.get("hard-b", tau=TAU),
        games.get("rps:strength=0.6").replace(tau=TAU, reference=[0.6, 0.3, 0.1], name="rps"),
        games.get("tldr").replace(tau=TAU),
    ]
    longest, seeds = (200_000, 16) if quick else (10_000_000, 24)
    rounds = {"decreasing": max(longest // 10, 100_000), "root": longest, "constant": longest // 10}
    frames = []
    for schedule in SCHEDULES:
        frame = run_regret(
            played if schedule == "decreasing" else played[2],
            ENPOOracle(schedule=schedule),
            rounds=rounds[schedule],
            seeds=seeds,
            jobs=2,
            check=True,
        )
        frames.append(thinned(frame).assign(schedule=schedule))
    frame = pd.concat(frames, ignore_index=True)
    return frame[frame.metric.isin(("regret", "cvxpy_distance"))].drop(columns="setting")


def _of(frame: pd.DataFrame, game: str, schedule: str) -> pd.DataFrame:
    return frame[(frame.game == game) & (frame.schedule == schedule) & (frame.metric == "regret")]


def _power(frame: pd.DataFrame) -> str:
    power = power_of_rounds(*curves(frame))
    return f"$T^{{{power.value:.2f}}}$ [{power.low:.2f}, {power.high:.2f}]"


def _local(frame: pd.DataFrame, ends: np.ndarray) -> list[Estimate]:
    """The power of T in the half decade before each of ``ends``, with its 95% interval."""
    rounds, values = curves(frame)
    near = [rounds <= until * (1 + 1e-9) for until in ends]
    return [power_of_rounds(rounds[some], values[:, some], decades=0.5) for some in near]


def _ends(frame: pd.DataFrame) -> np.ndarray:
    """Ends of half decades from the last round down to 1000."""
    last = float(frame.rounds.max())
    return last / 10 ** np.arange(0, np.log10(last / 1e3) + 1e-9, 0.5)[::-1]


def draw(frame: pd.DataFrame):
    """Draw four games with the decreasing step, three steps on RPS, and the power of T there on the way."""
    import matplotlib.pyplot as plt

    figure, (games_, steps, local) = plt.subplots(1, 3, figsize=(11.4, 4.0), layout="constrained")
    for game, (name, colour, dashes) in TITLES.items():
        mine = _of(frame, game, "decreasing")
        line = {"color": PALETTE[colour], "linestyle": dashes, "label": f"{name}: {_power(mine)}"}
        mean_line(games_, mine[mine.rounds >= 10], **line)
    for schedule, (name, colour, dashes) in SCHEDULES.items():
        mine = _of(frame, "rps", schedule)
        line = {"color": PALETTE[colour], "linestyle": dashes}
        mean_line(steps, mine[mine.rounds >= 10], **line, label=f"step {name}: {_power(mine)}")
        ends = _ends(mine)
        power, low, high = np.array(_local(mine, ends)).T
        local.plot(ends, power, marker="o", markersize=3, **line)
        local.fill_between(ends, low, high, color=line["color"], alpha=0.18, linewidth=0)
    # References lie above all curves whose law they bound.
    _guide(games_, frame, "hard-a", "decreasing", np.sqrt)
    _guide(steps, frame, "rps", "root", np.sqrt)
    _guide(steps, frame, "rps", "constant", np.asarray)
    for height, at, name in ((0.5, 0.02, "$\\sqrt{T}$"), (1.0, 0.94, "$T$")):
        local.axhline(height, color="black", linestyle=":", linewidth=1)
        local.text(at, height + 0.02, name, transform=local.get_yaxis_transform())
    local.set(
        xscale="log", xlabel="duels T", ylim=(-0.05, 1.15), ylabel="power of T in the half decade before"
    )
    early, last = (
        _local(_of(frame, "rps", "root"), _ends(_of(frame, "rps", "root")))[k].value for k in (0, -1)
    )
    local.set_title(f"RPS: with 1/(τ√t) it falls from {early:.2f} to {last:.2f}")
    games_.set_title("step 1/(τt): far below √T")
    steps.set_title("RPS: the step decides")
    for ax in (games_, steps):
        ax.set(xscale="log", yscale="log", xlabel="duels T")
        low, high = ax.get_ylim()
        ax.set_ylim(low, high * (high / low) ** 0.6)  # room for the legend
        ax.legend(loc="upper left", title="power of T, last two decades [95%]", title_fontsize=8)
    games_.set_ylabel(REGRET)
    note = (
        f"ENPO with the exploration oracle, τ = {TAU:g}; charged is the play of its main agent. RPS: strength .6,"
        f" μ = (.6, .3, .1). Mean over {frame.seed.nunique()} seeds, bands: 95% by Student's t."
    )
    handles = [plt.Line2D([], [], color="black", linestyle=":", label="growth like √T and like T")]
    legend_below(figure, handles, note, columns=1)
    return figure


def _guide(axes, frame: pd.DataFrame, game: str, schedule: str, law) -> None:
    """Draw a reference line of a law, twice as high as a curve at its end, over its last two decades."""
    rounds, values = curves(_of(frame, game, schedule))
    late = rounds >= rounds[-1] / 100
    heights = 2 * values[:, -1].mean() * law(rounds[late] / rounds[-1])
    axes.plot(rounds[late], heights, color="black", linestyle=":", linewidth=1)


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Powers of T with their intervals, and how well sqrt T fits."""
    found = []
    for game in TITLES:
        power = power_of_rounds(*curves(_of(frame, game, "decreasing")))
        found.append(
            Finding(
                f"{game}: power of T with the decreasing step, last two decades",
                f"{power.value:.2f} [{power.low:.2f}, {power.high:.2f}]",
                "at most 0.5, interval included",
                power.high <= 0.5,
            )
        )
    root = _of(frame, "rps", "root")
    first, *_, before, last = _local(root, _ends(root))
    found.append(
        Finding(
            "RPS, step 1/(τ√t): power of T in the first half decade from 1000 on, the last but one, and the last",
            f"{first.value:.2f}, {before.value:.2f}, {last.value:.2f} [{last.low:.2f}, {last.high:.2f}]",
            "falls, and not below the 0.5 of √T",
            last.value < before.value < first.value and last.high >= 0.5,
        )
    )
    power = power_of_rounds(*curves(_of(frame, "rps", "constant")))
    found.append(
        Finding(
            "RPS, fixed step: power of T, last two decades",
            f"{power.value:.2f} [{power.low:.2f}, {power.high:.2f}]",
            "1 ± 0.05",
            abs(power.value - 1) <= 0.05,
        )
    )
    return found


EXPERIMENT = Experiment("regret-growth", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
