"""What attention a contract buys from strategic annotators, and what the labels then show of the game."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.equilibrium import solve_cvxpy, solve_newton
from nashsim.figures import Experiment, Finding
from nashsim.online import Consistency, Duels, Linear, Threshold, golden_questions, observed
from nashsim.plots import PALETTE, legend_below

#: Labels a contract asks for, golden or repeated questions among them, and the cost of full attention, twice.
WORK = {"labels": 200, "questions": 20, "cost": 0.4}
CONTRACTS = {
    "linear": (Linear, "linear in golden questions", "blue"),
    "threshold": (lambda bonus: Threshold(bonus, 0.8), "threshold: 16 of 20 golden right", "orange"),
    "strict": (lambda bonus: Threshold(bonus, 0.95), "threshold: 19 of 20 golden right", "vermilion"),
    "consistency": (Consistency, "consistency, asked twice in swapped order", "green"),
}
TAU = 0.1


def compute(quick: bool) -> pd.DataFrame:
    """Find the best effort at every bonus, and check it by golden questions of simulated annotators."""
    sure = games.get("hard-b").replace(tau=TAU)
    game = games.get("biased-rps").replace(tau=TAU)
    rows = []
    for name, (contract, *_) in CONTRACTS.items():
        for bonus in np.linspace(0, 120, 25 if quick else 121):
            effort = contract(bonus).best_effort(**WORK)
            row = {"contract": name, "bonus": bonus}
            rows += [
                {**row, "metric": metric, "value": getattr(effort, metric)}
                for metric in ("attention", "pay", "profit")
            ]
            if bonus in (60.0, 120.0) and effort.attention > 0:
                asked = 2000
                duels = Duels(sure, seed=int(bonus), attention=effort.attention)
                seen = golden_questions(duels.duel(np.ones(asked, int), 0), np.ones(asked))
                rows.append(
                    {
                        **row,
                        "metric": "golden_error",
                        "value": (seen.estimate - effort.attention) / max(seen.standard_error, 1 / asked),
                    }
                )
                labels = observed(game, effort.attention).replace(tau=TAU * effort.attention)
                apart = np.abs(solve_cvxpy(labels).probabilities - solve_newton(game).probabilities).sum()
                rows.append({**row, "metric": "cvxpy_distance", "value": apart})
    return pd.DataFrame(rows)


def _curve(frame, name, metric):
    mine = frame[(frame.contract == name) & (frame.metric == metric)]
    return mine.bonus.to_numpy(), mine.value.to_numpy()


def draw(frame: pd.DataFrame):
    """Draw effort against the bonus, and what an effective label costs."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(8.8, 3.9), layout="constrained")
    for name, (_, label, colour) in CONTRACTS.items():
        bonus, attention = _curve(frame, name, "attention")
        line = {"color": PALETTE[colour], "label": label}
        left.plot(bonus, attention, **line)
        _, pay = _curve(frame, name, "pay")
        effective = WORK["labels"] * attention**2
        with np.errstate(divide="ignore", invalid="ignore"):
            right.plot(
                attention, np.where(attention > 0.02, pay / effective, np.nan), ".", markersize=4, **line
            )
    left.set(xlabel="bonus", ylabel="attention θ that pays best", ylim=(-0.03, 1.05))
    right.set(xlabel="attention θ", ylabel="pay per effective label (a label is θ²)", yscale="log")
    note = f"{WORK['labels']} labels, {WORK['questions']} checks, cost {WORK['cost']} θ²/2 a label."
    legend_below(figure, left.get_legend_handles_labels()[0], note, columns=2)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Closed forms of two contracts, the jump of the others, and what golden questions see of it."""
    bonus, attention = _curve(frame, "linear", "attention")
    off = np.abs(attention - np.minimum(bonus / (WORK["labels"] * WORK["cost"]), 1)).max()
    found = [
        Finding(
            "linear: distance from min(1, bonus/(labels cost))",
            f"{off:.1e}",
            "≤ 1e-6",
            off <= 1e-6,
        )
    ]
    bonus, attention = _curve(frame, "consistency", "attention")
    exact = bool((attention == (bonus >= WORK["labels"] * WORK["cost"] / 2)).all())
    found.append(
        Finding("consistency: effort 1 from bonus labels cost/2 = 40 on, 0 below", str(exact), "True", exact)
    )
    for name in ("threshold", "strict"):
        bonus, attention = _curve(frame, name, "attention")
        jump = np.diff(attention).max()
        at = bonus[1:][np.diff(attention).argmax()]
        found.append(
            Finding(
                f"{CONTRACTS[name][1]}: largest jump of the effort",
                f"{jump:.2f} at a bonus of {at:.0f}",
                "above 0.3",
                jump > 0.3,
            )
        )
    errors = frame[frame.metric == "golden_error"].value
    found.append(
        Finding(
            "golden questions of simulated annotators: largest error in standard errors",
            f"{errors.abs().max():.2f}",
            "at most 4",
            bool(errors.abs().max() <= 4),
        )  # fmt: skip
    )
    return found


EXPERIMENT = Experiment("contracts", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
