"""Class masses of a transformer on their way to the exact Nash, with the tabular path of the same rule beside it."""

import numpy as np
import pandas as pd

from nashsim.engine import check_runs, run
from nashsim.figures import Experiment, Finding
from nashsim.plots import draw_simplex, legend_below, rule_line, to_plane
from nashsim.rules import get_rule

TAU = 0.1
#: Of the weights, chosen for a reference that is far from the Nash.
SEED = 0
STYLES = ["rock", "paper", "scissors"]
QUERIES = 40
#: Each rule's printed name.
PANELS = {"nash-md": "Nash-MD", "inpo": "INPO", "omd": "OMD, largest step", "egpo": "EGPO, two calls"}


def compute(quick: bool) -> pd.DataFrame:
    """Train the enumerable language model by each rule, and run the rule on the exact game of its classes."""
    import torch

    from llm_bridge.tasks import EnumerableTask
    from llm_bridge.trainer import Settings, get_algorithm, train

    torch.set_num_threads(1)
    task = EnumerableTask(vocabulary=4, length=3, prompts=((2, 1),), tau=TAU, seed=SEED)
    with torch.no_grad():
        reference = task.log_probs(task.build_model()).double().log_softmax(-1).numpy()
    game = task.measure_against(reference).game.game
    rows = []
    for name in PANELS:
        rule, queries = get_rule(name), 16 if quick else QUERIES
        trained = train(
            # EGPO's own algorithm takes gradients of its steps; here they are fitted like the others.
            task,
            get_algorithm(rule, **({"gradient": False} if name == "egpo" else {})),
            queries=queries,
            settings=Settings(fit_steps=20 if quick else 40, lr=6e-3),
        )
        wanted = [f"mass {c}" for c in task.names] + ["duality_gap"]
        rows += [
            (name, "transformer", record["queries"], metric, record[metric])
            for record in trained.records
            for metric in wanted
        ]
        rows += [
            (name, "equilibrium", 0, f"mass {c}", mass)
            for c, mass in zip(task.names, trained.equilibrium_masses, strict=True)
        ]
        twin = run(game, rule, queries=queries, record=1, keep_policies=True, metrics=["duality_gap"])
        masses = np.exp(twin.log_policies[:, 0])
        for c, column in zip(task.names, masses.T, strict=True):
            rows += [(name, "tabular", q, f"mass {c}", m) for q, m in zip(twin.queries, column, strict=True)]
        gaps = zip(twin.queries, twin.metrics["duality_gap"], strict=True)
        rows += [(name, "tabular", q, "duality_gap", gap) for q, gap in gaps]
        [check] = check_runs([twin])
        rows.append((name, "tabular", queries, "cvxpy_distance", check.distance))
    frame = pd.DataFrame(rows, columns=["rule", "executor", "queries", "metric", "value"])
    return frame.assign(value=[float(f"{value:.6g}") for value in frame.value])


def masses(frame: pd.DataFrame, rule: str, executor: str) -> np.ndarray:
    """Return the masses of the three styles, in shares of what they have together, shape (records, 3)."""
    here = frame[(frame.rule == rule) & (frame.executor == executor)]
    wide = here.pivot_table(index="queries", columns="metric", values="value", sort=True)
    styles = wide[[f"mass {c}" for c in STYLES]].dropna().to_numpy()
    return styles / styles.sum(axis=1, keepdims=True)


def draw(frame: pd.DataFrame):
    """Draw a simplex a rule: the transformer's path over the tabular one."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(6.8, 6.6), layout="constrained")
    figure.get_layout_engine().set(hspace=0.08)
    for ax, (rule, title) in zip(axes.flat, PANELS.items(), strict=True):
        draw_simplex(ax, STYLES)
        model, twin, star = (
            to_plane(masses(frame, rule, who)) for who in ("transformer", "tabular", "equilibrium")
        )
        ax.plot(*model.T, "o-", color=rule_line(rule)["color"], linewidth=1.8, markersize=3.4, zorder=2)
        ax.plot(*twin.T, "--", color="black", linewidth=0.9, zorder=3)
        ax.plot(*model[0], "o", color="white", markeredgecolor="black", markersize=6, zorder=4)
        ax.plot(*star[0], "*", color="white", markeredgecolor="black", markersize=12, zorder=5)
        gap = frame[
            (frame.rule == rule) & (frame.executor == "transformer") & (frame.metric == "duality_gap")
        ]
        ax.set_title(f"{title}\nduality gap {gap.value.iloc[0]:.2f} to {gap.value.iloc[-1]:.1e}")
    handles = [
        plt.Line2D([], [], color="grey", marker="o", markersize=3.4, linewidth=1.8, label="transformer (coloured)"),
        plt.Line2D([], [], color="black", linestyle="--", label="tabular run of the same rule"),
        plt.Line2D([], [], color="none", marker="o", markerfacecolor="white", markeredgecolor="black", label="start"),
        plt.Line2D([], [], color="none", marker="*", markersize=11, markerfacecolor="white",
                   markeredgecolor="black", label="exact Nash"),
    ]  # fmt: skip
    legend_below(figure, handles, "Shares of the three styles in what they have together; a mark a record.")
    figure.suptitle(f"Class masses of a language model, every response enumerated, τ = {TAU:g}", fontsize=10)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """The transformer's masses stay beside the tabular ones all the way, and the gap falls."""
    found = []
    for rule in PANELS:
        model, twin = (masses(frame, rule, who) for who in ("transformer", "tabular"))
        apart = 0.5 * np.abs(model - twin).sum(axis=1).max()
        gaps = frame[
            (frame.rule == rule) & (frame.executor == "transformer") & (frame.metric == "duality_gap")
        ]
        says = (
            f"total variation at most {apart:.3f}, gap {gaps.value.iloc[0]:.2g} to {gaps.value.iloc[-1]:.2g}"
        )
        holds = bool(apart < 0.1 and gaps.value.iloc[-1] < gaps.value.iloc[0])
        found.append(Finding(rule, says, "within 0.1 of the tabular path, the gap falls", holds))
    return found


EXPERIMENT = Experiment("llm-simplex", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
