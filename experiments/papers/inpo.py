"""INPO: the average iterate's gap at steps of order 1/sqrt T, and the last iterate's KL at the paper's schedule."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.engine import run, run_many, runs_frame
from nashsim.figures import Curve, Paper, Setting, draw_spread, exact, slope, spread
from nashsim.plots import PALETTE, legend_below
from nashsim.rules import INPO

TAU = 0.1
GAMES = {
    "comal": ("COMAL's cycle", "blue"),
    "biased-rps": ("biased rock–paper–scissors", "orange"),
    "uniform": ("random, n = 10", "green"),
}


def instances(name: str, count: int) -> list:
    """Return the games of a family, one where it has no seeds."""
    if name == "uniform":
        return [games.get(name, seed=seed).replace(tau=TAU) for seed in range(count)]
    return [games.get(name).replace(tau=TAU, reference=[0.6, 0.3, 0.1])]


def compute(quick: bool) -> pd.DataFrame:
    """Run a constant step sqrt(D/T) for every T, and the schedule once."""
    rows, longest = [], 1000 if quick else 100_000
    for name in GAMES:
        many = instances(name, 2 if quick else 10)
        for length in np.unique(np.round(np.geomspace(32, longest, 5 if quick else 13)).astype(int)):
            frames = []
            for game in many:
                diameter = float(-game.log_reference.min())
                # the regret of OMD balances D/(eta T) and eta C^2; C = O(1) is taken as 1
                rule = INPO(eta_inverse=float(np.sqrt(length / diameter)))
                done = run(
                    game, rule, queries=int(length), record=int(length), metrics=["average_duality_gap"]
                )
                frames.append(
                    {"value": done.metrics["average_duality_gap"][-1], "scale": np.sqrt(diameter / length)}
                )
            here = pd.DataFrame(frames)
            rows.append(spread(here.assign(game=name, T=length, metric="average"), ["game", "T", "metric"]))
            rows.append(
                spread(
                    here.assign(game=name, T=length, metric="gap/sqrt(D/T)", value=here.value / here.scale),
                    ["game", "T", "metric"],
                )
            )
        runs = run_many(
            many, INPO(), queries=longest, record=np.geomspace(1, longest, 60), metrics=["kl_to_equilibrium"]
        )
        last = runs_frame(runs).rename(columns={"step": "T"})
        bounds = np.concatenate([one.bound() for one in runs])
        for metric, values in (("last", last.value), ("bound", bounds), ("KL/bound", last.value / bounds)):
            here = last[last["T"] > 0].assign(
                metric=metric, value=np.asarray(values)[last["T"] > 0], game=name
            )
            rows.append(spread(here, ["game", "T", "metric"]))
    return pd.concat(rows, ignore_index=True)


def draw(frame: pd.DataFrame):
    """Draw both theorems beside the runs."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.8, 3.5), layout="constrained")
    handles = []
    for name, (label, colour) in GAMES.items():
        here = frame[frame.game == name]
        line = {"color": PALETTE[colour], "label": label}
        handles.append(
            draw_spread(left, here[here.metric == "average"], "T", marker="o", markersize=3, **line)
        )
        draw_spread(right, here[here.metric == "last"], "T", **line)
    top = frame[(frame.metric == "average") & (frame.game == "comal")]
    [rate] = left.plot(
        top["T"], top.middle.iloc[0] * np.sqrt(top["T"].iloc[0] / top["T"]), ":", color="black"
    )
    rate.set_label("the theorem's rate or bound")
    bound = frame[(frame.metric == "bound") & (frame.game == "comal")]
    right.plot(bound["T"], bound.middle, ":", color="black")
    left.set(xscale="log", yscale="log", xlabel="iterations T", ylabel="regularised duality gap")
    left.set_title("average iterate, step √(D/T)")
    right.set(xscale="log", yscale="log", xlabel="iterations T", ylabel="KL(exact Nash ‖ π) [nats]")
    right.set_title("last iterate, η_T = τ(T+2)/2")
    note = f"τ = {TAU}, start at the reference; medians over games, bands: their range."
    legend_below(figure, [*handles, rate], note, columns=2)
    return figure


def judge(frame: pd.DataFrame) -> list[Curve]:
    """The order of the average's gap, and the last iterate's bound."""
    found = []
    for name, (label, _) in GAMES.items():
        here = frame[frame.game == name]
        average = here[here.metric == "average"]
        late = average[average["T"] >= average["T"].max() / 100]
        power = slope(late["T"], late.high)
        found.append(
            Curve(
                f"average iterate: {label}",
                f"gap falls as T^{power:.2f}",
                "O(C √(D/T)): T^(−1/2) or faster",
                power <= -0.5,
                ("average-iterate theorem",),
            )
        )
        ratio = here[here.metric == "KL/bound"].high.max()
        found.append(
            Curve(
                f"last iterate: {label}",
                f"largest KL/bound {ratio:.1e}",
                "at most 1: 32C²/(τ²(T+1))",
                bool(ratio <= 1),
                ("last-iterate theorem",),
            )
        )
    return found


PAPER = Paper(
    id="inpo",
    title=__doc__.partition("\n")[0],
    source="Zhang et al., Iterative Nash Policy Optimization, arXiv 2407.00617 (ICLR 2025)",
    settings=(
        Setting(
            "average-iterate theorem", "constant η_I of order √T, any game: DualGap = O(C √(D/T))", "paper"
        ),
        Setting("last-iterate theorem", "η_I,t = τ(t+2)/2, any game: KL(π*, π_T) ≤ 32C²/(τ²(T+1))", "paper"),
        Setting(
            "games", "two cycles with μ = (.6, .3, .1), 10 random games of n = 10 with μ uniform", "ours"
        ),
        Setting("τ and start", f"τ = {TAU}; the reference", "ours"),
    ),
    compute=compute,
    draw=draw,
    judge=judge,
    equilibria=lambda: [exact(instances(name, 1)[0]) for name in GAMES],
)

if __name__ == "__main__":
    PAPER.main()
