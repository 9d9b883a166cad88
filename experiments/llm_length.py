"""What KL regularisation does to response length under a judge that likes length: exact Nash, and transformers."""

import numpy as np
import pandas as pd

from nashsim.engine import check_runs, run
from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE, legend_below
from nashsim.rules import get_rule

RULE = "nash-md"
LONGEST = 4
SLOPES = {0.25: "sky", 1.0: "blue", 4.0: "purple"}
#: The slope at which transformers are trained.
TRAINED = 1.0
TAUS = (0.05, 0.12, 0.3, 1.0)


def compute(quick: bool) -> pd.DataFrame:
    """Solve for the Nash on a grid of tau, and train the model at a few; the tabular twin of each is held to CVXPY."""
    import torch

    from llm_bridge.tasks import LengthTask
    from llm_bridge.trainer import Settings, train

    torch.set_num_threads(1)
    with torch.no_grad():
        task = make(LengthTask, 1.0, TRAINED)
        reference = task.log_probs(task.build_model()).double().log_softmax(-1).numpy()
    rows = []
    for slope in SLOPES:
        for tau in np.geomspace(0.02, 5, 9 if quick else 41):
            measure = make(LengthTask, tau, slope).measure_against(reference)
            rows.append((slope, tau, "exact", 0, "expected_length", measure.equilibrium_length))
    rows.append((TRAINED, np.nan, "reference", 0, "expected_length", measure.expected_length(reference)))
    rule, settings = get_rule(RULE), Settings(fit_steps=30 if quick else 50, lr=6e-3)
    for tau in TAUS[1::2] if quick else TAUS:
        task = make(LengthTask, float(tau), TRAINED)
        queries = 4 if quick else 10
        trained = train(task, rule, queries=queries, settings=settings)
        rows += [
            (TRAINED, tau, "transformer", record["queries"], metric, record[metric])
            for record in trained.records
            for metric in ("expected_length", "duality_gap")
        ]
        game = task.measure_against(reference).game.game
        twin = run(game, rule, queries=queries, record=1, keep_policies=True)
        [check] = check_runs([twin])
        lengths = np.exp(twin.log_policies).mean(1) @ np.arange(1, LONGEST + 1)
        rows += [
            (TRAINED, tau, "tabular", q, "expected_length", value)
            for q, value in zip(twin.queries, lengths, strict=True)
        ]
        rows.append((TRAINED, tau, "tabular", queries, "cvxpy_distance", check.distance))
    frame = pd.DataFrame(rows, columns=["slope", "tau", "executor", "queries", "metric", "value"])
    return frame.assign(value=[float(f"{value:.6g}") for value in frame.value])


def make(kind, tau: float, slope: float):
    """Return the task of this figure."""
    return kind(vocabulary=4, length=LONGEST, prompts=((1, 2), (3, 1)), tau=tau, slope=slope)


def draw(frame: pd.DataFrame):
    """Draw expected length against tau, and on its way there."""
    import matplotlib.pyplot as plt

    lengths = frame[frame.metric == "expected_length"]
    reference = lengths[lengths.executor == "reference"].value.item()
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(7.6, 3.4), layout="constrained", gridspec_kw={"width_ratios": (1.25, 1)}, sharey=True
    )
    for slope, colour in SLOPES.items():
        exact = lengths[(lengths.executor == "exact") & (lengths.slope == slope)]
        left.plot(
            exact.tau, exact.value, color=PALETTE[colour], label=f"exact Nash, {slope:g} log-odds a token"
        )
    trained = lengths[lengths.executor == "transformer"]
    last = trained.groupby("tau").last()
    left.plot(
        last.index,
        last.value,
        "o",
        color=PALETTE["vermilion"],
        markersize=6,
        markeredgecolor="white",
        zorder=4,
    )
    for ax in (left, right):
        ax.axhline(reference, color="grey", linestyle=":", linewidth=1)
        ax.axhline(LONGEST, color="grey", linestyle=":", linewidth=1)
        ax.grid(linewidth=0.3)
    note = {
        "xytext": (0, -11),
        "textcoords": "offset points",
        "ha": "right",
        "color": "dimgrey",
        "fontsize": 8,
    }
    left.annotate("reference", (5, reference), **note)
    left.annotate("longest response", (5, LONGEST), **note)
    left.set(
        ylim=(2.0, LONGEST + 0.1),
        xscale="log",
        xlabel="KL regularisation τ",
        ylabel="expected response length (tokens)",
        title="at the equilibrium",
    )
    for tau, model in trained.groupby("tau"):
        twin = lengths[(lengths.executor == "tabular") & (lengths.tau == tau)]
        right.plot(twin.queries, twin.value, "--", color="black", linewidth=0.9, zorder=3)
        right.plot(
            model.queries, model.value, "o-", color=PALETTE["vermilion"], markersize=3.5, linewidth=1.4
        )
        right.annotate(
            f"τ = {tau:g}",
            (twin.queries.max(), twin.value.iloc[-1]),
            xytext=(5, -10 if tau == min(TAUS) else -3),
            textcoords="offset points",
            fontsize=8,
        )
    right.set(xlabel="preference queries", title="on the way there, by Nash-MD")
    right.set_xlim(-0.5, 12.6)
    right.set_xticks(range(0, 11, 2))
    handles = [
        plt.Line2D([], [], color=PALETTE[c], label=f"exact Nash, {s:g} log-odds a token")
        for s, c in SLOPES.items()
    ] + [
        plt.Line2D(
            [],
            [],
            color=PALETTE["vermilion"],
            marker="o",
            markersize=5,
            label=f"transformer, {TRAINED:g} log-odds a token",
        ),
        plt.Line2D([], [], color="black", linestyle="--", label="tabular run of the same rule"),
    ]
    legend_below(figure, handles, columns=3)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Less regularisation, longer responses; the transformers write as long as their tabular twins."""
    lengths = frame[frame.metric == "expected_length"]
    reference = lengths[lengths.executor == "reference"].value.item()
    found = []
    for slope in SLOPES:
        exact = lengths[(lengths.executor == "exact") & (lengths.slope == slope)].value.to_numpy()
        holds = bool((np.diff(exact) <= 1e-6).all() and exact[-1] > reference)
        says = f"{exact[0]:.3g} tokens at the least τ, {exact[-1]:.3g} at the largest, {reference:.3g} the reference"
        found.append(Finding(f"slope {slope:g}", says, "falls with τ, stays above the reference", holds))
    for tau, model in lengths[lengths.executor == "transformer"].groupby("tau"):
        twin = lengths[(lengths.executor == "tabular") & (lengths.tau == tau)].value.iloc[-1]
        off = abs(model.value.iloc[-1] - twin)
        says = f"{model.value.iloc[-1]:.3f} tokens, tabular {twin:.3f}"
        found.append(Finding(f"transformer, τ = {tau:g}", says, "apart by < 0.1 tokens", bool(off < 0.1)))
    return found


EXPERIMENT = Experiment("llm-length", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
