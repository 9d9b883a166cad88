"""A transformer's exact duality gap against preference queries, every method, beside the tabular run of its rule."""

import pandas as pd

from nashsim.engine import run, runs_frame
from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE, legend_below

TAU = 0.1
#: Rows of the figure: what a row shows, its colour, the metric drawn, and each method's queries.
ROWS = {
    "mirror steps, fitted": (
        "blue",
        "duality_gap",
        {"nash-md": 24, "nash-mp": 24, "nash-prox": 40, "inpo": 24, "enpo": 24},
    ),
    "policy gradient; EGPO": (
        "orange",
        "duality_gap",
        {"nash-md-pg": 200, "nash-ema-pg": 200, "nash-mp-pg": 360, "nash-prox-pg": 160, "egpo": 200},
    ),
    "online IPO; baselines": (
        "green",
        "duality_gap",
        {"online-ipo": 200, "ipo-md": 200, "xpo": 12, "dpo": 12, "kto": 12},
    ),
    "average iterate": (
        "vermilion",
        "average_unregularised_gap",
        {"sppo": 30, "dno": 30, "dno-prct": 30, "mnpo": 30, "comal": 30},
    ),
}
#: Parameters where the default is too slow to show in so few queries: all are the rules' own.
PARAMETERS = {
    "nash-prox": {"inner": 4},
    "comal": {"inner": 6},
    "sppo": {"step": 1.0},
    "dno": {"eta_inverse": 1.0},
    "mnpo": {"step": 1.0},
}
#: They fit a reward to preferences, and so cannot reach the Nash of a cycle.
BASELINES = ("xpo", "dpo", "kto")
LABELS = {"duality_gap": "exact duality gap", "average_unregularised_gap": "its unregularised gap"}
#: Methods and queries of a quick look.
QUICK = {"nash-md": 6, "dpo": 6, "comal": 6}
#: Last bits of exponentials and matrix products differ between processors; a file of six figures does not.
FIGURES = 6


def methods() -> dict[str, tuple[str, int]]:
    """The metric and the queries of every method."""
    return {
        name: (metric, queries) for _, metric, budgets in ROWS.values() for name, queries in budgets.items()
    }


def one(name: str, metric: str, queries: int) -> pd.DataFrame:
    """Train the enumerable language model by a method, and run its rule on the exact game of its classes."""
    import torch

    from llm_bridge.algorithms import get_algorithm
    from llm_bridge.tasks import EnumerableTask
    from llm_bridge.tasks.exact import train

    torch.set_num_threads(1)
    task = EnumerableTask(vocabulary=5, length=2, tau=TAU)
    with torch.no_grad():
        reference = task.log_probs(task.build_model()).double().log_softmax(-1).numpy()
    game = task.measure_against(reference).game.game
    trained = train(task, get_algorithm(name, **PARAMETERS.get(name, {})), queries=queries)
    frames = [trained.frame().assign(executor="language model")]
    twin = run(
        game, trained.trainer.algorithm.rule, queries=queries, record=1, metrics=["duality_gap", metric]
    )
    frames.append(runs_frame([twin], check=True).assign(executor="tabular", rule=name))
    frame = pd.concat(frames, ignore_index=True)
    return frame[frame.metric.isin([metric, "cvxpy_distance"])]


def compute(quick: bool) -> pd.DataFrame:
    """Run every method in turn: other figures are drawn beside this one, and torch's seeds are a process's own."""
    every = methods()
    names = QUICK if quick else tuple(every)
    frames = {name: one(name, every[name][0], QUICK[name] if quick else every[name][1]) for name in names}
    frame = pd.concat([frames[name] for name in names], ignore_index=True)
    return frame.assign(value=[float(f"{value:.{FIGURES}g}") for value in frame.value])


def draw(frame: pd.DataFrame):
    """Draw a panel a method: the language model's gap over the tabular one."""
    import matplotlib.pyplot as plt

    columns = max(len(budgets) for _, _, budgets in ROWS.values())
    figure, grid = plt.subplots(
        len(ROWS), columns, figsize=(8.4, 7.4), sharey="row", layout="constrained", squeeze=False
    )
    for axes, (title, (colour, metric, budgets)) in zip(grid, ROWS.items(), strict=True):
        for ax, name in zip(axes, budgets, strict=True):
            here = frame[(frame.rule == name) & (frame.metric == metric)]
            if here.empty:
                ax.set_visible(False)
                continue
            twin, model = (here[here.executor == e] for e in ("tabular", "language model"))
            ax.plot(
                model.queries,
                model.value,
                color=PALETTE[colour],
                linewidth=1.8 if model.queries.max() < 100 else 1.0,
            )
            ax.plot(twin.queries, twin.value.clip(lower=1e-6), color="black", linewidth=0.9, dashes=(4, 2))
            if metric == "duality_gap":
                ax.axhline(0.1 * model.value.iloc[0], color="grey", linewidth=0.7, linestyle=":")
            ax.set(yscale="log", xlim=(0, model.queries.max()))
            given = ", ".join(f"{k} {v:g}" for k, v in PARAMETERS.get(name, {}).items()).replace("_", " ")
            ax.set_title(f"{name} ({given})" if given else name, fontsize=8 if given else 8.5)
            ax.grid(linewidth=0.3)
        low = 1e-4 if metric == "duality_gap" else 0.03
        axes[0].set_ylim(low, 1.2)
        axes[0].set_ylabel(f"{title}\n{LABELS[metric]}", fontsize=7.5)
    for ax in grid[-1]:
        ax.set_xlabel("preference queries")
    handles = [
        plt.Line2D([], [], color="#444444", linewidth=1.8, label="transformer, in its row's colour"),
        plt.Line2D([], [], color="black", linewidth=0.9, dashes=(4, 2), label="tabular run of the rule"),
        plt.Line2D([], [], color="grey", linestyle=":", label="a tenth of the reference's gap"),
    ]
    note = "xpo, dpo and kto follow a reward: beside them the best response to the reference"
    legend_below(figure, handles, note, columns=3)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Every last-iterate rule closes the gap; fits stay by their tabular run; a reward does not get there."""
    gaps = frame[frame.metric != "cvxpy_distance"]
    values = gaps.groupby(["rule", "executor"], sort=False).value
    first, last = values.first(), values.last()
    found = []
    for title, (_, metric, budgets) in ROWS.items():
        for name in [name for name in budgets if name in set(gaps.rule)]:
            start, model = first[name, "language model"], last[name, "language model"]
            twin = last[name, "tabular"]
            measured = f"gap {model:.2g}, {model / start:.1%} of the reference's"
            if name in BASELINES:
                expected, holds = "above half of the reference's", model > 0.5 * start
            elif metric != "duality_gap":
                expected = f"at most 10% of the reference's gap above the tabular {twin:.2g}"
                holds = model < twin + 0.1 * start
            elif title.startswith("mirror"):
                expected = f"within 10% of the reference's gap of the tabular {twin:.2g}"
                holds = abs(model - twin) < 0.1 * start
            else:
                expected, holds = "below 10% of the reference's", model < 0.1 * start
            found.append(Finding(name, measured, expected, bool(holds)))
    return found


EXPERIMENT = Experiment("llm-gap", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
