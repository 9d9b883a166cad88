"""The picture of a win-rate game: who beats whom, the maximal lottery, and who is exploited."""

from __future__ import annotations

from .win_rates import WinRates


def draw_win_rates(found: WinRates):
    """Return a figure: win rates with intervals, and beside every player its lottery mass and exploitability.

    Parameters
    ----------
    found : WinRates
        Win rates to draw.

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib.pyplot as plt
    import numpy as np

    from nashsim.plots import PALETTE, style

    n, rows = len(found.players), np.arange(len(found.players))
    with style():
        height = 1.5 + 0.42 * n
        figure, (ax, lottery_ax, exploit_ax) = plt.subplots(
            1, 3, figsize=(3.4 + 0.75 * n, height), layout="constrained", width_ratios=[0.75 * n, 1.3, 1.3]
        )
        image = ax.imshow(100 * found.rates, cmap="PuOr", vmin=0, vmax=100, aspect="auto")
        for i in rows:
            for j in rows:
                if i == j:
                    continue
                far = abs(found.rates[i, j] - 0.5) > 0.3
                text = f"{100 * found.rates[i, j]:.1f}\n"
                spread = f"[{100 * found.low[i, j]:.0f}, {100 * found.high[i, j]:.0f}]"
                ink = "white" if far else "black"
                ax.text(j, i, text, ha="center", va="center", fontsize=7.5, color=ink)
                ax.text(j, i + 0.17, spread, ha="center", va="center", fontsize=5.5, color=ink)
        ax.set_xticks(rows, found.players, rotation=35, ha="right", rotation_mode="anchor")
        ax.set_yticks(rows, found.players)
        ax.grid(False)
        ax.set(title="win rate of the row against the column, %", xlabel="against")
        figure.colorbar(image, ax=ax, fraction=0.05, pad=0.01, ticks=[0, 25, 50, 75, 100])
        inspected = found.inspect()
        mass = [100 * inspected.lottery[name] for name in found.players]
        smith = set(inspected.smith_set)
        colours = [PALETTE["blue"] if name in smith else PALETTE["grey"] for name in found.players]
        lottery_ax.barh(rows, mass, color=colours)
        lottery_ax.set(title="maximal lottery", xlabel="mass, %", xlim=(0, 100))
        worst = found.exploitability()
        middle = 100 * worst.exploitability.to_numpy()
        # A percentile interval of a maximum may lie wholly above it.
        below = np.maximum(middle - 100 * worst.low.to_numpy(), 0)
        above = np.maximum(100 * worst.high.to_numpy() - middle, 0)
        exploit_ax.errorbar(
            middle, rows, xerr=[below, above], fmt="o", color=PALETTE["vermilion"], markersize=4, capsize=2.5
        )
        exploit_ax.set(title="exploitability", xlabel="best win rate\nagainst it − 50, %", xlim=(-1, 51))
        for beside in (lottery_ax, exploit_ax):
            beside.set_ylim(n - 0.5, -0.5)
            beside.set_yticks(rows, [])
        figure.supxlabel(
            f"{found.outcomes.shape[2]} prompts, {found.outcomes.shape[3]} answers each;"
            f" {100 * found.confidence:g}% bootstrap over {found.unit}. Blue: the Smith set.",
            fontsize=7.5,
        )
    return figure
