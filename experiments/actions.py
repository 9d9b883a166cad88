"""The rates do not know the number of actions: the same curves from 3 responses to 3000."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.engine import run_many, runs_frame
from nashsim.figures import Experiment, Finding
from nashsim.plots import bands, legend_below, rule_line
from nashsim.theory import fit_linear_rate, proved_rate

TAU = 0.1
SIZES = (3, 10, 30, 100, 300, 1000, 3000)
RULES = {"omd": 700, "nash-mp": 320, "egpo": 320}


def compute(quick: bool) -> pd.DataFrame:
    """Run three linear-rate rules on random bilinear preferences of every size."""
    frames = []
    for n in SIZES[:4] if quick else SIZES:
        seeds = range(2 if quick else 3 if n >= 1000 else 10)
        family = [
            games.get(f"low-rank:n={n},rank=2,seed={k}").replace(tau=TAU, name=f"{n}-{k}") for k in seeds
        ]
        runs = [
            run
            for rule, queries in RULES.items()
            for run in run_many(family, rule, queries=queries // 2 if n >= 1000 else queries, start="random",
                                metrics=["kl_to_equilibrium"], record=4, jobs=2)
        ]  # fmt: skip
        frames.append(runs_frame(runs, check=True).assign(actions=n))
        rates = [
            (r.game.name, r.rule.name, fit_linear_rate(r.queries, r.metrics["kl_to_equilibrium"]))
            for r in runs
        ]
        frames.append(pd.DataFrame(rates, columns=["game", "rule", "value"]).assign(metric="rate", actions=n))
    return pd.concat(frames, ignore_index=True)


def draw(frame: pd.DataFrame):
    """Draw the curves of Nash-MP for every size, and the rates against the size."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.7), layout="constrained")
    curves = frame[(frame.metric == "kl_to_equilibrium") & (frame.rule == "nash-mp") & (frame.value > 1e-26)]
    sizes = sorted(frame.actions.unique())
    for n, colour in zip(sizes, plt.cm.viridis(np.linspace(0, 0.92, len(sizes))), strict=True):
        bands(left, curves[curves.actions == n], color=colour, label=f"n = {n}", linewidth=1.2)
    queries = np.arange(0, 320, 2)
    top = curves[curves.queries == 0].value.max()
    left.plot(
        queries, top * (1 + 2 * TAU) ** (-queries / 2), "k:", linewidth=1.2, label="proved: (1+2τ)$^{-N/2}$"
    )
    left.set(
        yscale="log",
        xlim=(0, 320),
        ylim=(1e-26, 1e7),
        xlabel="preference queries N",
        ylabel="KL(π* ‖ π)  [nats]",
    )
    left.set_title(f"Nash-MP, τ = {TAU:g}: one curve for all n")
    left.legend(fontsize=7.5, loc="upper right", ncols=3)
    rates = frame[frame.metric == "rate"]
    for rule in RULES:
        line = rule_line(rule)
        bands(right, rates[rates.rule == rule], x="actions", marker="o", markersize=3, **line)
        proved = proved_rate(rule, TAU)
        right.axhline(proved, color=line["color"], linestyle=":", linewidth=1.2)
    right.set(xscale="log", yscale="log", xlabel="number of actions n", ylabel="rate of KL  [1/query]")
    right.set_title("rates above the proved ones (dotted)")
    note = "Lines: median over 10 random bilinear games of rank 4 (3 from n = 1000), random starts; bands: range."
    legend_below(figure, right.get_legend_handles_labels()[0], note)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Rates at every size at least the proved ones; slope of the rate in log n."""
    rates = frame[frame.metric == "rate"]
    found = []
    for rule in RULES:
        proved = proved_rate(rule, TAU)
        mine = rates[rates.rule == rule]
        found.append(Finding(f"{rule}: least rate over all n", f"{mine.value.min():.4f}", f"≥ {proved:.4f}",
                             mine.value.min() >= 0.99 * proved))  # fmt: skip
    mine = rates[rates.rule == "nash-mp"].groupby("actions").value.median()
    large = mine[mine.index >= 30]
    drift = large.max() / large.min() - 1
    found.append(Finding("nash-mp: drift of the median rate, n ≥ 30", f"{drift:.1%}", "< 10 %", drift < 0.1))
    return found


EXPERIMENT = Experiment("actions", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
