"""The figure of SmolLM2 and what it finds, from its frame alone."""

import itertools
import textwrap

import numpy as np
import pandas as pd
from _smollm_methods import CRITERIA, GROUPS, MARKERS, MASS, NASH, PLANS, REFERENCE, TAU, TRIPLES

from nashsim.figures import Finding
from nashsim.plots import PALETTE, legend_below


def draw(frame: pd.DataFrame):
    """Draw, for each judge, what became of every method over who beats whom, and what they say."""
    import matplotlib.pyplot as plt

    judges = list(frame.judge.unique())
    figure = plt.figure(figsize=(10.2, 6.9 * len(judges) + 0.4), layout="constrained")
    for part, judge in zip(np.atleast_1d(figure.subfigures(len(judges), 1)), judges, strict=True):
        _draw_judge(part, frame[frame.judge == judge], judge)
    size = frame["model"].iloc[0]
    spent = frame[frame.metric == "comparisons"].value
    texts = frame[frame.metric == "response"]
    asked = texts.text.str.partition(" | ")[0].nunique()
    each = len(texts) // (asked * texts["method"].nunique())
    left_out = [name for name in PLANS if name not in set(frame["method"])]
    absent = f" Not run: {', '.join(left_out)}." if left_out else ""
    second = " The learnt preference model as a judge was not run."
    if len(judges) > 1:
        few = [name for name in PLANS if name in set(frame["method"][frame.judge == judges[1]])]
        second = f" After the {judges[1]}: {', '.join(few)} alone." if len(few) < len(PLANS) else ""
    seeds = frame[frame.metric == "comparisons"].seed.nunique()
    note = (
        f"{'SmolLM2-135M-Instruct, LoRA of rank 16' if size == 'SmolLM2' else 'A tiny random model'}, τ = {TAU:g};"
        f" {spent.max():.0f} comparisons a run, {seeds} seed{'s' if seeds > 1 else ''} of training: differences between"
        f" methods are this seed's.\nBars: 95% over {asked} held-out prompts, {each} answers each, this policy given;"
        f" they tell nothing of other seeds.{absent}{second}"
    )
    handles = [
        plt.Line2D([], [], color=PALETTE[c], marker="o", linestyle="", label=t) for c, t in GROUPS.items()
    ]
    handles += [
        plt.Line2D([], [], color=PALETTE["black"], marker=m, linestyle="", markersize=4, label=name)
        for name, m in zip(CRITERIA, MARKERS, strict=True)
    ]
    legend_below(figure, handles, note, columns=6)
    return figure


def _draw_judge(part, frame: pd.DataFrame, judge: str) -> None:
    """Draw one judge's panels."""
    names = [name for name in (REFERENCE, *PLANS) if name in set(frame["method"])]
    [cycles] = frame[frame.metric == TRIPLES].itertuples()
    part.suptitle(
        f"Judge: {judge}; {100 * cycles.value:.1f}% [{100 * cycles.low:.1f}, {100 * cycles.high:.1f}] of triples of"
        " responses are cycles",
        fontsize=10,
    )
    upper, lower = part.subfigures(2, 1, height_ratios=[1, 1.35])
    axes = upper.subplots(1, 5, sharey=True, width_ratios=[1.2, 1.2, 1, 0.8, 1])
    _draw_strips(axes, frame, names)
    left, right = lower.subplots(1, 2, width_ratios=[1, 1.5])
    _draw_matrix(left, frame, names)
    _draw_examples(right, frame, names)


def _colour(name: str) -> str:
    return PALETTE[PLANS[name].group] if name in PLANS else PALETTE["black"]


def _draw_strips(axes, frame: pd.DataFrame, names: list[str]) -> None:
    """Draw wins, wins by criterion, KL, length and exploitability of every method, one below the other."""
    wins, by_criterion, kl, length, exploited = axes
    for place, name in enumerate(names):
        mine, colour = frame[frame["method"] == name].set_index("metric"), _colour(name)
        bar = {"color": colour, "marker": "o", "markersize": 4, "capsize": 2}
        if name != REFERENCE:
            over = mine[mine.opponent == REFERENCE]
            _bar(wins, over.loc["wins"], place, 100, bar)
            for shift, marker, criterion in zip((-0.22, 0, 0.22), MARKERS, CRITERIA, strict=True):
                if f"wins {criterion}" in over.index:
                    look = bar | {"marker": marker, "markersize": 3.5, "elinewidth": 0.8, "capsize": 0}
                    _bar(by_criterion, over.loc[f"wins {criterion}"], place + shift, 100, look)
            half = 1.96 * mine.value["kl_error"]
            kl.errorbar(mine.value["kl"], place, xerr=half, **bar)
        length.plot(mine.value["length"], place, "o", color=colour, markersize=4)
        _bar(exploited, mine.loc["exploitability"], place, 100, bar)
    by_criterion.set_visible(frame.metric.str.startswith("wins ").any())
    for ax in (wins, by_criterion):
        ax.axvline(50, color=PALETTE["grey"], linewidth=0.9, linestyle="dotted")
    titles = ("wins against\nthe reference, %", "by criterion, %", "KL to the\nreference, nats", "tokens a\nresponse",
              "best win rate in the\npool against it − 50, %")  # fmt: skip
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title, fontsize=8.5)
        ax.tick_params(labelsize=7.5)
    wins.set_yticks(range(len(names)), names)
    wins.set_ylim(len(names) - 0.5, -0.5)
    for tick, name in zip(wins.get_yticklabels(), names, strict=True):
        tick.set_color(_colour(name))


