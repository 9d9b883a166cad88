"""Regret against 1/tau on instance B: exponential under implicit exploration, flat with an adversary."""

import numpy as np
import pandas as pd
from _regret import LEARNERS, REGRET, curves

from nashsim import games
from nashsim.figures import Experiment, Finding
from nashsim.online import run_regret
from nashsim.online.learners.enpo import ENPO
from nashsim.plots import PALETTE, learner_line, legend_below, mean_line
from nashsim.theory import mean_band, slope_in_inverse_tau

INVERSE_TAUS = (5, 8, 12, 16, 20, 24, 28, 33)
A = 0.25
#: What is played under which name; the rest of ``LEARNERS`` plays under its own.
PLAYED = {"enpo-self": ENPO(explore="none")}
#: Who finds c only by its probability under the policy or the reference.
IMPLICIT = ("inpo-online", "minimax-self", "minimax-reference", "enpo", "enpo-self")
EXPLICIT = ("enpo-oracle", "minimax-adversary")
LINES = {name: learner_line(name) for name in (*LEARNERS, "minimax-self")} | {
    "enpo-self": {
        "color": PALETTE["black"],
        "linestyle": "none",
        "markerfacecolor": "none",
        "label": "ENPO, y' from the policy",
    },
}


def _played(rounds: int, seeds: int) -> pd.DataFrame:
    """Play instance B, whose reference goes with tau, and keep the regret at the end."""
    frames = []
    for name in (*IMPLICIT, *EXPLICIT):
        frame = run_regret(
            lambda tau: games.get("hard-b", tau=tau, a=A),
            PLAYED.get(name, name),
            taus=[1 / inverse for inverse in INVERSE_TAUS],
            rounds=rounds,
            seeds=seeds,
            jobs=2,
            check=True,
        )
        frame = frame[(frame.rounds == frame.rounds.max()) & frame.metric.isin(("regret", "cvxpy_distance"))]
        frames.append(frame.assign(learner=name))
    frame = pd.concat(frames, ignore_index=True)
    return frame.assign(inverse_tau=np.round(1 / frame.tau, 9)).drop(columns="setting")


def compute(quick: bool) -> pd.DataFrame:
    """Play fewer seeds than the paper's length has, and with ``quick`` fewer duels."""
    return _played(*((20_000, 24) if quick else (100_000, 20)))


def compute_full() -> pd.DataFrame:
    """Play 1e5 duels with 64 seeds."""
    return _played(100_000, 64)


def _slope(frame: pd.DataFrame, learner: str):
    """The slope of log mean regret in 1/tau, for 1/tau >= 12."""
    mine = frame[(frame.metric == "regret") & (frame.learner == learner) & (frame.inverse_tau >= 12)]
    inverse, values = curves(mine, "inverse_tau")
    return slope_in_inverse_tau(1 / inverse, values)


def draw(frame: pd.DataFrame):
    """Draw regret against 1/tau and the slopes with their intervals."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9.4, 4.0), layout="constrained", width_ratios=(1.5, 1)
    )
    regret = frame[frame.metric == "regret"]
    names = (*IMPLICIT, *EXPLICIT)
    for place, learner in enumerate(names):
        line = LINES[learner]
        mine = regret[regret.learner == learner]
        if learner == "enpo-self":  # over the curve of Step B, whose band it would hide
            inverse, values = curves(mine, "inverse_tau")
            mean, low, high = mean_band(values, least=0)
            bars = [mean - low, high - mean]
            left.errorbar(inverse, mean, yerr=bars, marker="o", markersize=7, capsize=3, elinewidth=1, **line)
        else:
            mean_line(left, mine, "inverse_tau", marker="o", markersize=3, **line)
        slope = _slope(frame, learner)
        error = [[slope.value - slope.low], [slope.high - slope.value]]
        right.errorbar(slope.value, -place, xerr=error, fmt="o", color=line["color"], capsize=3, markersize=4)
        right.annotate(
            f"{slope.value:.3f}",
            (0.345, -place),
            va="center",
            fontsize=7,
        )
    at = np.array([12.0, 33.0])
    anchor = regret[(regret.learner == "enpo") & (regret.inverse_tau == 24)].value.mean()
    left.plot(at, 3 * anchor * np.exp(A * (at - 24)), "k:", linewidth=1.2, label=r"$e^{a/\tau}$, a = 1/4")
    left.set(yscale="log", xlabel="1/τ", ylabel=REGRET, title=r"instance B, $\mu(c) = e^{-a/\tau}$")
    right.axvspan(0.75 * A, 1.25 * A, color="black", alpha=0.07, linewidth=0)
    right.axvline(A, color="black", linestyle=":", linewidth=1.2)
    right.set(
        xlabel="fitted slope of log regret in 1/τ, 1/τ ≥ 12",
        title="predicted: a = 1/4 (grey: ± 25%)",
        yticks=range(0, -len(names), -1),
        ylim=(-len(names) + 0.5, 0.7),
        xlim=(-0.05, 0.4),
    )
    right.set_yticklabels([LINES[name]["label"] for name in names], fontsize=8)
    rounds = int(frame.rounds.max())
    note = (
        f"{rounds:,} duels, one pair an iteration; charged is the play of the main agent."
        f" Mean over {frame.seed.nunique()} seeds, bands and bars: 95% by Student's t."
    )
    legend_below(figure, left.get_legend_handles_labels()[0], note, columns=4)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Slopes near a for implicit exploration, flat lines with explicit exploration, and no gain by Step B alone."""
    found = []
    for learner in IMPLICIT:
        slope = _slope(frame, learner)
        found.append(
            Finding(
                f"{learner}: slope of log regret in 1/τ",
                f"{slope.value:.3f} [{slope.low:.3f}, {slope.high:.3f}]",
                "a = 0.25 ± 25%",
                abs(slope.value - A) <= 0.25 * A,
            )
        )
    regret = frame[frame.metric == "regret"]
    means = regret.groupby(["learner", "inverse_tau"]).value.mean()
    for learner in EXPLICIT:
        ratio = means[learner, 33.0] / means[learner, 5.0]
        found.append(
            Finding(f"{learner}: regret at 1/τ = 33 / at 5", f"{ratio:.2f}", "at most 3", ratio <= 3)
        )
    (_, *tilted), (_, *plain) = (
        mean_band(curves(regret[regret.learner == name], "inverse_tau")[1], least=0)
        for name in ("enpo", "enpo-self")
    )
    overlap = (tilted[0] <= plain[1]) & (plain[0] <= tilted[1])
    found.append(
        Finding(
            "ENPO with Step B and with y' from the policy: taus at which the bands overlap",
            f"{overlap.sum()} of {len(overlap)}",
            f"{len(overlap)}: Step B alone does not explore",
            bool(overlap.all()),
        )
    )
    return found


EXPERIMENT = Experiment("regret-tau", __doc__, compute, draw, findings, compute_full)

if __name__ == "__main__":
    EXPERIMENT.main()
