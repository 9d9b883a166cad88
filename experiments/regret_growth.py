"""Growth of iterative exploratory learning, ENPO with the oracle: below sqrt T, at sqrt T, or linear by its step."""

import numpy as np
import pandas as pd
from _regret import REGRET, curves, thinned

from nashsim import games
from nashsim.figures import Experiment, Finding
from nashsim.online import run_regret
from nashsim.online.learners.enpo import ENPOOracle
from nashsim.plots import PALETTE, legend_below, mean_line
from nashsim.theory import law_of_rounds, power_of_rounds

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
    """Play four games with the decreasing step, and RPS with the others; the fixed one shows itself in a tenth."""
    played = [
        games.get("hard-a").replace(tau=TAU),
        games.get("hard-b", tau=TAU),
        games.get("rps:strength=0.6").replace(tau=TAU, reference=[0.6, 0.3, 0.1], name="rps"),
        games.get("tldr").replace(tau=TAU),
    ]
    longest, seeds = (200_000, 16) if quick else (1_000_000, 24)
    rounds = {"decreasing": 100_000, "root": longest, "constant": longest // 10}
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


def _told(name: str, frame: pd.DataFrame) -> str:
    power = power_of_rounds(*curves(frame))
    return f"{name}: T^{power.value:.2f} [{power.low:.2f}, {power.high:.2f}]"


def _local(rounds: np.ndarray, values: np.ndarray, until: float) -> float:
    """The power of T in the half decade before a round."""
    near = rounds <= until
    return power_of_rounds(rounds[near], values[:, near], decades=0.5).value


def draw(frame: pd.DataFrame):
    """Draw four games with the decreasing step, three steps on RPS, and the root one against sqrt T."""
    import matplotlib.pyplot as plt

    figure, (games_, steps, root) = plt.subplots(1, 3, figsize=(10.6, 3.7), layout="constrained")
    for game, (name, colour, dashes) in TITLES.items():
        mine = _of(frame, game, "decreasing")
        line = {"color": PALETTE[colour], "linestyle": dashes, "label": _told(name, mine)}
        mean_line(games_, mine[mine.rounds >= 10], **line)
    for schedule, (name, colour, dashes) in SCHEDULES.items():
        mine = _of(frame, "rps", schedule)
        line = {"color": PALETTE[colour], "linestyle": dashes, "label": _told(name, mine)}
        mean_line(steps, mine[mine.rounds >= 10], **line)
    # References lie above all curves whose law they bound.
    _guide(games_, frame, "hard-a", "decreasing", np.sqrt)
    _guide(steps, frame, "rps", "root", np.sqrt)
    _guide(steps, frame, "rps", "constant", np.asarray)
    rounds, values = curves(_of(frame, "rps", "root"))
    fit = law_of_rounds(rounds, values, "root", since=1e3)
    mean_line(root, _of(frame, "rps", "root"), color=PALETTE["blue"], linestyle=SCHEDULES["root"][2])
    late = rounds >= 1e3
    root.plot(
        rounds[late], fit.intercept + fit.slope.value * np.sqrt(rounds[late]), color="black", linestyle=":"
    )
    top = rounds[-1]
    root.set_xscale("function", functions=(np.sqrt, np.square))
    root.set(xlim=(0, top), ylim=(0, None), xlabel="duels T, √ scale")
    root.set_xticks([0, top / 25, top * 4 / 25, top * 9 / 25, top * 16 / 25, top])
    root.ticklabel_format(axis="x", style="sci", scilimits=(0, 0))
    root.set_title(f"RPS, step 1/(τ√t): R² = {fit.r_squared:.4f} on √T")
    games_.set_title("decreasing step 1/(τt)")
    steps.set_title("RPS, by step")
    for ax in (games_, steps):
        ax.set(xscale="log", yscale="log", xlabel="duels T")
        low, high = ax.get_ylim()
        ax.set_ylim(low, high * (high / low) ** 0.55)  # room for the legend
        ax.legend(loc="upper left", fontsize=7, title="power of T and its 95% interval", title_fontsize=7)
    games_.set_ylabel(REGRET)
    early, last = (_local(rounds, values, until) for until in (10**3.5, top))
    note = (
        f"ENPO with the exploration oracle, τ = {TAU:g}, regularised regret of the policy played; RPS: strength .6,"
        f" μ = (.6, .3, .1).\nMean over {frame.seed.nunique()} seeds, bands: 95% by Student's t; powers over"
        " the last two decades.\n"
        f"With the step 1/(τ√t) the local power falls towards 1/2 from above: {early:.2f} before 10^3.5 duels,"
        f" {last:.2f} at the end."
    )
    handles = [plt.Line2D([], [], color="black", linestyle=":", label="√T and T; least squares from 10³ on")]
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
    fit = law_of_rounds(*curves(_of(frame, "rps", "root")), "root", since=1e3)
    found.append(
        Finding(
            "RPS, step 1/(τ√t): R² of regret against √T from 10³ on",
            f"{fit.r_squared:.4f}",
            "at least 0.99",
            fit.r_squared >= 0.99,
        )
    )
    rounds, values = curves(_of(frame, "rps", "root"))
    early, last = (_local(rounds, values, until) for until in (10**3.5, rounds[-1]))
    found.append(
        Finding(
            "RPS, step 1/(τ√t): power of T in the half decade before 10^3.5 and before the end",
            f"{early:.2f}, {last:.2f}",
            "falls towards 0.5",
            0.45 < last < early,
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
