"""Where the one-call map loses its stability on rock-paper-scissors: eta = 2 tau/(tau^2 + 1/12)."""

import warnings

import numpy as np
import pandas as pd

from nashsim import StepSizeWarning, games
from nashsim.engine import check_runs, run
from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE
from nashsim.rules import OMD

BIFURCATION_TAU = 0.1
NEAR = np.array([1 / 3 + 1e-7, 1 / 3, 1 / 3 - 1e-7])
#: INPO's published step for language models, tau and eta = 1/eta_I (arXiv 2407.00617).
LLM = (0.0025, 1 / 0.0075)


FORMULA = "$2τ/(τ^2 + 1/12)$"
#: Gaps below it are drawn there.
FLOOR = 1e-18


def predicted(tau):
    """Return 2 tau/(tau^2 + 1/12), where the eigenvalues rho ± i eta/sqrt(12) reach the unit circle [derived]."""
    return 2 * tau / (tau**2 + 1 / 12)


def grows(game, eta: float) -> bool:
    """Whether the one-call map leaves the equilibrium from 1e-7 beside it."""
    near = run(game, OMD(step=eta), queries=3000, start=NEAR, record=3000, metrics=["kl_to_equilibrium"])
    first, last = near.metrics["kl_to_equilibrium"]
    return not last <= first  # far above the threshold the run overflows to NaN


def measured_threshold(game, iterations: int) -> float:
    """Return the step at which ``grows`` changes, by bisection."""
    low, high = 0.5 * predicted(game.tau), 1.5 * predicted(game.tau)
    for _ in range(iterations):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if grows(game, middle) else (middle, high)
    return 0.5 * (low + high)


def compute(quick: bool) -> pd.DataFrame:
    """Sweep the step at one tau, bisect the threshold at many."""
    rps = games.get("rps")
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", StepSizeWarning
        )  # the experiment goes beyond the condition on purpose
        game = rps.replace(tau=BIFURCATION_TAU)
        for eta in np.linspace(0.2, 2.5, 12 if quick else 70) * predicted(BIFURCATION_TAU):
            found = run(game, OMD(step=eta), queries=4000, start=[0.5, 0.3, 0.2], record=range(3000, 4000, 4))
            tail = found.metrics["duality_gap"][1:]
            [check] = check_runs([found])
            values = {"gap_low": tail.min(), "gap_high": tail.max(), "cvxpy_distance": check.distance}
            rows += [
                {"tau": game.tau, "eta": eta, "metric": name, "value": value}
                for name, value in values.items()
            ]
        bisections = 10 if quick else 20
        for tau in np.geomspace(0.01, 3, 5 if quick else 15):
            eta = measured_threshold(rps.replace(tau=tau), bisections)
            rows.append(
                {"tau": tau, "eta": eta, "metric": "threshold", "value": eta, "width": 0.5**bisections}
            )
    return pd.DataFrame(rows)


def draw(frame: pd.DataFrame):
    """Draw the gap beyond the threshold, and the threshold against tau."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.6), layout="constrained")
    sweep = frame[frame.tau == BIFURCATION_TAU].pivot_table(index="eta", columns="metric", values="value")
    sweep = sweep.dropna(subset=["gap_low"]).clip(lower=FLOOR)
    left.fill_between(
        sweep.index, sweep.gap_low, sweep.gap_high, color=PALETTE["sky"], alpha=0.5, linewidth=0
    )
    left.plot(sweep.index, sweep.gap_high, ".-", color=PALETTE["blue"], markersize=3, linewidth=0.9)
    left.axvline(predicted(BIFURCATION_TAU), color=PALETTE["vermilion"], linestyle="--", linewidth=1.2)
    left.annotate(FORMULA, (predicted(BIFURCATION_TAU), 1e-12), xytext=(6, 0), textcoords="offset points",
                  color=PALETTE["vermilion"], fontsize=8)  # fmt: skip
    left.set(xlabel="forward step η", ylabel="duality gap, steps 3000–4000 (range)", yscale="log")
    left.set_title(f"RPS, τ = {BIFURCATION_TAU:g}: it converges up to the formula")
    left.annotate(f"at most $10^{{{np.log10(FLOOR):.0f}}}$,\ndrawn there", (0.5, FLOOR), (0, 5),
                  textcoords="offset points", fontsize=8)  # fmt: skip
    threshold = frame[frame.metric == "threshold"]
    grid = np.geomspace(1e-3, 5, 300)
    right.fill_between(grid, predicted(grid), 1e3, color=PALETTE["vermilion"], alpha=0.10, linewidth=0)
    right.plot(grid, predicted(grid), "--", color=PALETTE["vermilion"], linewidth=1.2, label=FORMULA)
    right.plot(
        grid,
        4 * grid / (1 + 4 * grid**2),
        color=PALETTE["green"],
        linewidth=1.2,
        label="proved range $4τ/(1 + 4τ^2)$",
    )
    right.plot(threshold.tau, threshold.value, "o", color=PALETTE["blue"], markersize=4, label="measured")
    right.plot(
        grid, 1 / (3 * grid), ":", color=PALETTE["grey"], linewidth=1.2, label="η = 1/(3τ), the LLM ratio"
    )
    right.plot(*LLM, "X", color="black", markersize=7, label="INPO's LLM recipe")
    right.text(0.1, 250, "unstable", color=PALETTE["vermilion"], fontsize=8, ha="center")
    right.set(
        xscale="log", yscale="log", xlim=(1e-3, 5), ylim=(2e-3, 1e3), xlabel="τ", ylabel="forward step η"
    )
    right.set_title("the measured thresholds lie on it")
    right.legend(loc="lower right", fontsize=7.5)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """The measured threshold against the formula; convergence below it and cycling above."""
    threshold = frame[frame.metric == "threshold"]
    error = np.abs(threshold.value / predicted(threshold.tau) - 1).max()
    width = threshold.width.max()  # of the last bracket, relative to the formula
    found = [
        Finding(
            "threshold, largest relative error", f"{error:.1e}", f"≤ {width:.1e} (bisection)", error <= width
        )
    ]
    sweep = frame[frame.metric == "gap_high"]
    below, above = (sweep[s * (sweep.eta / predicted(sweep.tau) - 1) > 0.05].value for s in (-1, 1))
    found.append(
        Finding("duality gap below the threshold", f"{below.max():.1e}", "< 1e-8", below.max() < 1e-8)
    )
    found.append(Finding("duality gap above it", f"{above.min():.2g}", "> 0.01", above.min() > 0.01))
    return found


EXPERIMENT = Experiment("threshold", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
