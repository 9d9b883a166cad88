"""Nash Mirror Prox: last iterate in KL, gap and span against queries, for any number of responses, and with samples."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.engine import Feedback, run_many, runs_frame
from nashsim.figures import Curve, Paper, Setting, draw_spread, exact, slope, spread
from nashsim.plots import PALETTE, legend_below
from nashsim.rules import NashMP

TAU = 0.1
ACTIONS = {10: "blue", 100: "orange", 1000: "green"}
METRICS = {
    "kl_to_equilibrium": "KL(π* ‖ π) [nats]",
    "exploitability": "exploitability τ KL(π ‖ BR(π))",
    "span": "span(log π − log π*)",
}
SAMPLES = (10, 100, 1000)
#: A KL between policies whose logits are right to 1e-13: below it a run measures rounding.
ROUNDING = 1e-24


def game(actions: int, seed: int):
    """Return a game of EGPO's family, with a reference of normal logits."""
    return games.get("uniform", n=actions, seed=seed, normal_reference=True).replace(
        tau=TAU, name=f"n = {actions}"
    )


def compute(quick: bool) -> pd.DataFrame:
    """Run at s = 2 tau from random starts, exactly and with sampled opponents."""
    rows = []
    for actions in ACTIONS:
        many = [game(actions, seed) for seed in range(1 if quick else 10 if actions < 1000 else 3)]
        runs = run_many(many, NashMP(), queries=800, start="random", record=8, metrics=list(METRICS))
        frame = runs_frame(runs).assign(n=actions, seed=np.repeat(range(len(many)), 3 * len(runs[0].step)))
        rows.append(spread(frame, ["n", "queries", "metric"]))
        divergence = frame[(frame.metric == "kl_to_equilibrium")]
        first = divergence.groupby("seed").value.transform("first")
        bound = first * (1 + 2 * TAU) ** (-divergence.queries / 2)
        ratio = (divergence.value / bound).where(divergence.value > ROUNDING).dropna()
        rows.append(
            spread(
                divergence.loc[ratio.index].assign(value=ratio, metric="KL/bound"), ["n", "queries", "metric"]
            )
        )
        rows.append(spread(divergence.assign(value=bound, metric="bound"), ["n", "queries", "metric"]))
    for samples in SAMPLES[: 2 if quick else None]:
        feedback = Feedback("opponents", samples)
        runs = run_many(
            [game(10, seed) for seed in range(3 if quick else 10)],
            NashMP(),
            queries=4000,
            start="random",
            record=200,
            metrics=["kl_to_equilibrium"],
            feedback=feedback,
        )
        frame = runs_frame(runs)
        late = frame[frame.queries > 1000].groupby("game").value.mean()
        rows.append(
            pd.DataFrame(
                {
                    "n": 10,
                    "queries": samples,
                    "metric": "floor",
                    "middle": [late.mean()],
                    "low": [late.min()],
                    "high": [late.max()],
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def draw(frame: pd.DataFrame):
    """Draw the three metrics against queries, and the floor that samples leave."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 4, figsize=(11, 3.1), layout="constrained")
    for ax, (metric, label) in zip(axes, METRICS.items(), strict=False):
        handles = []
        for actions, colour in ACTIONS.items():
            here = frame[(frame.n == actions) & (frame.metric == metric)]
            line = {"color": PALETTE[colour], "label": f"n = {actions}"}
            handles.append(draw_spread(ax, here, "queries", **line))
        if metric == "kl_to_equilibrium":
            worst = frame[(frame.metric == "bound") & (frame.n == 10)]
            handles += ax.plot(
                worst.queries, worst.high, ":", color="black", label=r"$(1+2\tau)^{-N/2}$ KL$_0$, n = 10"
            )
            shown = handles
        ax.set(yscale="log", xlabel="preference queries N", title=label)
        ax.set_ylim(bottom=1e-30 if metric != "span" else 1e-16)
    floor = frame[frame.metric == "floor"]
    axes[3].errorbar(
        floor.queries,
        floor.middle,
        yerr=[floor.middle - floor.low, floor.high - floor.middle],
        fmt="o",
        color=PALETTE["purple"],
        capsize=3,
        markersize=4,
    )
    axes[3].plot(
        floor.queries, floor.middle.iloc[0] * floor.queries.iloc[0] / floor.queries, ":", color="black"
    )
    axes[3].set(
        xscale="log",
        yscale="log",
        xlabel="opponents sampled a query",
        title="KL that sampling leaves, n = 10",
    )
    note = f"s = 2τ, τ = {TAU}; medians over games, bands: their range. Dotted on the right: 1/samples."
    legend_below(figure, shown, note)
    return figure


def judge(frame: pd.DataFrame) -> list[Curve]:
    """Hold KL against the theorem's bound for every n, and the other two against its rate."""
    found, proved = [], -np.log1p(2 * TAU) / 2
    for actions in ACTIONS:
        here = frame[frame.n == actions]
        ratio = here[here.metric == "KL/bound"].high.max()
        found.append(
            Curve(
                f"KL, n = {actions}",
                f"largest KL/bound {ratio:.3f}",
                "at most 1 for every n: (1+2τ)^(−N/2)",
                bool(ratio <= 1 + 1e-9),
                ("step", "theorem"),
            )
        )
    for metric, name in (("exploitability", "gap"), ("span", "span")):
        rates = []
        for actions in ACTIONS:
            here = frame[(frame.n == actions) & (frame.metric == metric) & (frame.high > 1e-12)]
            rates.append(np.polyfit(here.queries, np.log(here.high), 1)[0])
        # a span is of the order of the root of a KL
        least = proved if metric == "exploitability" else proved / 2
        said = f"slowest factor a query {np.exp(max(rates)):.4f}"
        stated = f"linear: {np.exp(least):.4f} a query" + ("" if name == "gap" else ", the root of KL's")
        found.append(Curve(name, said, stated, bool(max(rates) <= least), ("step", "theorem")))
    floor = frame[frame.metric == "floor"]
    power = slope(floor.queries, floor.middle)
    said = f"KL that is left falls as samples^{power:.2f}"
    found.append(Curve("approximate version", said, "the paper's approximate steps", None, ("samples",)))
    return found


PAPER = Paper(
    id="nash-mp",
    title=__doc__.partition("\n")[0],
    source="Tiapkin et al., Accelerating Nash Learning from Human Feedback via Mirror Prox, arXiv 2505.19731v1",
    settings=(
        Setting("step", "s = 2τ", "paper"),
        Setting(
            "theorem", "last iterate, any game, any n: KL ≤ (1+2τ)^(−N/2) KL_0; gap and span linear", "paper"
        ),
        Setting(
            "games", "P upper triangle uniform on [0, 1], normal reference logits, n = 10, 100, 1000", "ours"
        ),
        Setting("τ", f"{TAU}", "ours"),
        Setting("samples", "10 to 1000 opponents a query, in place of gradient steps on a network", "ours"),
    ),
    compute=compute,
    draw=draw,
    judge=judge,
    equilibria=lambda: [exact(game(actions, 0)) for actions in ACTIONS],
)

if __name__ == "__main__":
    PAPER.main()
