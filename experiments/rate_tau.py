"""The linear rate per preference query against tau: two calls gain a whole power of tau over one."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.engine import run_many, runs_frame
from nashsim.figures import Experiment, Finding
from nashsim.plots import bands, rule_line
from nashsim.theory import fit_linear_rate, proved_rate

RULES = ("omd", "nash-mp", "egpo")
#: Below this tau the rates follow their leading power.
SMALL = 0.2


def proved_rates(rule: str, taus) -> np.ndarray:
    """Return the proved rate per query at each tau."""
    return np.array([proved_rate(rule, tau) for tau in taus])


def compute(quick: bool) -> pd.DataFrame:
    """Fit the rate of KL on rock-paper-scissors and on random games, over three decades of tau."""
    frames = []
    for tau in np.geomspace(0.01, 10, 5 if quick else 16):
        rps = games.get("rps").replace(reference=[0.5, 0.3, 0.2], tau=tau, name="rps")
        family = [
            games.get(f"sign:n=9,seed={k}").replace(tau=tau, name=f"sign-{k}")
            for k in range(2 if quick else 20)
        ]
        runs = []
        for rule in RULES:
            queries = int(70 / proved_rate(rule, tau)) + 20
            every = max(1, queries // 400)
            runs += run_many([rps, *family], rule, queries=queries, start="random", record=every,
                             metrics=["kl_to_equilibrium"], jobs=2)  # fmt: skip
        checked = runs_frame(runs, check=True)
        frames.append(checked[checked.metric.str.startswith("cvxpy")].assign(tau=tau))
        rates = [
            (r.game.name, r.rule.name, fit_linear_rate(r.queries, r.metrics["kl_to_equilibrium"]))
            for r in runs
        ]
        frames.append(pd.DataFrame(rates, columns=["game", "rule", "value"]).assign(metric="rate", tau=tau))
    return pd.concat(frames, ignore_index=True)


def fitted_powers(rates: pd.DataFrame, rule: str) -> tuple[float, float]:
    """Return the power of tau below SMALL that the slowest game's rate follows, and that of the proved rate.

    The slowest game sets the power: where the rotation is fast (RPS) two calls contract by themselves.
    """
    slowest = rates[rates.tau < SMALL].groupby("tau").value.min()
    taus = slowest.index.to_numpy()
    return tuple(
        np.polyfit(np.log(taus), np.log(values), 1)[0] for values in (slowest, proved_rates(rule, taus))
    )


def draw(frame: pd.DataFrame):
    """Draw measured rates as bands and marks, proved ones as dotted lines."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
    rates = frame[frame.metric == "rate"]
    grid = np.geomspace(0.008, 12, 200)
    for rule in RULES:
        line = rule_line(rule)
        mine = rates[rates.rule == rule]
        power = f"{line['label']}, fitted power of τ < {SMALL:g}: {fitted_powers(mine, rule)[0]:.2f}"
        bands(ax, mine[mine.game != "rps"], x="tau", **{**line, "label": power})
        rps = mine[mine.game == "rps"]
        ax.plot(rps.tau, rps.value, "o", color=line["color"], markersize=3.5, markerfacecolor="none")
        ax.plot(grid, proved_rates(rule, grid), color=line["color"], linestyle=":", linewidth=1.2)
    ax.set(xscale="log", yscale="log", xlabel="regularisation τ", ylabel="rate of KL(π* ‖ π)  [1/query]")
    ax.set_title("At the largest proved steps two calls gain a power of τ")
    count = rates[rates.game != "rps"].game.nunique()
    handles = [
        *ax.get_legend_handles_labels()[0],
        plt.Line2D([], [], color="black", label=f"median of {count} random ± games, n = 9"),
        plt.Rectangle((0, 0), 1, 1, color="black", alpha=0.18, linewidth=0, label="their range"),
        plt.Line2D([], [], color="black", marker="o", markerfacecolor="none", linestyle="", markersize=3.5,
                   label="rock–paper–scissors"),
        plt.Line2D([], [], color="black", linestyle=":", label="proved; for Nash-MP (1+2τ)$^{-N/2}$"),
    ]  # fmt: skip
    ax.legend(handles=handles, loc="lower right", fontsize=7.5)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """No measured rate below the proved one; the fitted power of tau where the rates are slowest."""
    rates = frame[frame.metric == "rate"]
    found = []
    for rule in RULES:
        mine = rates[rates.rule == rule]
        slack = (mine.value / proved_rates(rule, mine.tau.to_numpy())).min()
        found.append(Finding(f"{rule}: least measured / proved rate", f"{slack:.3f}", "≥ 1", slack >= 1))
        measured, proved = fitted_powers(mine, rule)
        what = f"{rule}: fitted power of τ below {SMALL:g}, slowest game"
        found.append(Finding(what, f"{measured:.2f}", f"{proved:.2f} ± 0.1", abs(measured - proved) < 0.1))
    return found


EXPERIMENT = Experiment("rate-tau", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
