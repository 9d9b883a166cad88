"""A language model whose winning style is rare: who finds it, by where the second response of a pair comes from."""

import numpy as np
import pandas as pd

from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE, legend_below

#: The winning style has reference mass exp(-A/tau).
A = 0.25
WINNING = "playful"
#: Where the second response comes from; everything else of the three is the same.
SECOND = {
    "enpo-oracle": ("the elliptical oracle", "vermilion", "o", "solid"),
    "enpo": ("ENPO's Step B", "blue", "s", "dashed"),
    "inpo": ("the policy itself", "orange", "^", "dotted"),
}
IMPLICIT = ("enpo", "inpo")
COMPARATORS = 4
TOPICS = 4


class Watched:
    """A judge that notes the first comparison in which a class takes part."""

    def __init__(self, judge, classify, wanted: int):
        self.judge, self.classify, self.wanted = judge, classify, wanted
        self.asked, self.found = 0, np.nan

    def __call__(self, comparisons):
        if np.isnan(self.found):
            for k, (_, a, b) in enumerate((c.prompt, c.a, c.b) for c in comparisons):
                if self.wanted in (self.classify(None, a), self.classify(None, b)):
                    self.found = self.asked + k + 1
                    break
        self.asked += len(comparisons)
        return self.judge(comparisons)


