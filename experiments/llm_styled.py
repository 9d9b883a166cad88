"""Every algorithm on a language of styles that beat each other in a cycle: exact class gaps, and who beats whom."""

import numpy as np
import pandas as pd
from _styled import BETA, REWARD, TAU, Scale, cache_folder, kept_run, make_task, plans, run_one

from nashsim.data import fit_strengths
from nashsim.engine import run, runs_frame
from nashsim.logspace import log_normalise
from nashsim.plots import PALETTE, Experiment, Finding, legend_below

#: Groups of the figure: colour and members. The first two are after the regularised Nash with their last iterate.
GROUPS = {
    "mirror steps, fitted": ("blue", ("nash-md", "nash-mp", "nash-prox", "inpo", "enpo")),
    "gradient steps": (
        "orange",
        ("nash-md-pg", "nash-ema-pg", "nash-mp-pg", "nash-prox-pg", "egpo", "online-ipo", "ipo-md"),
    ),
    "after the unregularised Nash": ("green", ("sppo", "dno", "dno-prct", "mnpo", "comal")),
    "after a reward": ("vermilion", ("dpo", "kto", "xpo", REWARD)),
}
COLOUR = {name: colour for colour, members in GROUPS.values() for name in members}
NASH = tuple(name for title in list(GROUPS)[:2] for name in GROUPS[title][1])
UNREGULARISED, FOLLOWERS = (GROUPS[title][1] for title in list(GROUPS)[2:])
#: Policies known without training.
EXACT = ("reference", "exact Nash", "exact reward")
#: Rates are of {3e-5, 1e-4, 3e-4}, by seed 100 at 768 comparisons: for fits by Nash-MP and INPO, whose rate DPO has too,
#: for gradient steps by Nash-MD-PG and online IPO.
FULL = Scale(
    **{"size": "5m", "topics": 6, "budget": 1536, "draws": 16},
    teaching={"steps": 500, "batch": 32, "lr": 1e-3, "examples": 4096},
    rates={"fit": 1e-4, "gradient": 3e-5, "reward": 1e-4},
)
SMALL = Scale(
    **{"size": "tiny", "topics": 4, "budget": 640, "draws": 8},
    teaching={"steps": 150, "batch": 24, "lr": 1e-2, "examples": 512},
    rates={"fit": 1e-3, "gradient": 1e-3, "reward": 1e-3},
)
SEEDS = (0, 1, 2)
COLUMNS = ["method", "executor", "seed", "comparisons", "metric", "at", "value"]


def compute(quick: bool) -> pd.DataFrame:
    """Train the tiny model by every method with one seed, or by four of them."""
    task = make_task(SMALL)
    model = task.build_model()
    names = ("nash-mp", "inpo", "dpo", REWARD) if quick else tuple(COLOUR)
    runs = {(name, 0): run_one(task, model, SMALL, name, 0) for name in names}
    return gather(task, model, SMALL, runs)


def compute_full() -> pd.DataFrame:
    """Train the model of five million parameters, three seeds each; finished runs are kept and not done again."""
    task = make_task(FULL, cache_folder() / "models")
    model = task.build_model()
    runs = {
        (name, seed): kept_run(task, model, FULL, name, seed) for seed in SEEDS for name in COLOUR
    }
    return gather(task, model, FULL, runs)


def gather(task, model, scale: Scale, runs: dict) -> pd.DataFrame:
    """Return the frame of finished runs, with what is exact and the tabular runs beside them."""
    from llm_bridge.policy import CausalPolicy

    rows = []

    def masses(name, executor, seed, table):
        for prompt, row in enumerate(table):
            rows.extend((name, executor, seed, np.nan, f"mass {c}", prompt, m) for c, m in zip(task.names, row, strict=True))

    for (name, seed), done in runs.items():
        for record in done["records"]:
            for metric in ("class_gap", "average_unregularised_gap"):
                rows.append((name, "language model", seed, record["comparisons"], metric, np.nan, record[metric]))
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
        plan = plans(scale.budget, scale.topics)[name]
        if seed != min(SEEDS) or plan.group != "fit":
            continue
        last = runs[name, seed]["records"][-1]
        own = {k: v for k, v in plan.parameters.items() if k not in ("responses", "comparators")}
        if name == REWARD:
            continue
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
