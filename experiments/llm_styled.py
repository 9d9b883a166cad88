"""Every algorithm on a language of styles that beat each other in a cycle: exact class gaps, and who beats whom."""

from dataclasses import replace

import numpy as np
import pandas as pd
from _styled import BETA, REWARD, TAU, Scale, cache_folder, kept_run, make_task, run_one

from nashsim.data import fit_strengths
from nashsim.engine import run, runs_frame
from nashsim.figures import Experiment, Finding
from nashsim.logspace import log_normalise
from nashsim.plots import PALETTE, cycle, legend_below

#: Methods of two calls of the judge a step go half as far; by name, those given four times the comparisons too.
LONG = {"nash-mp-pg, 4x": "nash-mp-pg", "egpo, 4x": "egpo"}
#: Groups of the figure: colour and members. The first two are after the regularised Nash with their last iterate.
GROUPS = {
    "mirror steps, fitted": ("blue", ("nash-md", "nash-mp", "nash-prox", "inpo", "enpo")),
    "gradient steps": (
        "orange",
        ("nash-md-pg", "nash-ema-pg", "nash-mp-pg", "nash-prox-pg", "egpo", "online-ipo", "ipo-md", *LONG),
    ),
    "after the unregularised Nash": ("green", ("sppo", "dno", "dno-prct", "mnpo", "comal")),
    "after a reward": ("vermilion", ("dpo", "kto", "xpo", REWARD)),
}
COLOUR = {name: colour for colour, members in GROUPS.values() for name in members}
NASH = tuple(name for title in list(GROUPS)[:2] for name in GROUPS[title][1] if name not in LONG)
UNREGULARISED, FOLLOWERS = (GROUPS[title][1] for title in list(GROUPS)[2:])
#: Methods of the tiny model, the first three for a quick look.
FEW = ("inpo", "dpo", REWARD, "nash-mp", "nash-md-pg", "egpo", "online-ipo", "sppo")
#: What is printed for a name that says too little.
PRINTED = {REWARD: "Bradley-Terry + KL", "exact reward": "exact Bradley-Terry", "reference": "reference μ"}
#: Policies known without training.
EXACT = ("reference", "exact Nash", "exact reward")
#: A rate a group, of {3e-5, 1e-4, 3e-4} ({3e-4, 1e-3, 3e-3} for the tiny model) by runs with seed 100. For fits (half
#: the budget) and gradient steps: that of the least class gap over the second half, in the mean of Nash-MP and INPO, of
#: Nash-MD-PG and online IPO (Nash-MD-PG alone for the larger model). For followers of a reward: that which brings DPO
#: nearest to their optimum. Gradient steps were tried at constant rates and with momentum too, and are worse for both.
FULL = Scale(
    **{"size": "5m", "topics": 6, "budget": 2048, "draws": 16},
    teaching={"steps": 500, "batch": 32, "lr": 1e-3, "examples": 4096},
    rates={"fit": 1e-4, "gradient": 1e-4, "reward": 1e-4},
)
#: Four times as many steps at half the rate, as 1/sqrt(T) asks.
LONGER = replace(FULL, budget=4 * FULL.budget, rates=FULL.rates | {"gradient": FULL.rates["gradient"] / 2})
SMALL = Scale(
    **{"size": "tiny", "topics": 4, "budget": 384, "draws": 16, "effort": 3},
    teaching={"steps": 200, "batch": 24, "lr": 1e-2, "examples": 512},
    rates={"fit": 3e-4, "gradient": 3e-3, "reward": 1e-3},
)
SEEDS = (0, 1, 2)
COLUMNS = ["method", "executor", "seed", "comparisons", "metric", "at", "value"]


def compute(quick: bool) -> pd.DataFrame:
    """Train the tiny model by eight methods with two seeds, or by three of them with one."""
    names, seeds = (FEW[:3], SEEDS[:1]) if quick else (FEW, SEEDS[:2])
    task = make_task(SMALL)
    model = task.build_model()
    runs = {(name, seed): run_one(task, model, SMALL, name, seed) for seed in seeds for name in names}
    return gather(task, model, SMALL, runs)


