"""The claims of the package against two searches for their worst games: how tight they are, and whether any breaks.

Long moves, evolution and gradients in turn have the same evaluations as CMA-ES alone, the same draws to start from and
three seeds. It takes half an hour and is no part of ``nashsim reproduce``: ``python experiments/falsification.py``.
The instances themselves are written by ``nashsim verify --falsify SECONDS --out DIR``.
"""

import pandas as pd
from joblib import Parallel, delayed

from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE
from nashsim.theory import CLAIMS, get_claim
from nashsim.theory.falsify import ENGINES, search, search_planted, searchable

#: Of every search by kind of claim, and of the search for the planted violation; seeds of each engine. A rate is read
#: off a run of thousands of steps, and what a search finds of an identity is rounding.
EVALUATIONS, PLANTED, SEEDS = {"bound": 400, "rate": 100, "identity": 100}, 400, (0, 1, 2)
#: How far below CMA-ES the gradients may stay.
BEHIND = 0.005


def compute(quick: bool) -> pd.DataFrame:
    """Search every claim by both engines, and its control, claims side by side; 60 evaluations each if quick."""
    names = [claim.id for claim in CLAIMS if searchable(claim)]
    rows = Parallel(n_jobs=-1)(delayed(_row)(name, quick) for name in names)
    return pd.DataFrame(rows).sort_values("reached", ascending=False, kind="stable", ignore_index=True)


def _row(name: str, quick: bool) -> dict:
    claim = get_claim(name)
    evaluations = 60 if quick else EVALUATIONS[claim.kind]
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


#: Colours of the kinds of claims that have an edge.
KINDS = {"bound": "blue", "rate": "green"}


def best_of(frame: pd.DataFrame, engine: str) -> pd.Series:
    """Return the best of an engine's seeds, of every claim."""
    return frame[[f"{engine}_{seed}" for seed in SEEDS]].max(axis=1)


def draw(frame: pd.DataFrame):
    """Draw how tight every bound and rate was found to be, on an axis of what is missing to 1, and count identities."""
    import matplotlib.pyplot as plt

    rounding = frame[frame.kind == "identity"].reached
    frame = frame[frame.kind != "identity"].iloc[::-1].reset_index(drop=True)
    figure, axes = plt.subplots(figsize=(7.0, 0.165 * len(frame) + 1.5), layout="constrained")
    missing = (1 - frame.reached).clip(lower=1e-5)
    for kind, colour in KINDS.items():
        mine = frame.kind == kind
        axes.hlines(frame.index[mine], missing[mine], 1, color=PALETTE[colour], linewidth=0.7, alpha=0.6)
        axes.scatter(missing[mine], frame.index[mine], color=PALETTE[colour], s=16, label=kind, zorder=3)
    cma = (1 - best_of(frame, "cma")).clip(lower=1e-5)
    axes.scatter(cma, frame.index, marker="|", color=PALETTE["black"], s=30, zorder=4, label="CMA-ES alone")
    axes.set_xscale("log")
    axes.set_xlim(1.0, 7e-6)
    axes.set_xticks([1, 0.1, 0.01, 1e-3, 1e-4, 1e-5], ["0", "0.9", "0.99", "0.999", "0.9999", "≥ 0.99999"])
    axes.minorticks_off()
    axes.set_ylim(-1, len(frame))
    axes.set_yticks(range(len(frame)), frame.id, fontsize=6.5)
    axes.set_xlabel(
        "tightness found: claimed rate / measured rate, or measured / bound (above 1 would break it).\n"
        f"{len(rounding)} identities, not drawn: their errors are at most {rounding.max():.2f} of what rounding may do",
        fontsize=8,
    )
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, fontsize=7)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Say whether a claim that is asserted broke, whether every planted violation was found, and what is tight."""
    asserted = frame[frame.tag != "recalled"]
    broken = asserted[asserted.violated]
    missed = frame[~frame.control_found]
    tight = frame[(frame.kind == "bound") & (frame.tightness > 0.99)]
    gain = best_of(frame, "gradient") - best_of(frame, "cma")
    exact = frame.kind != "identity"
    behind = frame[gain < -BEHIND]
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
            "bounds whose tightness is above 0.99",
            ", ".join(tight.id) or "none",
            "measured, not asserted",
            True,
        ),
        Finding(
            "bounds and rates: gradients less CMA-ES at equal evaluations, best of three seeds, least",
            f"{gain[exact].min():+.5f}",
            f">= -{BEHIND}",
            bool(gain[exact].min() >= -BEHIND),
        ),
        Finding(
            "identities, whose ratio is rounding: gradients less CMA-ES, least and median",
            f"{gain[~exact].min():+.5f}, {gain[~exact].median():+.5f}",
            "measured, not asserted",
            True,
        ),
        Finding(
            f"claims on which gradients stay more than {BEHIND} behind CMA-ES",
            ", ".join(behind.id) or "none",
            "none",
            behind.empty,
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
    "How tight a search finds every claim, by gradients and by CMA-ES",
    compute,
    draw,
    findings,
)

if __name__ == "__main__":
    EXPERIMENT.main()
