"""Policy gradient on a cycle, exact and from sampled duels, against the mirror steps that it approximates."""

from itertools import pairwise

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.engine import Feedback, run_many, runs_frame
from nashsim.figures import Experiment, Finding
from nashsim.plots import bands, legend_below, rule_line
from nashsim.rules import OMD, NashMDPG, NashMP, NashMPSGD, NashProxSGD, OnlineIPO, SelfPlayPG

TAU, ETA = 0.2, 0.1
QUERIES = 30_000
STEPS = (0.02, 0.05, 0.1, 0.2, 0.4)
BATCHES = (1, 2, 4, 8, 16)
LINES = ("omd", "nash-mp", "self-play-pg", "online-ipo", "nash-md-pg", "nash-prox-sgd", "nash-mp-sgd")
CLIMBS = {
    "self-play-pg": SelfPlayPG,
    "online-ipo": OnlineIPO,
    "nash-md-pg": NashMDPG,
    "nash-prox-sgd": NashProxSGD,
}
#: Duels a query of each kind of feedback with one sample asks on three actions.
DUELS = {"exact": 1, "responses": 1, "duels": 3}


def compute(quick: bool) -> pd.DataFrame:
    """Record curves under exact and sampled feedback, and measure floors over steps and batches."""
    game = games.get("rps").replace(tau=TAU, reference=[0.6, 0.3, 0.1])
    seeds = range(8 if quick else 20)
    rules = [OMD(), NashMP(), *(cls() for cls in CLIMBS.values()), NashMPSGD()]
    grid = np.geomspace(1, 4000, 50)
    exact = run_many(
        [game], rules, queries=4000, start="random", seeds=seeds, record=grid, metrics=["duality_gap"]
    )
    frames = [runs_frame(exact, check=True).assign(kind="exact", eta=np.nan, batch=1)]
    frames += [
        sampled_curves(game, [cls.with_eta(ETA, TAU) for cls in CLIMBS.values()], "responses", seeds),
        sampled_curves(game, [OMD(step=ETA)], "duels", seeds),
    ]
    for name in ("self-play-pg", "online-ipo"):
        for eta, batch in [(eta, 1) for eta in STEPS] + [(ETA, batch) for batch in BATCHES[1:]]:
            values = floors(game, CLIMBS[name].with_eta(eta, TAU), eta, batch, seeds)
            setting = {"kind": "responses", "eta": eta, "batch": batch, "metric": "floor", "rule": name}
            frames.append(pd.DataFrame({**setting, "seed": seeds, "value": values}))
    return pd.concat(frames, ignore_index=True)