def compute_full() -> pd.DataFrame:
    """Train the model of five million parameters, three seeds of sampling each; finished runs are kept."""
    task = make_task(FULL, cache_folder() / "models")
    model = task.build_model()
    runs = {
        (name, seed): kept_run(task, model, LONGER if name in LONG else FULL, LONG.get(name, name), seed)
        for seed in SEEDS
        for name in COLOUR
    }
    return gather(task, model, FULL, runs)


def gather(task, model, scale: Scale, runs: dict) -> pd.DataFrame:
    """Return the frame of finished runs, with what is exact and the tabular runs beside them."""
    from llm_bridge.policy import CausalPolicy

    rows = []

    def masses(name, executor, seed, table):
        for prompt, row in enumerate(table):
            rows.extend(
                (name, executor, seed, np.nan, f"mass {c}", prompt, m)
                for c, m in zip(task.names, row, strict=True)
            )

    for (name, seed), done in runs.items():
        for record in done["records"]:
            for metric in ("class_gap", "average_unregularised_gap"):
                rows.append(
                    (name, "language model", seed, record["comparisons"], metric, np.nan, record[metric])
                )
        for metric in ("within_class_gap", "within_class_half_width", "sentences"):
            spent = done["records"][-1]["comparisons"]
            rows.append((name, "language model", seed, spent, metric, np.nan, done["final"][metric]))
        masses(name, "language model", seed, done["masses"])
    game = task.class_game(CausalPolicy(model))
    for name, log_policy in exact_policies(game).items():
        rows.append((name, "exact", 0, 0, "class_gap", np.nan, game.gap(log_policy).mean()))
        masses(name, "exact", 0, np.exp(log_policy))
    for c, line in zip(task.names, task.preference, strict=True):
        rows.extend((c, "judge", 0, np.nan, "preference", k, p) for k, p in enumerate(line))
    rows += tabular(game.game, scale, runs)
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.assign(value=[float(f"{value:.6g}") for value in frame.value])


def exact_policies(game) -> dict[str, np.ndarray]:
    """Return log-masses of reference, Nash, and mu exp(r/beta) for r fitted to pairs of the reference."""
    rewards = np.stack([
        fit_strengths(game.preference * np.outer(mu, mu)) for mu in np.exp(game.log_reference)
    ])  # fmt: skip
    best = log_normalise(game.log_reference + rewards / BETA)
    return dict(zip(EXACT, (game.log_reference, game.log_equilibrium, best), strict=True))


def tabular(game, scale: Scale, runs: dict) -> list[tuple]:
    """Return rows of the rules whose step the language model fits, run on the class game with as many queries."""
    from llm_bridge.algorithms import get_algorithm

    rows = []
    for name, seed in runs:
        plan = scale.plan(LONG.get(name, name))
        if seed != min(SEEDS) or plan.group != "fit":
            continue
        last = runs[name, seed]["records"][-1]
        own = {k: v for k, v in plan.parameters.items() if k not in ("responses", "comparators")}
        rule = get_algorithm(name, **own).rule
        twin = run(game, rule, queries=last["queries"], record=1, metrics=["duality_gap"])
        frame = runs_frame([twin], check=True)
        for metric, label in (("duality_gap", "class_gap"), ("cvxpy_distance", "cvxpy_distance")):
            for row in frame[frame.metric == metric].itertuples():
                spent = row.queries * last["comparisons"] / last["queries"]
                rows.append((name, "tabular", 0, spent, label, np.nan, row.value))
    return rows


