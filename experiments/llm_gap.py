"""A transformer's exact duality gap against preference queries, with the tabular run of the same rule beside it."""

import pandas as pd

from nashsim.engine import run, runs_frame
from nashsim.plots import PALETTE, Experiment, Finding, legend_below
from nashsim.rules import get_rule

TAU = 0.1
RULES = ("nash-md", "inpo", "omd", "egpo")
COLOURS = ("blue", "orange", "green", "vermilion")


def compute(quick: bool) -> pd.DataFrame:
    """Train the enumerable language model by each rule, and run the rule on the exact game of its classes."""
    import torch

    from llm_bridge.tasks import EnumerableTask
    from llm_bridge.trainer import Settings, train

    torch.set_num_threads(1)
    task = EnumerableTask(vocabulary=5, length=2, tau=TAU)
    with torch.no_grad():
        reference = task.log_probs(task.build_model()).double().log_softmax(-1).numpy()
    game = task.measure_against(reference).game.game
    queries = 8 if quick else 40
    frames = []
    for rule in RULES:
        trained = train(task, rule, queries=queries, settings=Settings(fit_steps=40 if quick else 60))
        frames.append(trained.frame().assign(executor="language model"))
        twin = run(game, get_rule(rule), queries=queries, record=1)
        frames.append(runs_frame([twin], check=True).assign(executor="tabular"))
    return pd.concat(frames, ignore_index=True)


def draw(frame: pd.DataFrame):
    """Draw a panel a rule: the language model's gap over the tabular one."""
    import matplotlib.pyplot as plt

    gaps = frame[frame.metric == "duality_gap"]
    figure, axes = plt.subplots(1, len(RULES), figsize=(8.4, 2.9), sharey=True, layout="constrained")
    for ax, rule, colour in zip(axes, RULES, COLOURS, strict=True):
        here = gaps[gaps.rule == rule]
        twin, model = (here[here.executor == e] for e in ("tabular", "language model"))
        ax.plot(twin.queries, twin.value.clip(lower=1e-6), "--", color="black", linewidth=0.9, zorder=3)
        ax.plot(model.queries, model.value, color=PALETTE[colour], linewidth=1.6)
        ax.axhline(0.1 * model.value.iloc[0], color="grey", linewidth=0.6, linestyle=":")
        ax.set(yscale="log", title=rule, xlabel="preference queries")
        ax.grid(linewidth=0.3)
    axes[0].set(ylabel="exact duality gap", ylim=(5e-6, 1))
    handles = [
        plt.Line2D(
            [], [], color="black", linewidth=1.6, label="transformer, every response enumerated (coloured)"
        ),
        plt.Line2D([], [], color="black", linestyle="--", label="tabular run of the same rule"),
        plt.Line2D([], [], color="grey", linestyle=":", label="a tenth of the reference's gap"),
    ]
    legend_below(figure, handles)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """The transformer ends where the tabular run does, up to a tenth of the gap that both began with."""
    gaps = frame[frame.metric == "duality_gap"].groupby(["rule", "executor"], sort=False).value
    first, last = gaps.first(), gaps.last()
    found = []
    for rule in RULES:
        start, model, twin = (
            first[rule, "language model"],
            last[rule, "language model"],
            last[rule, "tabular"],
        )
        found.append(
            Finding(
                rule,
                f"gap {model:.2g}, {model / start:.1%} of the reference's",
                f"within 10% of the reference's gap of the tabular {twin:.2g}",
                abs(model - twin) < 0.1 * start,
            )
        )
    return found


EXPERIMENT = Experiment("llm-gap", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