def _bar(ax, row, place: float, scale: float, look: dict) -> None:
    """Draw a value with its interval, which of a maximum may lie wholly above it."""
    spread = [[max(scale * (row.value - row.low), 0)], [max(scale * (row.high - row.value), 0)]]
    ax.errorbar(scale * row.value, place, xerr=spread, **look)


def _draw_matrix(ax, frame: pd.DataFrame, names: list[str]) -> None:
    """Draw who beats whom, those set in bold whose interval leaves out one half."""
    from matplotlib.colors import LinearSegmentedColormap

    cells = frame[frame.metric == "wins"].set_index(["method", "opponent"])
    values = np.array([[cells.value.get((a, b), 0.5) for b in names] for a in names])
    colours = LinearSegmentedColormap.from_list("wins", [PALETTE["vermilion"], "white", PALETTE["blue"]])
    ax.imshow(values, cmap=colours, vmin=0.25, vmax=0.75)
    for i, j in itertools.product(range(len(names)), repeat=2):
        if i != j:
            cell = cells.loc[names[i], names[j]]
            sure = cell.low > 0.5 or cell.high < 0.5
            ax.text(
                j, i, f"{100 * values[i, j]:.0f}", ha="center", va="center", fontsize=7,
                weight="bold" if sure else "normal", color="black" if sure else "#666666",
            )  # fmt: skip
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=7)
    ax.set_yticks(range(len(names)), names, fontsize=7)
    ax.tick_params(length=0)
    ax.grid(False)
    ax.set_title("wins of the row against the column, %\n(bold: the interval leaves out 50)", fontsize=8.5)


def _draw_examples(ax, frame: pd.DataFrame, names: list[str]) -> None:
    """Write the first answers of some players to two prompts."""
    said = frame[frame.metric == "response"]
    parts = said.text.str.partition(" | ")
    shown = [name for name in (REFERENCE, "nash-md-pg", "inpo", "dpo") if name in names]
    ax.axis("off")
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.set_title("first answers", fontsize=8.5)
    lines = 1.0
    for prompt in parts[0].drop_duplicates().iloc[:2]:
        ax.text(0, lines, prompt, fontsize=7, weight="bold", va="top")
        lines -= 0.065
        for name in shown:
            text = parts[2][(parts[0] == prompt) & (said["method"] == name)].iloc[0]
            words = " ".join(text.encode("latin-1", "replace").decode("latin-1").split()).replace("$", r"\$")
            wrapped = textwrap.wrap(f"{name}: {words}", 120)[:3]
            ax.text(0.02, lines, "\n".join(wrapped), fontsize=6.3, va="top", color=_colour(name))
            lines -= 0.052 * len(wrapped) + 0.018
        lines -= 0.03


def findings(frame: pd.DataFrame) -> list[Finding]:
    """What each judge's runs show beside what theory expects; of the tiny model, that they are comparable."""
    found = []
    for judge, mine in frame.groupby("judge", sort=False):
        found += _findings(mine, judge)
    if frame.judge.nunique() == 1:
        found.append(
            Finding("judges", "three criteria; the learnt preference model was not run", "one or both", True)
        )
    return found


def _findings(frame: pd.DataFrame, judge: str) -> list[Finding]:
    spent = frame[frame.metric == "comparisons"].value
    found = [
        Finding(f"{judge}: comparisons of a run", f"{spent.min():.0f} to {spent.max():.0f}", "equal",
                bool(spent.nunique() == 1))
    ]  # fmt: skip
    for metric in (TRIPLES, MASS):
        [row] = frame[frame.metric == metric].itertuples()
        found.append(Finding(f"{judge}: {metric}", _interval(row), "above 0", bool(row.low > 0)))
    if frame["model"].iloc[0] != "SmolLM2":
        return found[:1]
    absent = [name for name in PLANS if name not in set(frame["method"])]
    without = f", without {', '.join(absent)}" if absent else ""
    told = f"{len(PLANS) - len(absent)} of {len(PLANS)}{without}"
    found.append(Finding(f"{judge}: methods run", told, "all", not absent))
    over = frame[(frame.opponent == REFERENCE) & (frame.metric == "wins")].set_index("method")
    kl = frame[frame.metric == "kl"].set_index("method").value
    worst = frame[frame.metric == "exploitability"].set_index("method")
    for name in over.index:
        row = over.loc[name]
        found.append(
            Finding(
                f"{judge}: {name} against the reference", _interval(row), "above 1/2", bool(row.low > 0.5)
            )
        )
        gain, price = row.value - 0.5, TAU * kl[name]
        found.append(
            Finding(f"{judge}: {name}, win rate gained over τ KL", f"{gain:.3f} over {price:.3f}",
                    "above: the regularised value is more than the reference's", bool(gain > price))
        )  # fmt: skip
    groups = {
        what: [n for n in over.index if (n in NASH) == nash]
        for what, nash in (("Nash", True), ("reward", False))
    }
    if all(groups.values()):
        means = {what: worst.value[names].mean() for what, names in groups.items()}
        found.append(
            Finding(
                f"{judge}: exploitability in the pool, mean of the methods after the Nash",
                f"{means['Nash']:.3f}, after a reward {means['reward']:.3f}, reference {worst.value[REFERENCE]:.3f}",
                "below those after a reward",
                bool(means["Nash"] < means["reward"]),
            )
        )
    return found


def _interval(row) -> str:
    return f"{row.value:.3f} [{row.low:.3f}, {row.high:.3f}]"