def policies(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the final class masses of every method, shape (seeds, prompts, classes)."""
    rows = frame[frame.metric.str.startswith("mass ")]
    classes = rows.metric.unique()
    found = {}
    for name, mine in rows.groupby("method", sort=False):
        wide = mine.pivot(index=["seed", "at"], columns="metric", values="value")[classes]
        seeds = mine.seed.nunique()
        found[name] = wide.to_numpy().reshape(seeds, -1, len(classes))
    return found


def matrices(frame: pd.DataFrame) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return P(a ≻ b) and J(a, b) of every pair of final policies, each of shape (seeds of a, seeds of b).

    J(a, b) = P(a ≻ b) - tau KL(a || mu) + tau KL(b || mu) on class masses, the mean over prompts: exact.
    """
    judge = frame[frame.executor == "judge"]
    preference = judge.value.to_numpy().reshape(judge["method"].nunique(), -1)
    known = policies(frame)
    mu = known["reference"][0]
    cost = {
        name: TAU * np.where(m > 0, m * np.log(np.maximum(m, 1e-300) / mu), 0.0).sum(-1).mean(-1)
        for name, m in known.items()
    }
    found = {}
    for a, mine in known.items():
        for b, other in known.items():
            wins = np.einsum("spc,cd,tpd->st", mine, preference, other) / mine.shape[1]
            found[a, b] = wins, wins - cost[a][:, None] + cost[b][None]
    return found


def draw(frame: pd.DataFrame):
    """Draw the gaps of every group on their way, and a row a method: its last gap, whom it beats."""
    import matplotlib.pyplot as plt

    shown = [name for name in COLOUR if name in set(frame["method"])]
    figure = plt.figure(figsize=(11, 5.0 + 0.21 * (len(shown) + len(EXACT))), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(3.4, 0.21 * (len(shown) + len(EXACT)) + 1.6))
    exact = frame[(frame.executor == "exact") & (frame.metric == "class_gap")].set_index("method").value
    for ax, (title, (_, members)) in zip(upper.subplots(1, 4, sharey=True), GROUPS.items(), strict=True):
        draw_gaps(ax, frame, [name for name in members if name in shown], exact)
        ax.set_title(title)
    upper.axes[0].set_ylabel("exact class duality gap")
    size = "5.3M" if len(shown) > len(FEW) else "tiny"
    title = (
        f"A {size} language model, a judge cyclic in styles, τ = {TAU:g}: exact duality gap between styles"
    )
    upper.suptitle(title, fontsize=10.5)
    rows = [*EXACT, *shown]
    others = [*EXACT, *(name for name in FOLLOWERS if name in shown)]
    values = matrices(frame)
    last, *tables = lower.subplots(1, 3, sharey=True, width_ratios=(1.0, 1.15, 1.15))
    draw_last(last, frame, rows, exact)
    titles = ("win rate of row over column, %", "the same less τ KL of each to μ, %")
    for ax, which, title in zip(tables, (0, 1), titles, strict=True):
        draw_matrix(
            ax, rows, others, np.array([[values[a, b][which].mean() for b in others] for a in rows]), title
        )
    handles = [
        plt.Line2D([], [], color="grey", linewidth=1, linestyle=style, label=label)
        for style, label in (
            ("dotted", "the reference's gap"),
            ("dashdot", "that of the exact optimum of rewards"),
        )
    ]
    each = frame[frame.executor == "language model"].groupby("method").seed.nunique()
    note = (
        f"Mean over {each.max()} seeds of sampling of one taught model; dots and bars: last gap, its mean and range. "
        "4x: four times the comparisons (drawn at a quarter), half the rate.\n"
        f"The reference is no measure of who can be exploited: {against_reference(values, shown)}."
    )
    legend_below(figure, handles, note, columns=2)
    return figure


def against_reference(values: dict, shown: list[str]) -> str:
    """Say what followers of a reward and methods after the Nash win against the reference, without and with KL."""
    told = []
    for called, members in (
        ("followers of a reward", FOLLOWERS),
        ("methods after the regularised Nash", NASH),
    ):
        plain, less = (
            [100 * values[name, "reference"][k].mean() for name in members if name in shown] for k in (0, 1)
        )
        told.append(
            f"{called} win {min(plain):.0f} to {max(plain):.0f}% against it"
            f" ({min(less):.0f} to {max(less):.0f}% with KL)"
        )
    return ", ".join(told)


def draw_gaps(ax, frame: pd.DataFrame, names: list[str], exact: pd.Series) -> None:
    """Draw the gaps of one group of methods against the judge's comparisons."""
    gaps = frame[(frame.metric == "class_gap") & (frame.executor == "language model")]
    for place, name in enumerate(names):
        mean = gaps[gaps["method"] == name].groupby("comparisons").value.mean()
        if name in LONG:  # four times as far, on the same axis
            mean.index = mean.index / 4
        ax.plot(mean, label=PRINTED.get(name, name), linewidth=1.3, **cycle(place))
    ax.axhline(exact["reference"], color="grey", linewidth=1, linestyle="dotted")
    ax.axhline(exact["exact reward"], color="grey", linewidth=1, linestyle="dashdot")
    spent = gaps[~gaps["method"].isin(list(LONG))].comparisons.max()
    ax.set(yscale="log", ylim=(6e-3, 1.0), xlim=(0, spent), xlabel="judge comparisons")
    ax.locator_params(axis="x", nbins=4)
    if names:  # of a short run some are left out
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=2, fontsize=7.5, handlelength=1.6,
                  columnspacing=1.0)  # fmt: skip