def _played(inverse_taus, seeds: int, iterations: int, pairs: int, fit_steps: int, teaching: int):
    """Train a copy of one taught model for every tau by each algorithm and seed."""
    from copy import deepcopy

    import torch

    from llm_bridge.policy import CausalPolicy
    from llm_bridge.tasks import StyledTask, Teaching
    from llm_bridge.trainer import Settings, Trainer
    from llm_bridge.training.source import Sampled

    torch.set_num_threads(1)
    rows = []
    for inverse in inverse_taus:
        task = StyledTask.rare(
            1 / inverse, A, size="tiny", topics=TOPICS,
            teaching=Teaching(steps=teaching, batch=16, lr=5e-3, examples=2048),
        )  # fmt: skip
        model = task.policy().model
        distance = _distance(task.class_game(CausalPolicy(model)).game)
        rows.append(("equilibrium", inverse, 0, 0, "cvxpy_distance", distance))
        for name in SECOND:
            for seed in range(seeds):
                judge = Watched(task.judge, task.grammar.classify, task.names.index(WINNING))
                trainer = Trainer(
                    CausalPolicy(deepcopy(model)),
                    task.prompts * (pairs // TOPICS),
                    algorithm(name),
                    Sampled(judge, task.length, features=task.features),
                    tau=task.tau,
                    settings=Settings(fit_steps=fit_steps, lr=3e-3),
                    measure=lambda policy, task=task: task.measure(policy, draws=2),
                    seed=seed,
                ).run(iterations)
                kept = {"class_gap": "class_gap", f"mass {WINNING}": "winning_mass"}
                rows += [
                    (name, inverse, seed, record["comparisons"], metric, record[key])
                    for record in trainer.records
                    for key, metric in kept.items()
                ]
                rows.append((name, inverse, seed, trainer.comparisons, "found_after", judge.found))
    frame = pd.DataFrame(rows, columns=["algorithm", "inverse_tau", "seed", "comparisons", "metric", "value"])
    return frame.assign(value=[float(f"{value:.6g}") for value in frame.value])


def _distance(game) -> float:
    """How far Newton's equilibrium is from CVXPY's, which must agree."""
    from nashsim.equilibrium import check_agreement, solve_cvxpy, solve_newton

    newton, witness = solve_newton(game), solve_cvxpy(game)
    check_agreement(newton, witness)
    return float(np.abs(np.exp(newton.log_policy) - np.exp(witness.log_policy)).sum(axis=1).max())


def algorithm(name: str):
    """Return an algorithm of this figure: the same rule, labels and number of comparisons for all."""
    from llm_bridge.algorithms import get_algorithm

    if name == "inpo":
        return get_algorithm(
            "inpo", labels="duels", pairs={"policy": 1.0}, comparators=COMPARATORS, replay=True
        )
    return get_algorithm(name, n_z=COMPARATORS, **({"alpha": 0.0} if name == "enpo" else {}))


def compute(quick: bool) -> pd.DataFrame:
    """Train at two tau with few pairs; with ``quick``, shorter."""
    if quick:
        return _played((40,), seeds=1, iterations=1, pairs=64, fit_steps=30, teaching=120)
    return _played((20, 40), seeds=1, iterations=8, pairs=64, fit_steps=30, teaching=200)


def compute_full() -> pd.DataFrame:
    """Train at four tau, with more pairs, seeds and iterations."""
    return _played((10, 20, 30, 40), seeds=3, iterations=12, pairs=128, fit_steps=30, teaching=300)


def draw(frame: pd.DataFrame):
    """Draw the mass of the winning style at the smallest tau, and the mean gap of every tau."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.2), layout="constrained")
    inverse = frame.inverse_tau.max()
    for name, (_, colour, marker, style) in SECOND.items():
        mine = frame[frame.algorithm == name]
        masses = _over_seeds(
            mine[(mine.inverse_tau == inverse) & (mine.metric == "winning_mass")], "comparisons"
        )
        look = {"color": PALETTE[colour], "marker": marker, "markersize": 4}
        left.plot(masses.index, masses["mean"], linestyle=style, **look)
        left.fill_between(masses.index, masses["min"], masses["max"], color=PALETTE[colour], alpha=0.18, lw=0)
        gaps = mine[(mine.metric == "class_gap") & (mine.comparisons > 0)]
        gaps = _over_seeds(gaps.groupby(["inverse_tau", "seed"]).value.mean().reset_index(), "inverse_tau")
        right.plot(gaps.index, gaps["mean"], linestyle=style, **look)
        right.fill_between(gaps.index, gaps["min"], gaps["max"], color=PALETTE[colour], alpha=0.18, lw=0)
    left.axhline(np.exp(-A * inverse), color="grey", linestyle=":", linewidth=1)
    note = {"textcoords": "offset points", "ha": "right", "color": "dimgrey", "fontsize": 8}
    last = frame.comparisons.max()
    left.annotate("mass in the reference", (last, np.exp(-A * inverse)), xytext=(-2, -11), **note)
    left.set(
        yscale="log",
        ylim=(None, 2),
        xlabel="comparisons by the judge",
        ylabel="mass of the winning style",
        title=f"1/τ = {inverse:g}: {_luck(frame)}",
    )
    right.axhline(0.5, color="grey", linestyle=":", linewidth=1)
    right.annotate("where it is never written", (inverse, 0.5), xytext=(-2, 14), **note)
    right.set(
        ylim=(0, 0.62),
        xticks=sorted(frame.inverse_tau.unique()),
        xlabel="1/τ (the winning style has mass $e^{-1/(4τ)}$)",
        ylabel="exact class gap, mean over the run",
        title=_won(frame),
    )
    for ax in (left, right):
        ax.grid(linewidth=0.3)
    handles = [
        plt.Line2D([], [], color=PALETTE[c], marker=m, markersize=4, linestyle=s, label=label)
        for label, c, m, s in SECOND.values()
    ]
    seeds = frame.seed.nunique()
    title = "Line: where the second response of a pair comes from" + (
        f"; mean of {seeds} seeds, band: their range." if seeds > 1 else "."
    )
    legend_below(figure, handles, columns=3, note=title)
    return figure


def _luck(frame: pd.DataFrame) -> str:
    """How many runs at the smallest tau compared the winning style, by where the second response comes from."""
    found = frame[(frame.metric == "found_after") & (frame.inverse_tau == frame.inverse_tau.max())]
    met = {name: found[found.algorithm == name].value.notna() for name in SECOND}
    others = pd.concat([met[name] for name in IMPLICIT])
    return f"the oracle met it in {met['enpo-oracle'].sum()} of {len(met['enpo-oracle'])} runs,\n" + (
        f"the others in {others.sum()} of {len(others)}"
    )


def _mean_gaps(frame: pd.DataFrame) -> pd.DataFrame:
    """The class gap, its mean over the run and seeds: a row a 1/tau, a column an algorithm."""
    gaps = frame[(frame.metric == "class_gap") & (frame.comparisons > 0)]
    return gaps.groupby(["inverse_tau", "algorithm"]).value.mean().unstack()[list(SECOND)]


def _won(frame: pd.DataFrame) -> str:
    """At which 1/tau the oracle has the least mean gap, and at which not."""
    gaps = _mean_gaps(frame)
    least = gaps["enpo-oracle"] < gaps[list(IMPLICIT)].min(axis=1)
    best, others = (", ".join(f"{inverse:g}" for inverse in gaps.index[which]) for which in (least, ~least))
    return f"the oracle's gap is the least at 1/τ = {best or 'none'}" + (
        f",\nnot at {others}" if others else ""
    )


def _over_seeds(frame: pd.DataFrame, by: str) -> pd.DataFrame:
    return frame.groupby(by).value.agg(["mean", "min", "max"])


def findings(frame: pd.DataFrame) -> list[Finding]:
    """The oracle compares the rare style at once and climbs to it at the smallest tau; others may draw it by luck."""
    first = int(frame[frame.comparisons > 0].comparisons.min())
    found = frame[frame.metric == "found_after"]
    oracle = found[found.algorithm == "enpo-oracle"].value
    says = f"after at most {oracle.max():.0f} comparisons"
    # One iteration may go to the class `other`, where that is the rarer one.
    holds = bool(oracle.notna().all() and oracle.max() <= 2 * first)
    shown = [
        Finding("the oracle meets the winning style", says, f"within two iterations, {2 * first}", holds)
    ]
    rarest = frame[frame.inverse_tau == frame.inverse_tau.max()]
    for name in IMPLICIT:
        when = found[(found.algorithm == name) & (found.inverse_tau == found.inverse_tau.max())].value
        lucky = f"met it in {when.notna().sum()} of {len(when)} runs"
        last = {key: _last(rarest, key, "winning_mass") for key in (name, "enpo-oracle")}
        mine, theirs = last[name], last["enpo-oracle"]
        shown.append(
            Finding(
                f"{SECOND[name][0]}, 1/τ = {rarest.inverse_tau.max():g}",
                f"{lucky}; last mass {mine.min():.2g} to {mine.max():.2g},"
                f" the oracle's {theirs.min():.2g} to {theirs.max():.2g}",
                "the oracle's is the larger for every seed",
                bool((theirs > mine).all()),
            )
        )
    gaps = _mean_gaps(frame)
    # The mean over a run of one iteration is that of where it began.
    whole = frame[frame.comparisons > 0].comparisons.nunique() > 1
    for inverse, row in gaps.iterrows():
        last = whole and inverse == gaps.index.max()
        rest = min(row[name] for name in IMPLICIT)
        shown.append(
            Finding(
                f"mean class gap over the run, 1/τ = {inverse:g}: the oracle's, and the least of the others'",
                f"{row['enpo-oracle']:.3f}, {rest:.3f}",
                "the oracle's is the smaller"
                if last
                else "reported: where the style is not rare it need not be found"
                if whole
                else "reported: one iteration",
                bool(row["enpo-oracle"] < rest) if last else True,
            )
        )
    return shown


def _last(frame: pd.DataFrame, algorithm: str, metric: str) -> pd.Series:
    mine = frame[(frame.algorithm == algorithm) & (frame.metric == metric)]
    return mine.sort_values("comparisons").groupby("seed").value.last()


EXPERIMENT = Experiment("llm-rare", __doc__, compute, draw, findings, compute_full)

if __name__ == "__main__":
    EXPERIMENT.main()