def sampled_curves(game, rules, kind: str, seeds) -> pd.DataFrame:
    """Return each seed's gap, averaged over bins of a quarter decade, under feedback of one sample."""
    edges = np.geomspace(1, QUERIES // DUELS[kind], 21)
    records = np.concatenate([np.linspace(a, b, 8) for a, b in pairwise(edges)])
    runs = run_many([game], rules, queries=QUERIES // DUELS[kind], seeds=seeds, record=records,
                    metrics=["duality_gap"], feedback=Feedback(kind))  # fmt: skip
    frame = runs_frame(runs)
    frame = frame[frame.queries > 0]
    which = np.clip(np.searchsorted(edges, frame.queries, side="right"), 1, len(edges) - 1)
    frame = frame.assign(queries=np.sqrt(edges[which - 1] * edges[which]))
    binned = frame.groupby(["game", "rule", "seed", "queries", "metric"]).value.mean().reset_index()
    return binned.assign(kind=kind, eta=ETA, batch=1)


def floors(game, rule, eta: float, batch: int, seeds) -> list[float]:
    """Return each seed's KL to pi*, averaged over the second half of a run of many relaxation times."""
    steps = int(120 / (eta * TAU))
    runs = run_many([game], rule, queries=2 * steps, seeds=seeds, record=max(1, steps // 40),
                    metrics=["kl_to_equilibrium"], feedback=Feedback("responses", batch))  # fmt: skip
    return [run.metrics["kl_to_equilibrium"][run.step > steps].mean() for run in runs]


def draw(frame: pd.DataFrame):
    """Draw gaps against queries and duels, floors against step and batch."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(8.2, 6.8), layout="constrained")
    gaps = frame[(frame.metric == "duality_gap") & (frame.queries > 0)]
    for ax, sampled in zip(axes[0], (False, True), strict=True):
        here = gaps[(gaps.kind != "exact") == sampled]
        here = here.assign(duels=here.queries * here.kind.map(DUELS))
        for rule in LINES:
            if rule in set(here.rule):
                bands(ax, here[here.rule == rule], x="duels", **rule_line(rule))
        ax.set(xscale="log", yscale="log", ylabel="regularised duality gap")
    axes[0, 0].set(
        ylim=(1e-14, 3),
        xlabel="preference queries  P(· ≻ opponent)",
        title="exact gradients: all but Nash-MD-PG reach π*",
    )
    axes[0, 1].set(xlabel="duels", title=f"one duel a step, η = {ETA:g}: noise floors")
    axes[0, 1].set(ylim=(2e-3, 0.3))
    draw_floors(axes[1], frame[frame.metric == "floor"])
    handles = axes[0, 0].get_legend_handles_labels()[0]
    seeds = int(frame.seed.nunique())
    note = (
        f"RPS, τ = {TAU:g}, μ = (.6, .3, .1). Median over {seeds} seeds, bands: range. Exact gradients: random starts."
        "\nDuels: means over bins; OMD asks a duel an action. Nash-MD-PG with b = 1/8, whose fixed point is not π*."
    )
    legend_below(figure, handles, note, columns=4)
    return figure


def draw_floors(axes, floors: pd.DataFrame) -> None:
    """Draw the noise floors of both estimators with the powers that are expected."""
    left, right = axes
    for rule, marker in (("self-play-pg", "o"), ("online-ipo", "s")):
        mine = floors[floors.rule == rule]
        bands(left, mine[mine.batch == 1], x="eta", marker=marker, markersize=4, **rule_line(rule))
        bands(right, mine[mine.eta == ETA], x="batch", marker=marker, markersize=4, **rule_line(rule))
    anchor = 2.5 * floors[(floors.eta == ETA) & (floors.batch == 1)].value.median()
    for ax, grid, heights, text in (
        (left, STEPS, anchor * np.array(STEPS) / ETA, "slope 1"),
        (right, BATCHES, anchor / np.array(BATCHES), "slope −1"),
    ):
        ax.plot(grid, heights, "k:", linewidth=1)
        ax.annotate(text, (grid[2], heights[2]), (0, 9), textcoords="offset points", fontsize=8, ha="center")
    left.set(
        xlabel="learning rate η  (m = 1)",
        ylabel="KL(π* ‖ π)  [nats]",
        title="the floor is proportional to the step",
    )
    right.set(
        xlabel=f"responses m a step  (η = {ETA:g})",
        ylabel="KL(π* ‖ π)  [nats]",
        title="and inverse to the batch",
    )
    for ax, grid in ((left, STEPS), (right, BATCHES)):
        ax.set(xscale="log", yscale="log")
        ax.set_xticks(grid, [f"{x:g}" for x in grid])
        ax.minorticks_off()


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Who gets to pi* exactly, whose gradients are the same, and the powers of the floors."""
    exact = frame[(frame.kind == "exact") & (frame.metric == "duality_gap")]
    last = exact[exact.step == exact.groupby("rule").step.transform("max")].groupby("rule").value.max()
    unbiased = ["self-play-pg", "online-ipo", "nash-prox-sgd", "nash-mp-sgd"]
    worst, biased = last[unbiased].max(), last["nash-md-pg"]
    paths = exact.pivot_table(index=["seed", "step"], columns="rule", values="value")
    apart = (paths["self-play-pg"] - paths["online-ipo"]).abs().max()
    found = [
        Finding("exact: gap of " + ", ".join(unbiased), f"{worst:.1e}", "< 1e-12", worst < 1e-12),
        Finding("exact: Nash-MD-PG stops at its biased point", f"{biased:.1e}", "> 1e-6", biased > 1e-6),
        Finding("exact: online IPO less self-play PG", f"{apart:.0e}", "< 1e-13", apart < 1e-13),
    ]
    floors = frame[frame.metric == "floor"].groupby(["rule", "eta", "batch"]).value.mean().reset_index()
    ratio = floors.groupby("rule").value.mean()
    ratio = ratio["online-ipo"] / ratio["self-play-pg"]
    found.append(
        Finding("floor of online IPO / self-play PG, same duels", f"{ratio:.2f}", "< 0.6", ratio < 0.6)
    )
    for rule, mine in floors.groupby("rule"):
        small, batches = mine[(mine.batch == 1) & (mine.eta <= 0.1)], mine[mine.eta == ETA]
        for name, x, power in (("η", small, small.eta), ("m", batches, batches.batch)):
            slope, wanted = np.polyfit(np.log(power), np.log(x.value), 1)[0], 1 if name == "η" else -1
            stated = f"{wanted} ± 0.15".replace("-", "−")
            found.append(
                Finding(
                    f"{rule}: power of {name} in the floor", f"{slope:.2f}", stated, abs(slope - wanted) < 0.2
                )
            )
    return found


EXPERIMENT = Experiment("policy-gradient", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
