"""Which solution obeys which axiom: the largest violation that a search finds, with the game that shows it."""

import json

import numpy as np
import pandas as pd

from nashsim.equilibrium import solve_cvxpy, solve_newton
from nashsim.figures import Experiment, Finding
from nashsim.solutions import axioms
from nashsim.solutions.axiomatic import ROUNDING

#: Axioms that a solution is known, or proved in a line, to obey, and to break: a search that says otherwise is wrong.
OBEYED = {
    "lottery": ("condorcet", "condorcet-mode", "smith", "clones", "pareto", "pareto-order"),
    "copeland": ("condorcet", "smith", "monotonicity"),
    "borda": ("monotonicity", "pareto"),
    "minimax": ("condorcet", "monotonicity"),
}
BROKEN = {
    "lottery": ("monotonicity", "strategy-proofness"),
    "copeland": ("clones", "strategy-proofness"),
    "borda": ("condorcet", "smith", "clones", "strategy-proofness"),
    "minimax": ("smith", "strategy-proofness"),
    "rlhf": ("condorcet", "condorcet-mode", "smith"),
}


def compute(quick: bool) -> pd.DataFrame:
    """Search every axiom of every solution; hold the equilibria of the games that are found against CVXPY."""
    table = axioms(evaluations=15 if quick else 200)
    said = table.to_dict()["solutions"]
    rows = [
        {
            "solution": solution, "axiom": axiom, "metric": "violation", "value": one["violation"], "tau": table.tau,
            "evaluations": table.evaluations, "said": one.get("said", ""),
            "game": json.dumps(one["game"]) if "game" in one else "",
            "changed": json.dumps(one["changed"]) if "changed" in one else "",
        }
        for solution, by_axiom in said.items()
        for axiom, one in by_axiom.items()
    ]  # fmt: skip
    for (axiom, solution), one in table.worst.items():
        if solution == "nash":
            apart = np.abs(solve_cvxpy(one.game).probabilities - solve_newton(one.game).probabilities).sum()
            rows.append({"solution": solution, "axiom": axiom, "metric": "cvxpy_distance", "value": apart})
    return pd.DataFrame(rows)


def draw(frame: pd.DataFrame):
    """Draw the table: colour by the size of the largest violation, blank where none was found."""
    import matplotlib.pyplot as plt

    found = frame[frame.metric == "violation"]
    names, columns = (list(dict.fromkeys(found[key])) for key in ("solution", "axiom"))
    sizes = found.pivot(index="solution", columns="axiom", values="value").loc[names, columns].to_numpy()
    figure, ax = plt.subplots(figsize=(7.6, 4.2), layout="constrained")
    image = ax.imshow(np.where(sizes > ROUNDING, sizes, np.nan), cmap="OrRd", vmin=0, vmax=1, aspect="auto")
    for (i, j), size in np.ndenumerate(sizes):
        text = "–" if size <= ROUNDING else f"{size:.2f}" if size >= 0.005 else f"{size:.0e}"
        ax.text(j, i, text, ha="center", va="center", color="white" if size > 0.6 else "black", fontsize=8)
    ax.set_xticks(range(len(columns)), columns, rotation=30, ha="right")
    ax.set_yticks(range(len(names)), names)
    ax.grid(False)
    tau, count = found.tau.iloc[0], int(found.evaluations.iloc[0])
    ax.set_title(f"–: no counterexample among {count} instances; τ = {tau:g} where there is one", fontsize=9)
    figure.colorbar(image, ax=ax, label="largest violation found")
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """The search agrees with what is known, and finds every solution manipulable."""
    sizes = frame[frame.metric == "violation"].set_index(["solution", "axiom"]).value
    found = []
    for name, obeyed in OBEYED.items():
        most = max(sizes[name, axiom] for axiom in obeyed)
        found.append(
            Finding(f"{name}: {', '.join(obeyed)}", f"{most:.1e}", "obeyed: rounding", most <= ROUNDING)
        )
    for name, broken in BROKEN.items():
        least = min(sizes[name, axiom] for axiom in broken)
        found.append(Finding(f"{name}: {', '.join(broken)}", f"{least:.3f}", "broken", least > 1e-3))
    gains = sizes.xs("strategy-proofness", level="axiom")
    what = "solutions that a user gains from misreporting to"
    found.append(Finding(what, f"{(gains > 1e-6).sum()} of {len(gains)}", "all", bool((gains > 1e-6).all())))
    return found


EXPERIMENT = Experiment("axioms", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
