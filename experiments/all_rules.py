"""Every rule on the preferences between 14 real LLM policies, one of which beats all: last and average iterates."""

import pandas as pd

from nashsim import games
from nashsim.engine import run_many, runs_frame
from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE, legend_below
from nashsim.rules import RULES

TAU = 0.1
QUERIES = (100, 10_000)
METRICS = {
    "duality_gap": ("regularised", "last iterate"),
    "average_duality_gap": ("regularised", "average iterate"),
    "unregularised_gap": ("unregularised", "last iterate"),
    "average_unregularised_gap": ("unregularised", "average iterate"),
}
LAST = {of: metric for metric, (of, iterate) in METRICS.items() if iterate == "last iterate"}
FLOOR, CLOSED = 1e-16, 1e-12


def compute(quick: bool) -> pd.DataFrame:
    """Run all rules with their default steps from the uniform reference."""
    game = games.get("tldr").replace(tau=TAU)
    runs = run_many(
        [game], [rule() for rule in RULES], queries=max(QUERIES), record=[50, 100], metrics=list(METRICS)
    )
    frame = runs_frame(runs, check=True)
    return frame[frame.queries.isin(QUERIES)].reset_index(drop=True)


def draw(frame: pd.DataFrame):
    """Draw a row a rule: gaps after few and after many queries, in both games."""
    import matplotlib.pyplot as plt

    order = [rule.name for rule in RULES][::-1]
    figure, axes = plt.subplots(
        1, 2, figsize=(7.6, 0.2 * len(order) + 1.0), sharey=True, layout="constrained"
    )
    styles = {"last iterate": ("o", "blue"), "average iterate": ("D", "orange")}
    for ax, kind in zip(axes, ("regularised", "unregularised"), strict=True):
        for metric, (of, iterate) in METRICS.items():
            if of != kind:
                continue
            marker, colour = styles[iterate]
            shift = 0.14 if iterate == "last iterate" else -0.14
            wide = frame[frame.metric == metric].pivot(index="rule", columns="queries", values="value")
            wide = wide.loc[order].clip(lower=FLOOR)
            rows = [i + shift for i in range(len(order))]
            ax.hlines(
                rows, wide[QUERIES[1]], wide[QUERIES[0]], color=PALETTE[colour], linewidth=0.8, alpha=0.6
            )
            ax.plot(
                wide[QUERIES[0]], rows, marker, color=PALETTE[colour], markerfacecolor="white", markersize=4
            )
            ax.plot(wide[QUERIES[1]], rows, marker, color=PALETTE[colour], markersize=4)
        ax.set(xscale="log", xlim=(FLOOR / 3, 3), xlabel="duality gap")
        last = frame[(frame.queries == QUERIES[1]) & (frame.metric == LAST[kind])]
        closed = f"{int((last.value < CLOSED).sum())} of {len(last)} last iterates below $10^{{-12}}$"
        ax.set_title(f"{kind} game" + (f", τ = {TAU:g}" if kind == "regularised" else "") + f":\n{closed}")
        ax.grid(axis="y", linewidth=0.3)
    axes[0].set_yticks(range(len(order)), order)
    handles = [
        plt.Line2D([], [], marker=m, color=PALETTE[c], linestyle="", markersize=4, label=name)
        for name, (m, c) in styles.items()
    ]
    grey = {"color": PALETTE["grey"], "linestyle": "", "marker": "s", "markersize": 4}
    handles += [
        plt.Line2D([], [], markerfacecolor="white", label=f"after {QUERIES[0]} queries", **grey),
        plt.Line2D([], [], label=f"after {QUERIES[1]:,} queries", **grey),
    ]
    note = (
        "Default steps, uniform reference and start; gaps below $10^{-16}$ are drawn there.\n"
        "One of the policies beats each other one (a Condorcet winner): the unregularised Nash policy is that one."
    )
    legend_below(figure, handles, note)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Which rules close which gap."""
    last = frame[frame.queries == max(QUERIES)].pivot(index="rule", columns="metric", values="value")
    linear = ["omd", "mmd", "nash-mp", "egpo", "nash-prox"]
    worst = last.duality_gap[linear].max()
    refreshed = last.unregularised_gap[["comal", "mpo"]].max()
    return [
        Finding("regularised gap of " + ", ".join(linear), f"{worst:.1e}", "< 1e-12", worst < 1e-12),
        Finding("original gap of comal, mpo", f"{refreshed:.1e}", "< 1e-3", refreshed < 1e-3),
    ]


EXPERIMENT = Experiment("all-rules", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