def draw_last(ax, frame: pd.DataFrame, rows: list[str], exact: pd.Series) -> None:
    """Draw the last class gap of every row: mean and range over seeds."""
    trained = frame[(frame.metric == "class_gap") & (frame.executor == "language model")]
    ends = (
        trained.groupby(["method", "seed"], sort=False)
        .value.last()
        .groupby("method")
        .agg(["mean", "min", "max"])
    )
    for place, name in enumerate(rows):
        colour = PALETTE[COLOUR.get(name, "black")]
        if name in ends.index:
            ax.plot(ends.loc[name, ["min", "max"]], [place] * 2, color=colour, linewidth=2, alpha=0.5)
        ax.plot(ends["mean"].get(name, exact.get(name)), place, "o", color=colour, markersize=4)
    ax.axvline(exact["reference"], color="grey", linewidth=1, linestyle="dotted")
    ax.axvline(exact["exact reward"], color="grey", linewidth=1, linestyle="dashdot")
    ax.set(xscale="log", xlim=(4e-3, 1), xlabel="class duality gap", title="at the end")
    ax.set_yticks(range(len(rows)), [PRINTED.get(name, name) for name in rows], fontsize=8)
    for tick, name in zip(ax.get_yticklabels(), rows, strict=True):
        tick.set_color(PALETTE[COLOUR.get(name, "black")])
    ax.set_ylim(len(rows) - 0.5, -0.5)


def draw_matrix(ax, rows: list[str], columns: list[str], values: np.ndarray, title: str) -> None:
    """Draw win rates of rows over columns as a heat map with its numbers."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("wins", [PALETTE["vermilion"], "white", PALETTE["blue"]])
    ax.imshow(values, cmap=colours, vmin=0.3, vmax=0.7, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        ax.text(j, i, f"{100 * value:.0f}", ha="center", va="center", fontsize=7.5)
    labels = [PRINTED.get(name, name).replace("Bradley-Terry", "BT") for name in columns]
    ax.set_xticks(range(len(columns)), labels, rotation=40, ha="right", rotation_mode="anchor", fontsize=8)
    for tick, name in zip(ax.get_xticklabels(), columns, strict=True):
        tick.set_color(PALETTE[COLOUR.get(name, "black")])
    ax.grid(False)
    ax.tick_params(length=0, labelleft=False)
    ax.set_title(title)


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Rewards end more exploitable than the reference, and lose to every method that is after the Nash."""
    trained = frame[frame.executor == "language model"]
    last = trained[trained.metric == "class_gap"].groupby(["method", "seed"], sort=False).value.last()
    gaps = last.groupby("method", sort=False).agg(["mean", "min", "max"])
    exact = frame[(frame.executor == "exact") & (frame.metric == "class_gap")].set_index("method").value
    start, optimum = exact["reference"], exact["exact reward"]
    factor = optimum / start
    found = [
        Finding(
            "class gap at the exact optimum of rewards",
            f"{optimum:.3f}, {factor:.1f} times the reference's {start:.3f}",
            "above the reference's",
            bool(factor > 1),
        )
    ]
    equal = trained[(trained.metric == "class_gap") & ~trained["method"].isin(list(LONG))]
    spent = equal.groupby(["method", "seed"]).comparisons.max()
    found.append(
        Finding(
            "judge comparisons of a run",
            f"{spent.min():.0f} to {spent.max():.0f}",
            "at most 10% apart",
            bool(spent.max() <= 1.1 * spent.min()),
        )
    )
    values = matrices(frame)
    for name in [name for name in (*NASH, *LONG) if name in gaps.index]:
        gap = gaps.loc[name]
        found.append(
            Finding(
                f"{name}: class gap at the end",
                f"{gap['mean']:.3f} [{gap['min']:.3f}, {gap['max']:.3f}] over seeds",
                f"below the reference's, {start:.3f}",
                bool(gap["mean"] < start),
            )
        )
        found.append(allowed(name, last, values, [b for b in FOLLOWERS if b in gaps.index]))
    called = against_reference(values, list(gaps.index))
    found.append(Finding("win rates over the reference", called, "reported", True))
    # The tiny model's runs are too short for the rest of the claim: it is asked of the full ones.
    whole = set(COLOUR) <= set(gaps.index)
    if whole:
        found += [
            not_beaten(values, NASH, "methods after the Nash"),
            not_beaten(values, tuple(LONG), "those of two calls, comparisons 4x,"),
        ]
    reward = last[REWARD].mean()
    worst = max(gaps["mean"][name] for name in NASH if name in gaps.index)
    least = factor if whole else 1.0
    found.append(
        Finding(
            f"{REWARD}: class gap over the largest of a method after the Nash",
            f"{reward / worst:.1f}, {reward:.3f} over {worst:.3f}",
            f"above {least:.1f}" + (": the exact optimum's over the reference's" if whole else ""),
            bool(reward / worst > least),
        )
    )
    averages = trained[trained.metric == "average_unregularised_gap"].groupby(["method", "seed"]).value
    first, final = (of.groupby("method").mean() for of in (averages.first(), averages.last()))
    for name in [name for name in UNREGULARISED if name in gaps.index]:
        found.append(
            Finding(
                f"{name}: unregularised gap of its average policy",
                f"{final[name]:.3f}",
                f"below the reference's, {first[name]:.3f}",
                bool(final[name] < first[name]),
            )
        )
    for name in ("dpo", REWARD) if whole else (REWARD,):
        found.append(nearer(name, policies(frame)))
    return found


