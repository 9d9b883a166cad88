"""The figure of SmolLM2 and what it finds, from its frame alone."""

import itertools
import textwrap

import numpy as np
import pandas as pd
from _smollm_methods import CRITERIA, GROUPS, MARKERS, MASS, NASH, PLANS, REFERENCE, REWARD, TAU, TRIPLES
from _smollm_tournament import ALL

from nashsim.figures import Finding
from nashsim.plots import PALETTE, legend_below


def draw(frame: pd.DataFrame):
    """Draw, for each judge, what became of every method over who beats whom, and what they say."""
    import matplotlib.pyplot as plt

    judges = list(frame.judge.unique())
    parts = [frame[frame.judge == judge] for judge in judges]
    heights = [_height(len(_names(part))) for part in parts]
    figure = plt.figure(figsize=(10.2, sum(heights) + 0.5), layout="constrained")
    figures = np.atleast_1d(figure.subfigures(len(judges), 1, height_ratios=heights))
    for subfigure, part, judge in zip(figures, parts, judges, strict=True):
        _draw_judge(subfigure, part, judge)
    spent = frame[frame.metric == "comparisons"].value
    texts = frame[frame.metric == "response"]
    asked = texts.text.str.partition(" | ")[0].nunique()
    each = len(texts) // (asked * sum(len(_names(part)) for part in parts))
    left_out = [name for name in PLANS if name not in set(frame["method"])]
    absent = f" Not run: {', '.join(left_out)}." if left_out else ""
    second = "" if len(judges) > 1 else " The learnt preference model as a judge was not run."
    told = "; ".join(f"{judge}, {_seeds(part)}" for judge, part in zip(judges, parts, strict=True))
    size = "SmolLM2-135M-Instruct, LoRA of rank 16"
    note = (
        f"{size if frame['model'].iloc[0] == 'SmolLM2' else 'A tiny random model'}, τ = {TAU:g}; {spent.max():.0f}"
        f" comparisons a run. Seeds of training: {told}. Small dots: single seeds. Bars: 95% by Student's t over seeds"
        f" and {asked} held-out prompts, {each} answers of a seed to each (KL: over seeds); with one seed over prompts,"
        " which tells nothing of other seeds. On the right: by a bootstrap over both, and the dots"
        f" are against the mean's opponent.{absent}{second}"
    )
    note = textwrap.fill(note, 150)
    handles = [
        plt.Line2D([], [], color=PALETTE[c], marker="o", linestyle="", label=t) for c, t in GROUPS.items()
    ]
    handles += [
        plt.Line2D([], [], color=PALETTE["black"], marker=m, linestyle="", markersize=4, label=name)
        for name, m in zip(CRITERIA, MARKERS, strict=True)
    ]
    legend_below(figure, handles, note, columns=6)
    return figure


def _names(frame: pd.DataFrame) -> list[str]:
    return [name for name in (REFERENCE, *PLANS) if name in set(frame["method"])]


def _height(players: int) -> float:
    """Return the inches of a judge's panels."""
    return 2.9 + 0.44 * players


def _seeds(frame: pd.DataFrame) -> str:
    """Say of which methods there are how many seeds."""
    counts = frame[frame.metric == "comparisons"].groupby("method", sort=False).size()
    if counts.nunique() == 1:
        return f"{counts.iloc[0]} of each"
    several = [name for name in counts.index if counts[name] > 1]
    return f"{counts.max()} of {', '.join(several)}, 1 of the others"


def _draw_judge(part, frame: pd.DataFrame, judge: str) -> None:
    """Draw one judge's panels."""
    names = _names(frame)
    [cycles] = frame[frame.metric == TRIPLES].itertuples()
    part.suptitle(
        f"Judge: {judge}; {100 * cycles.value:.1f}% [{100 * cycles.low:.1f}, {100 * cycles.high:.1f}] of triples of"
        " responses are cycles",
        fontsize=10,
    )
    upper, lower = part.subfigures(2, 1, height_ratios=[1, 1.35])
    widths = [1.2, 1.2, 1, 0.8, 1]
    if not frame.metric.str.startswith("wins ").any():
        widths.pop(1)
    axes = list(upper.subplots(1, len(widths), sharey=True, width_ratios=widths))
    _draw_strips(axes, frame, names)
    left, right = lower.subplots(1, 2, width_ratios=[1, 1.5])
    _draw_matrix(left, frame, names)
    _draw_examples(right, frame, names, _height(len(PLANS) + 1) / _height(len(names)))


def _colour(name: str) -> str:
    return PALETTE[PLANS[name].group] if name in PLANS else PALETTE["black"]


