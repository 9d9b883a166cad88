"""The picture of one training: how far it went on its way, and what the judge and its criteria say in the end."""

from __future__ import annotations

from .win_rates import WinRates


def draw_before_after(found: WinRates, records):
    """Return a figure: win rate and KL over the training, and the final win rates with intervals.

    Parameters
    ----------
    found : WinRates
        Win rates of two players, the reference first, with those of the judge's criteria where it has several.
    records : DataFrame
        Records of the training: comparisons, win_rate with win_rate_error, kl with kl_error.

    Returns
    -------
    matplotlib.figure.Figure
    """
    import matplotlib.pyplot as plt
    import numpy as np

    from nashsim.plots import PALETTE, style

    with style():
        figure, (way, end) = plt.subplots(
            1, 2, figsize=(7.6, 2.7), layout="constrained", width_ratios=[1.25, 1]
        )
        spent = records["comparisons"]
        way.errorbar(
            spent, 100 * records["win_rate"], 196 * records["win_rate_error"], color=PALETTE["blue"], capsize=2,
            marker="o", markersize=3,
        )  # fmt: skip
        way.axhline(50, color=PALETTE["grey"], linewidth=0.9, linestyle="dotted")
        way.set(xlabel="judge comparisons", title="on the way")
        way.set_ylabel("wins against the reference, %", color=PALETTE["blue"])
        other = way.twinx()
        other.errorbar(
            spent + 0.012 * spent.max(), records["kl"], 1.96 * records["kl_error"], color=PALETTE["vermilion"],
            capsize=2, marker="s", markersize=3, linestyle="--",
        )  # fmt: skip
        other.set_ylabel("KL to the reference, nats", color=PALETTE["vermilion"])
        other.set_ylim(bottom=min(0.0, *other.get_ylim()))
        other.spines["right"].set_visible(True)
        other.grid(False)
        names = ["judge", *found.criteria]
        every = [found, *found.criteria.values()]
        rates, low, high = (
            np.array([100 * getattr(r, key)[1, 0] for r in every]) for key in ("rates", "low", "high")
        )
        places = np.arange(len(names))[::-1]
        spread = np.maximum([rates - low, high - rates], 0)
        colours = [PALETTE["blue"], *[PALETTE["sky"]] * len(found.criteria)]
        for place, rate, colour, bar in zip(places, rates, colours, spread.T, strict=True):
            end.errorbar(rate, place, xerr=bar[:, None], color=colour, marker="o", capsize=3)
        end.axvline(50, color=PALETTE["grey"], linewidth=0.9, linestyle="dotted")
        end.set_yticks(places, names)
        end.set(
            xlim=(0, 100),
            ylim=(-0.6, len(names) - 0.4),
            xlabel="wins against the reference, %",
            title="in the end",
        )
        figure.supxlabel(
            f"In the end: {found.outcomes.shape[2]} held-out prompts, {found.outcomes.shape[3]} answers each;"
            f" {100 * found.confidence:g}% bootstrap over {found.unit}. On the way: 95% of the mean's normal law.",
            fontsize=7,
        )
    return figure