def allowed(name: str, last: pd.Series, values: dict, followers: list[str]) -> Finding:
    """J(pi, b) >= 1/2 - gap(pi)/2 for every b, since max_b J(b, pi) - 1/2 = gap(pi)/2 [derived]; of any two seeds."""
    floor = 0.5 - last[name].to_numpy() / 2
    slack = min((values[name, b][1] - floor[:, None]).min() for b in (*followers, *EXACT))
    means = {b: values[name, b][1].mean() for b in followers}
    hardest = min(means, key=means.get)
    return Finding(
        f"{name}: regularised win rate against {', '.join(followers)}",
        f"at least {means[hardest]:.3f} in the mean over seeds (against {hardest})",
        f"at least 1/2 - gap/2, {floor.mean():.3f} in the mean, for any two seeds",
        bool(slack >= -1e-5),  # the frame has six figures
    )


def not_beaten(values: dict, names: tuple[str, ...], called: str) -> Finding:
    """Whether each of the named has a regularised win rate of 1/2 or more against every follower of a reward."""
    beaten = {}
    for name in names:
        rates = {b: values[name, b][1].mean() for b in FOLLOWERS}
        worst = min(rates, key=rates.get)
        if rates[worst] < 0.5:
            beaten[name] = f"{name} ({rates[worst]:.3f} against {worst})"
    return Finding(
        f"{called} that {', '.join(FOLLOWERS)} do not beat, regularised, in the mean over seeds",
        f"{len(names) - len(beaten)} of {len(names)}"
        + (f"; all but {', '.join(beaten.values())}" if beaten else ""),
        f"{len(names)} of {len(names)}",
        not beaten,
    )


def nearer(name: str, known: dict) -> Finding:
    """Whether what follows a reward ends by the exact optimum of rewards and not by the Nash."""
    mine = known[name].mean(0)
    away = {to: 0.5 * np.abs(mine - known[to][0]).sum(-1).mean() for to in EXACT[1:]}
    says = f"{away['exact reward']:.3f} from the optimum of rewards, {away['exact Nash']:.3f} from the Nash"
    holds = bool(away["exact reward"] < away["exact Nash"])
    return Finding(
        f"{name}: total variation of class masses", says, "nearer to the optimum of rewards", holds
    )


EXPERIMENT = Experiment("llm-styled", __doc__, compute, draw, findings, compute_full)

if __name__ == "__main__":
    EXPERIMENT.main()
