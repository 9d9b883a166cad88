"""The claims of the package against two searches for their worst games: how tight they are, and whether any breaks.

Gradients through the compiled engine and CMA-ES (extra ``cma``) have the same evaluations, the same draws to start from
and three seeds. It takes half an hour and is no part of ``nashsim reproduce``: ``python experiments/falsification.py``.
The instances themselves are written by ``nashsim verify --falsify SECONDS --out DIR``.
"""

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE
from nashsim.theory import CLAIMS, get_claim
from nashsim.theory.falsify import ENGINES, search, search_planted, searchable

#: Of every search, and of the search for the planted violation; seeds of each engine.
EVALUATIONS, PLANTED, SEEDS = 400, 400, (0, 1, 2)
#: How far below CMA-ES the gradients may stay.
BEHIND = 0.005


def compute(quick: bool) -> pd.DataFrame:
    """Search every claim by both engines, and its control, claims side by side; 60 evaluations each if quick."""
    names = [claim.id for claim in CLAIMS if searchable(claim)]
    rows = Parallel(n_jobs=-1)(delayed(_row)(name, 60 if quick else EVALUATIONS) for name in names)
    return pd.DataFrame(rows).sort_values("reached", ascending=False, kind="stable", ignore_index=True)


def _row(name: str, evaluations: int) -> dict:
    claim = get_claim(name)
    found = {
        (engine, seed): search(claim, evaluations=evaluations, seed=seed, engine=engine)
        for engine in ENGINES
        for seed in SEEDS
    }
    worst = max(found.values(), key=lambda one: one.reached)
    planted = search_planted(claim, evaluations=PLANTED)
    return {
        "id": claim.id,
        "tag": claim.tag,
        "kind": claim.kind,
        "worst_ratio": worst.ratio,
        "tightness": worst.tightness,
        "reached": worst.reached,
        "violated": any(one.violated for one in found.values()),
        **{f"{engine}_{seed}": one.reached for (engine, seed), one in found.items()},
        "evaluations": sum(one.evaluations for one in found.values()),
        "unsolved": sum(one.unsolved for one in found.values()),
        "actions": worst.instance.actions,
        "tau": worst.instance.tau,
        "step": worst.instance.step,
        "control": claim.control.name,
        "control_found": planted.violated,
        "control_ratio": planted.ratio,
        "control_evaluations": planted.evaluations,
    }


def draw(frame: pd.DataFrame):
    """Draw the worst ratio of every claim on a log axis; 1 is a violation's edge."""
    import matplotlib.pyplot as plt

    frame = frame.iloc[::-1].reset_index(drop=True)
    figure, axes = plt.subplots(figsize=(7.0, 0.17 * len(frame) + 0.9), layout="constrained")
    colours = {"bound": PALETTE["blue"], "rate": PALETTE["green"], "identity": PALETTE["orange"]}
    words = {"bound": "bound", "rate": "rate", "identity": "identity, against its rounding"}
    for kind, part in frame.groupby("kind"):
        shown = part.worst_ratio.clip(lower=1e-4, upper=10)
        axes.scatter(shown, part.index, color=colours[kind], s=16, label=words[kind], zorder=3)
        axes.hlines(part.index, 1e-4, shown, color=colours[kind], linewidth=0.7, alpha=0.6)
    axes.axvline(1, color=PALETTE["vermilion"], linestyle="--", linewidth=1.2)
    axes.set_xscale("log")
    axes.set_xlim(1e-4, 12)
    axes.set_ylim(-1, len(frame))
    axes.set_yticks(range(len(frame)), frame.id, fontsize=6.5)
    axes.set_xlabel("worst measured/bound found")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, fontsize=7)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Say whether a claim that is asserted broke, whether every planted violation was found, and what is tight."""
    asserted = frame[frame.tag != "recalled"]
    broken = asserted[asserted.violated]
    missed = frame[~frame.control_found]
    bounds = frame[(frame.kind == "bound") & ~frame.violated]
    tight = bounds[bounds.worst_ratio > 0.99]
    total = int(frame.evaluations.sum() + frame.control_evaluations.sum())
    said = [
        Finding(
            f"claims that a search of {total} instances breaks, of {len(asserted)} asserted",
            ", ".join(broken.id) or "none",
            "none",
            broken.empty,
        ),
        Finding(
            "planted violations found from random starts",
            f"{len(frame) - len(missed)} of {len(frame)}"
            + ("; not " * bool(len(missed)))
            + ", ".join(missed.id),
            "all",
            missed.empty,
        ),
        Finding(
            "bounds that are reached to 1 %", ", ".join(tight.id) or "none", "measured, not asserted", True
        ),
        Finding(
            "median worst measured/bound of the bounds",
            f"{np.median(bounds.worst_ratio):.3g}",
            "at most 1",
            bool(np.median(bounds.worst_ratio) <= 1),
        ),
    ]
    recalled = frame[frame.tag == "recalled"]
    said += [
        Finding(f"{row.id} (recalled)", f"worst ratio {row.worst_ratio:.3g}", "measured, not asserted", True)
        for row in recalled.itertuples()
    ]
    return said


EXPERIMENT = Experiment(
    "falsification",
    "The worst measured/bound of every claim that a search finds",
    compute,
    draw,
    findings,
)

if __name__ == "__main__":
    EXPERIMENT.main()
