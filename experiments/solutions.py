"""Solution concepts side by side on one cyclic crowd: policies, win rates between them, and welfare."""

import numpy as np
import pandas as pd

from nashsim.equilibrium import solve_cvxpy, solve_newton
from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE
from nashsim.solutions import crowd_game, solutions

#: Three opinions that cycle over a, b, c; d is everybody's second choice or so.
CROWD = np.array([[1.0, 0.5, 0.0, 0.6], [0.0, 1.0, 0.5, 0.55], [0.5, 0.0, 1.0, 0.5]])
SHARES, BETA, TAU, REFERENCE = (0.42, 0.33, 0.25), 8.0, 0.1, (0.4, 0.3, 0.2, 0.1)


def compute(quick: bool) -> pd.DataFrame:
    """Solve one game by every concept; the length is the same."""
    game = crowd_game(
        CROWD, BETA, SHARES, tau=TAU, reference=REFERENCE, labels=["a", "b", "c", "d"], name="crowd"
    )
    found = solutions(game, utilities=CROWD, shares=SHARES)
    rows = [
        {"solution": name, "metric": "probability", "of": label, "value": p}
        for name, policy in found.policies.items()
        for label, p in policy.items()
    ]
    rows += [
        {"solution": name, "metric": "win_rate", "of": other, "value": rate}
        for name, row in found.win_rates.iterrows()
        for other, rate in row.items()
    ]
    rows += [
        {"solution": name, "metric": metric, "value": value}
        for metric, values in (("welfare", found.welfare), ("worst_win_rate", found.worst_win_rates))
        for name, value in values.items()
    ]
    apart = np.abs(solve_cvxpy(game).probabilities - solve_newton(game).probabilities).sum()
    return pd.DataFrame([*rows, {"solution": "nash", "metric": "cvxpy_distance", "value": apart}])


def _table(frame, metric):
    part = frame[frame.metric == metric]
    names, others = (list(dict.fromkeys(part[key])) for key in ("solution", "of"))
    return part.pivot(index="solution", columns="of", values="value").loc[names, others]


def draw(frame: pd.DataFrame):
    """Draw the policies, the win rates of the row against the column, and mean utility beside the worst win rate."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12.2, 4.2), layout="constrained", width_ratios=(0.8, 1.6, 1))
    for ax, metric, limits, colours, title in (
        (axes[0], "probability", (0, 1), "Blues", "policy"),
        (axes[1], "win_rate", (0.42, 0.58), "RdBu", "win rate of the row against the column"),
    ):
        table = _table(frame, metric)
        ax.imshow(table, vmin=limits[0], vmax=limits[1], cmap=colours, aspect="auto")
        for (i, j), value in np.ndenumerate(table.to_numpy()):
            dark = metric == "probability" and value > 0.6
            ax.text(
                j, i, f"{value:.2f}", ha="center", va="center", fontsize=7, color="white" if dark else "black"
            )
        ax.set_xticks(
            range(table.shape[1]),
            table.columns,
            rotation=0 if metric == "probability" else 40,
            ha="right" if metric != "probability" else "center",
        )
        ax.set_yticks(range(len(table)), table.index)
        ax.grid(False)
        ax.set_title(title)
    names = _table(frame, "probability").index
    for offset, metric, colour, label in (
        (-0.2, "welfare", "green", "mean utility"), (0.2, "worst_win_rate", "orange", "worst win rate"),
    ):  # fmt: skip
        values = frame[frame.metric == metric].set_index("solution").value.loc[names]
        axes[2].barh(np.arange(len(names)) + offset, values, 0.38, color=PALETTE[colour], label=label)
    axes[2].axvline(0.5, color="black", linestyle=":", linewidth=1)
    axes[2].set_yticks(range(len(names)), names)
    axes[2].set(xlim=(0, 0.8), ylim=(len(names) - 0.4, -1.6))
    axes[2].legend(loc="upper right", ncols=2)
    axes[2].set_title(f"three opinions {SHARES}, β = {BETA:g}, τ = {TAU:g}", fontsize=9)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """What each concept promises, on this crowd."""
    wins, worst = (
        _table(frame, "win_rate"),
        frame[frame.metric == "worst_win_rate"].set_index("solution").value,
    )
    welfare = frame[frame.metric == "welfare"].set_index("solution").value
    against = wins["lottery"].max()
    off = np.abs(wins + wins.T - 1).to_numpy().max()
    names = ", ".join(welfare.index[welfare >= welfare.max() - 1e-9])
    best = (np.array(SHARES) @ CROWD).max()
    return [
        Finding("lottery: worst win rate", f"{worst['lottery']:.6f}", "1/2", abs(worst["lottery"] - 0.5) < 1e-9),
        Finding("largest win rate against the lottery", f"{against:.6f}", "at most 1/2", against <= 0.5 + 1e-9),
        Finding("win rates of two solutions against each other sum to one", f"{off:.1e}", "rounding", off < 1e-12),
        Finding("largest mean utility", f"{welfare.max():.3f}, by {names}", f"at most {best:.3f}, of the best response",
                welfare.max() <= best + 1e-12),
    ]  # fmt: skip


EXPERIMENT = Experiment("solutions", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
