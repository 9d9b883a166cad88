"""The noise floor of sampled feedback: proportional to the step, inverse to the batch, and gone with a schedule."""

import warnings

import numpy as np
import pandas as pd

from nashsim import StepSizeWarning, games
from nashsim.engine import Feedback, run_many, runs_frame
from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE, bands, legend_below, rule_line
from nashsim.rules import EGPO, INPO, OMD, NashMD

TAU = 0.2
STEPS = (0.003, 0.01, 0.03, 0.1, 0.3)
BATCHES = (1, 4, 16, 64)
KINDS = {"duels": ("o", "solid"), "opponents": ("s", (0, (4, 2)))}
CURVES = {"omd": OMD(step=0.1), "egpo": EGPO(step=0.1), "inpo": INPO(), "nash-md": NashMD()}


def compute(quick: bool) -> pd.DataFrame:
    """Measure the floor over steps and batches, and record whole curves at one setting."""
    game = games.get("rps").replace(tau=TAU, reference=[0.6, 0.3, 0.1])
    seeds = range(4 if quick else 20)
    frames = []
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", StepSizeWarning
        )  # OMD's largest step here lies beyond the linear rate
        for kind in KINDS:
            pairs = [(step, 1) for step in STEPS] + [(0.03, batch) for batch in BATCHES[1:]]
            for step, batch in pairs:
                steps = int((8 if quick else 30) / (step * TAU))
                runs = run_many([game], OMD(step=step), queries=2 * steps, seeds=seeds, record=max(1, steps // 100),
                                metrics=["kl_to_equilibrium"], feedback=Feedback(kind, batch), jobs=2)  # fmt: skip
                floors = [r.metrics["kl_to_equilibrium"][r.step > steps].mean() for r in runs]
                setting = {"kind": kind, "eta": step, "batch": batch, "metric": "floor", "rule": "omd"}
                frames.append(pd.DataFrame({**setting, "seed": seeds, "value": floors}))
        runs = run_many([game], list(CURVES.values()), queries=20_000 if quick else 200_000, seeds=seeds, jobs=2,
                        record=np.geomspace(1, 200_000, 60), metrics=["kl_to_equilibrium"],
                        feedback=Feedback("duels", 1))  # fmt: skip
        frames.append(runs_frame(runs, check=True))
    return pd.concat(frames, ignore_index=True)


def draw(frame: pd.DataFrame):
    """Draw the floor against step and batch, and the curves."""
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9.6, 3.3), sharey=True, layout="constrained")
    floors = frame[frame.metric == "floor"]
    for kind, (marker, dashes) in KINDS.items():
        mine = floors[floors.kind == kind]
        line = {"marker": marker, "linestyle": dashes, "markersize": 4, "color": PALETTE["green"]}
        label = {"duels": "m duels an action", "opponents": "m sampled opponents"}[kind]
        bands(left, mine[mine.batch == 1], x="eta", label=f"OMD, {label}", **line)
        bands(middle, mine[mine.eta == 0.03], x="batch", **line)
    for ax, grid, law in ((left, np.array(STEPS), lambda x: x), (middle, np.array(BATCHES), lambda x: 1 / x)):
        anchor = 2.5 * floors[(floors.eta == 0.03) & (floors.batch == 1)].value.median()
        ax.plot(grid, anchor * law(grid) / law(0.03 if ax is left else 1), "k:", linewidth=1)
    left.set(
        xscale="log",
        yscale="log",
        xlabel="forward step η  (m = 1)",
        ylabel="KL(π* ‖ π)  [nats]",
        title="floor against step",
    )
    middle.set(xscale="log", xlabel="samples m a query  (η = 0.03)", title="floor against batch")
    curves = frame[(frame.metric == "kl_to_equilibrium") & (frame.queries > 0)]
    for rule in CURVES:
        bands(right, curves[curves.rule == rule], **rule_line(rule))
    right.set(
        xscale="log", xlabel="preference queries, one duel an action", title="constant steps and schedules"
    )
    handles = [*left.get_legend_handles_labels()[0], *right.get_legend_handles_labels()[0]]
    handles.append(plt.Line2D([], [], color="black", linestyle=":", label="slopes 1 and −1"))
    seeds = int(floors.seed.nunique())
    note = f"RPS, τ = {TAU:g}, μ = (.6, .3, .1). Median over {seeds} seeds, bands: range. OMD, EGPO: η = 0.1."
    legend_below(figure, handles, note, columns=7)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """The powers of step and batch, and the schedules' advantage."""
    floors = frame[frame.metric == "floor"].groupby(["kind", "eta", "batch"]).value.mean().reset_index()
    found = []
    for kind in KINDS:
        mine = floors[floors.kind == kind]
        small = mine[(mine.batch == 1) & (mine.eta <= 0.1)]
        by_step = np.polyfit(np.log(small.eta), np.log(small.value), 1)[0]
        batches = mine[mine.eta == 0.03]
        by_batch = np.polyfit(np.log(batches.batch), np.log(batches.value), 1)[0]
        found.append(
            Finding(f"{kind}: power of η in the floor", f"{by_step:.2f}", "1 ± 0.15", abs(by_step - 1) < 0.15)
        )
        found.append(
            Finding(
                f"{kind}: power of m in the floor", f"{by_batch:.2f}", "−1 ± 0.15", abs(by_batch + 1) < 0.15
            )
        )
    curves = frame[frame.metric == "kl_to_equilibrium"]
    last = curves[curves.step == curves.groupby("rule").step.transform("max")].groupby("rule").value.median()
    ratio = last["inpo"] / last["omd"]
    found.append(
        Finding("INPO's schedule / OMD's constant step, final KL", f"{ratio:.1e}", "< 0.1", ratio < 0.1)
    )
    return found


EXPERIMENT = Experiment("noise", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