def _draw_strips(axes: list, frame: pd.DataFrame, names: list[str]) -> None:
    """Draw wins, wins by criterion, KL, length and exploitability of every method, one below the other."""
    wins, *between, kl, length, exploited = axes
    against = frame[frame.opponent == REFERENCE]
    for place, name in enumerate(names):
        look = {"color": _colour(name), "marker": "o", "markersize": 4, "capsize": 2}
        if name != REFERENCE:
            _strip(wins, against, name, "wins", place, 100, look)
            _strip(kl, frame, name, "kl", place, 1, look)
        for ax in between if name != REFERENCE else ():
            for shift, marker, criterion in zip((-0.22, 0, 0.22), MARKERS, CRITERIA, strict=True):
                fine = look | {"marker": marker, "markersize": 3.5, "elinewidth": 0.8, "capsize": 0}
                _strip(ax, against, name, f"wins {criterion}", place + shift, 100, fine, dots=False)
        _strip(length, frame, name, "length", place, 1, look)
        _strip(exploited, frame, name, "exploitability", place, 100, look)
    for ax in (wins, *between):
        ax.axvline(50, color=PALETTE["grey"], linewidth=0.9, linestyle="dotted")
    titles = ("wins against\nthe reference, %", *["by criterion, %"] * len(between), "KL to the\nreference, nats",
              "tokens a\nresponse", "best win rate in the\npool against it − 50, %")  # fmt: skip
    for ax, title in zip(axes, titles, strict=True):
        ax.set_title(title, fontsize=8.5)
        ax.tick_params(labelsize=7.5)
    wins.set_yticks(range(len(names)), names)
    wins.set_ylim(len(names) - 0.5, -0.5)
    for tick, name in zip(wins.get_yticklabels(), names, strict=True):
        tick.set_color(_colour(name))


def _strip(ax, frame, name: str, metric: str, place: float, scale: float, look: dict, dots=True) -> None:
    """Draw a mean with its interval, which of a maximum may lie wholly above it, and the values of its seeds."""
    mine = frame[(frame["method"] == name) & (frame.metric == metric)]
    seeds = mine[mine.seed != ALL].value
    if dots and len(seeds) > 1:
        below = np.full(len(seeds), place + 0.27)
        ax.plot(scale * seeds, below, "o", color=look["color"], markersize=2.2, alpha=0.7, markeredgewidth=0)
    for row in mine[mine.seed == ALL].itertuples():
        ends = row.value - row.low, row.high - row.value
        spread = [[max(scale * end, 0)] for end in ends] if np.isfinite(ends).all() else None
        ax.errorbar(scale * row.value, place, xerr=spread, **look)


def _draw_matrix(ax, frame: pd.DataFrame, names: list[str]) -> None:
    """Draw who beats whom, those set in bold whose interval leaves out one half."""
    from matplotlib.colors import LinearSegmentedColormap

    cells = frame[(frame.metric == "wins") & (frame.seed == ALL)].set_index(["method", "opponent"])
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


def _draw_examples(ax, frame: pd.DataFrame, names: list[str], step: float) -> None:
    """Write the first answers of some players to two prompts, lines apart by ``step`` times what all players take."""
    said = frame[frame.metric == "response"]
    parts = said.text.str.partition(" | ")
    shown = [name for name in (REFERENCE, "nash-md-pg", "inpo", "dpo") if name in names]
    ax.axis("off")
    ax.set(xlim=(0, 1), ylim=(0, 1))
    ax.set_title("first answers", fontsize=8.5)
    lines = 1.0
    for prompt in parts[0].drop_duplicates().iloc[:2]:
        ax.text(0, lines, prompt, fontsize=7, weight="bold", va="top")
        lines -= 0.065 * step
        for name in shown:
            text = parts[2][(parts[0] == prompt) & (said["method"] == name)].iloc[0]
            words = " ".join(text.encode("latin-1", "replace").decode("latin-1").split()).replace("$", r"\$")
            wrapped = textwrap.wrap(f"{name}: {words}", 120)[:3]
            ax.text(0.02, lines, "\n".join(wrapped), fontsize=6.3, va="top", color=_colour(name))
            lines -= (0.052 * len(wrapped) + 0.018) * step
        lines -= 0.03 * step


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
    counts = frame[frame.metric == "comparisons"].groupby("method").size()
    enough = bool((counts >= 3).sum() >= 2)
    found.append(Finding(f"{judge}: seeds of training", _seeds(frame), "3 of two methods at least", enough))
    every, frame = frame, frame[frame.seed == ALL]
    over = frame[(frame.opponent == REFERENCE) & (frame.metric == "wins")].set_index("method")
    kl = frame[frame.metric == "kl"].set_index("method").value
    worst = frame[frame.metric == "exploitability"].set_index("method")
    for name in over.index:
        row = over.loc[name]
        measured = _interval(row) + _each(every, name, REFERENCE)
        found.append(
            Finding(f"{judge}: {name} against the reference", measured, "above 1/2", bool(row.low > 0.5))
        )
        gain, price = row.value - 0.5, TAU * kl[name]
        found.append(
            Finding(f"{judge}: {name}, win rate gained over τ KL", f"{gain:.3f} over {price:.3f}",
                    "above: the regularised value is more than the reference's", bool(gain > price))
        )  # fmt: skip
    between = frame[(frame.metric == "wins") & (frame["method"] == "nash-md-pg") & (frame.opponent == REWARD)]
    for row in between.itertuples():
        measured = _interval(row) + _each(every, row.method, row.opponent)
        what = f"{judge}: nash-md-pg against {REWARD}"
        found.append(Finding(what, measured, "the interval reaches 1/2 or is above", bool(row.high >= 0.5)))
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


def _each(frame: pd.DataFrame, name: str, opponent: str) -> str:
    """Say the win rate of each seed, where there are several."""
    mine = frame[(frame["method"] == name) & (frame.opponent == opponent) & (frame.metric == "wins")]
    seeds = mine[mine.seed != ALL].value
    return f"; seeds {', '.join(f'{v:.3f}' for v in seeds)}" if len(seeds) else ""
