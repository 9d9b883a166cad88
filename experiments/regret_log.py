"""Regret logarithmic in T with a minimax oracle, and greedy play that starves at a small tau."""

import numpy as np
import pandas as pd
from _regret import REGRET, curves, thinned

from nashsim import games
from nashsim.figures import Experiment, Finding
from nashsim.online import run_regret
from nashsim.plots import PALETTE, legend_below, mean_line
from nashsim.theory import law_of_rounds, power_of_rounds

#: Greedy play at the small tau, followed ten times longer.
LONG = "minimax-self, longer"
LINES = {
    "minimax-self": ("sky", (0, (5, 1.5)), "greedy: both responses from the policy"),
    "minimax-adversary": ("purple", "solid", "adversary: y' where the estimate is least certain"),
}


def compute(quick: bool) -> pd.DataFrame:
    """Play RPS at both temperatures; the power of few starving seeds is noisy, so that there are more at the small."""
    game = games.get("rps:strength=0.6").replace(reference=[0.6, 0.3, 0.1], name="rps")
    rounds, short = (100_000, 100_000) if quick else (1_000_000, 100_000)

    def played(learners, tau: float, rounds: int, seeds: int) -> pd.DataFrame:
        frame = run_regret(game, learners, taus=[tau], rounds=rounds, seeds=seeds, jobs=2, check=True)
        return thinned(frame[frame.metric.isin(("regret", "cvxpy_distance"))])

    frames = [
        played(list(LINES), 0.1, rounds, 48),
        played(list(LINES), 0.02, short, 96 if quick else 192),
        played("minimax-self", 0.02, 3 * short if quick else rounds, 48).assign(learner=LONG),
    ]
    return pd.concat(frames, ignore_index=True).drop(columns="setting")


def _of(frame: pd.DataFrame, tau: float, learner: str) -> pd.DataFrame:
    return frame[(frame.tau == tau) & (frame.learner == learner) & (frame.metric == "regret")]


def _stuck(frame: pd.DataFrame, learner: str) -> float:
    """The share of seeds at tau = 0.02 whose regret still grows like a power above 1/2 in the last decade."""
    rounds, values = curves(_of(frame, 0.02, learner))
    late = rounds >= rounds[-1] / 10
    return float(np.mean([np.polyfit(np.log(rounds[late]), np.log(one[late]), 1)[0] > 0.5 for one in values]))


def draw(frame: pd.DataFrame):
    """Draw regret against log T with its least squares, and log-log at the small tau, seed by seed."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10.2, 4.4), layout="constrained")
    for learner, (colour, dashes, label) in LINES.items():
        line = {"color": PALETTE[colour], "linestyle": dashes}
        warm, cold = (_of(frame, tau, learner) for tau in (0.1, 0.02))
        rounds, values = curves(warm)
        fit = law_of_rounds(rounds, values, "log", since=1e3)
        mean_line(left, warm[warm.rounds >= 10], label=f"{label}", **line)
        late = rounds >= 1e3
        left.plot(rounds[late], fit.intercept + fit.slope.value * np.log(rounds[late]), "k:", linewidth=1.2)
        power = power_of_rounds(rounds, values, decades=1)
        left.annotate(
            f"$R^2$ = {fit.r_squared:.4f}\nlast decade:\n$T^{{{power.value:.2f}}}$",
            (rounds[-1], values.mean(axis=0)[-1]),
            (5, -6),
            textcoords="offset points",
            fontsize=9,
            annotation_clip=False,
        )
        rounds, values = curves(cold[cold.rounds >= 10])
        right.plot(rounds, values[:48].T, color=line["color"], linewidth=0.5, alpha=0.35)
        power = power_of_rounds(*curves(cold))
        right.plot(rounds, values.mean(axis=0), **line)
        right.annotate(
            f"$T^{{{power.value:.2f}}}$ [{power.low:.2f}, {power.high:.2f}]",
            (rounds[-1], values.mean(axis=0)[-1]),
            (4, -11),
            textcoords="offset points",
            fontsize=9,
            annotation_clip=False,
        )
    long = _of(frame, 0.02, LONG)
    rounds, values = curves(long[long.rounds >= 1e5])
    power = power_of_rounds(*curves(long))
    right.plot(rounds, values.mean(axis=0), color=PALETTE["blue"], linewidth=2)
    text = f"$T^{{{power.value:.2f}}}$\n[{power.low:.2f}, {power.high:.2f}]"
    where = (rounds[-1], values.mean(axis=0)[-1])
    right.annotate(text, where, (4, -3), textcoords="offset points", fontsize=9, annotation_clip=False)
    left.set(xscale="log", ylim=(0, None), xlabel="duels T, log scale", ylabel=REGRET)
    left.set_title("τ = 0.1: both logarithmic")
    right.set(xscale="log", yscale="log", xlabel="duels T")
    right.set_title(f"τ = 0.02: {_stuck(frame, 'minimax-self'):.0%} of greedy seeds starve")
    handles = [
        *left.get_legend_handles_labels()[0],
        plt.Line2D(
            [], [], color=PALETTE["blue"], linewidth=2, label="greedy, 48 seeds followed longer (right)"
        ),
        plt.Line2D(
            [], [], color="black", linestyle=":", label="least squares on log T from $10^3$ on (left)"
        ),
        plt.Line2D([], [], color=PALETTE["grey"], linewidth=0.5, label="single seeds, 48 of each (right)"),
    ]
    note = (
        "RPS, strength .6, μ = (.6, .3, .1); charged is the play of the main agent. At τ = 0.02 wrong first labels"
        " starve some greedy seeds;\nthey recover one by one, so that its power falls as T grows. Mean over 48 seeds,"
        f" on the right over {frame.seed.nunique()}; bands: 95% by Student's t; powers over two decades."
    )
    legend_below(figure, handles, note, columns=2)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """How well log T fits, and the powers of T at the small tau."""
    found = []
    for learner in LINES:
        rounds, values = curves(_of(frame, 0.1, learner))
        fit, power = (
            law_of_rounds(rounds, values, "log", since=1e3),
            power_of_rounds(rounds, values, decades=1),
        )
        found += [
            Finding(
                f"{learner}, τ = 0.1: R² of regret against log T from 10³ on",
                f"{fit.r_squared:.4f}",
                "at least 0.98",
                fit.r_squared >= 0.98,
            ),
            Finding(
                f"{learner}, τ = 0.1: power of T in the last decade",
                f"{power.value:.3f} [{power.low:.3f}, {power.high:.3f}]",
                "below 0.15",
                power.value < 0.15,
            ),
        ]
    for learner, least, most in (("minimax-self", 0.9, np.inf), ("minimax-adversary", -np.inf, 0.25)):
        power = power_of_rounds(*curves(_of(frame, 0.02, learner)))
        found.append(
            Finding(
                f"{learner}, τ = 0.02: power of T over two decades",
                f"{power.value:.2f} [{power.low:.2f}, {power.high:.2f}]",
                "at least 0.9" if least > 0 else "at most 0.25",
                least <= power.value <= most,
            )
        )
    power, short = (power_of_rounds(*curves(_of(frame, 0.02, name))) for name in (LONG, "minimax-self"))
    found.append(
        Finding(
            "minimax-self, τ = 0.02, followed longer: power of T over two decades",
            f"{power.value:.2f} [{power.low:.2f}, {power.high:.2f}]",
            "lower: starved seeds recover one by one",
            power.value < short.value,
        )
    )
    return found


EXPERIMENT = Experiment("regret-log", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
