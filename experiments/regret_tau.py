"""Regret against 1/tau on instance B: exponential under implicit exploration, flat with an adversary."""

import numpy as np
import pandas as pd
from _regret import LEARNERS, REGRET, curves, learner_line, mean_line

from nashsim import games
from nashsim.online import run_regret
from nashsim.plots import Experiment, Finding, legend_below
from nashsim.theory import slope_in_inverse_tau

INVERSE_TAUS = (5, 8, 12, 16, 20, 24, 28, 33)
A = 0.25
#: Who finds c only by its probability under the policy or the reference.
IMPLICIT = ("inpo-online", "enpo", "minimax-reference")


def compute(quick: bool) -> pd.DataFrame:
    """Play instance B, whose reference goes with tau, and keep the regret at the end."""
    rounds, seeds = (20_000, 24) if quick else (50_000, 24)
    taus = [1 / inverse for inverse in INVERSE_TAUS]
    frame = run_regret(
        lambda tau: games.get("hard-b", tau=tau, a=A),
        list(LEARNERS),
        taus=taus,
        rounds=rounds,
        seeds=seeds,
        jobs=2,
        check=True,
    )
    frame = frame[(frame.rounds == frame.rounds.max()) & frame.metric.isin(("regret", "cvxpy_distance"))]
    return frame.assign(inverse_tau=np.round(1 / frame.tau, 9)).drop(columns="setting")


def _slope(frame: pd.DataFrame, learner: str):
    """The slope of log mean regret in 1/tau, for 1/tau >= 12."""
    mine = frame[(frame.metric == "regret") & (frame.learner == learner) & (frame.inverse_tau >= 12)]
    inverse, values = curves(mine, "inverse_tau")
    return slope_in_inverse_tau(1 / inverse, values)


def draw(frame: pd.DataFrame):
    """Draw regret against 1/tau and the slopes with their intervals."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(
        1, 2, figsize=(8.2, 3.6), layout="constrained", width_ratios=(1.5, 1)
    )
    regret = frame[frame.metric == "regret"]
    for place, learner in enumerate(LEARNERS):
        line = learner_line(learner)
        mean_line(left, regret[regret.learner == learner], "inverse_tau", marker="o", markersize=3, **line)
        slope = _slope(frame, learner)
        error = [[slope.value - slope.low], [slope.high - slope.value]]
        right.errorbar(slope.value, -place, xerr=error, fmt="o", color=line["color"], capsize=3, markersize=4)
    at = np.array([12.0, 33.0])
    anchor = regret[(regret.learner == "inpo-online") & (regret.inverse_tau == 20)].value.mean()
    left.plot(at, 3 * anchor * np.exp(A * (at - 20)), "k:", linewidth=1.2, label=r"$e^{a/\tau}$, a = 1/4")
    left.set(yscale="log", xlabel="1/τ", ylabel=REGRET, title=r"instance B, $\mu(c) = e^{-a/\tau}$")
    right.axvline(A, color="black", linestyle=":", linewidth=1.2)
    right.set(
        xlabel="slope of log regret in 1/τ, 1/τ ≥ 12",
        title="predicted: a = 1/4",
        yticks=range(0, -len(LEARNERS), -1),
        ylim=(-len(LEARNERS) + 0.5, 0.5),
    )
    right.set_yticklabels([label for _, _, label in LEARNERS.values()], fontsize=8)
    rounds = int(frame.rounds.max())
    note = (
        f"Regret of the policy played after {rounds:,} duels. Mean over {frame.seed.nunique()} seeds,"
        " bands and bars: 95% bootstrap over seeds."
    )
    legend_below(figure, left.get_legend_handles_labels()[0], note, columns=3)
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
    means = frame[frame.metric == "regret"].groupby(["learner", "inverse_tau"]).value.mean()
    for learner in ("enpo-oracle", "minimax-adversary"):
        ratio = means[learner, 33.0] / means[learner, 5.0]
        found.append(
            Finding(f"{learner}: regret at τ = 0.03 / at 0.2", f"{ratio:.2f}", "at most 3", ratio <= 3)
        )
    return found


EXPERIMENT = Experiment("regret-tau", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
