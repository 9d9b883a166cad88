"""Fixed logs: 1/n at the regularised Nash, what coverage it takes, what wrong classes keep, and real votes replayed."""

import numpy as np
import pandas as pd

from nashsim import PreferenceGame, games, solve
from nashsim.data import PreferenceData
from nashsim.equilibrium import check_agreement, solve_cvxpy
from nashsim.figures import Experiment, Finding
from nashsim.games.tables import read_table
from nashsim.offline import error_constant, pair_policies, pair_shares, population_floor, run_offline
from nashsim.plots import PALETTE, legend_below, mean_line
from nashsim.theory import Estimate, power_of_rounds

TAU = 0.1
LENGTHS = tuple(int(n) for n in np.geomspace(300, 100_000, 6))
RATES = {
    "kl": ("blue", "solid", "KL"),
    "chi2": ("green", (0, (4, 2)), "χ²"),
    "forward-kl": ("purple", (0, (1.5, 1.5)), "forward KL"),
    "lottery": ("vermilion", "solid", "no regulariser (lottery)"),
}
#: A third response that loses to the two that the χ² equilibrium plays: pairs of these two say nothing of it.
DOMINATED = [[0.5, 0.55, 0.9], [0.45, 0.5, 0.9], [0.1, 0.1, 0.5]]
SHARES, SWEPT = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0), 4000
COVERED = {
    "chi2": ("green", "solid", "χ², plug-in"),
    "kl": ("blue", "solid", "KL, plug-in"),
    "pessimistic": ("sky", (0, (4, 2)), "KL, pessimistic"),
}
DIALS, DIAL_GAMES, FITTED = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), 4, 20_000
CLASSES = {"bradley-terry": ("vermilion", "o", "Bradley-Terry"), "low-rank": ("orange", "s", "rank 2")}
VOTES = {
    "plug-in": ("blue", "solid", "plug-in"),
    "pessimistic": ("sky", (0, (4, 2)), "pessimistic"),
    "bradley-terry": ("vermilion", "solid", "Bradley-Terry"),
    "dpo": ("orange", (0, (4, 2)), "DPO"),
    "pepo": ("purple", (0, (1.5, 1.5)), "PEPO"),
}


def compute(quick: bool) -> pd.DataFrame:
    """Sample the logs of all four panels, every true equilibrium held against CVXPY."""
    seeds = 8 if quick else 100
    return pd.concat([_rates(seeds), _coverage(seeds), _floors(quick), _votes(seeds)], ignore_index=True)


def _checked(game: PreferenceGame) -> dict:
    distance = check_agreement(solve(game), solve_cvxpy(game))
    return {"metric": "cvxpy_distance", "value": distance, "game": game.name}


def _rates(seeds: int) -> pd.DataFrame:
    frames, rows = [], []
    for word in RATES:
        game = games.get("biased-rps").replace(tau=TAU, reference=[0.5, 0.3, 0.2])
        method, metric = ("lottery", "unregularised_gap") if word == "lottery" else ("plug-in", "duality_gap")
        game = game if word == "lottery" else game.replace(regulariser=word)
        frame = run_offline(game, method, duels=LENGTHS, seeds=seeds)
        frames.append(frame[frame.metric == metric].assign(variant=word))
        if word != "lottery":
            constant = 2 * error_constant(game, pair_shares(game, *pair_policies(game, "uniform")))
            rows += [
                {"variant": word, "duels": n, "metric": "predicted", "value": constant / n} for n in LENGTHS
            ]
            rows.append({**_checked(game), "variant": word})
    return pd.concat([*frames, pd.DataFrame(rows)]).assign(panel="rates")


def _coverage(seeds: int) -> pd.DataFrame:
    frames, rows = [], []
    for variant in COVERED:
        method, word = ("pessimistic", "kl") if variant == "pessimistic" else ("plug-in", variant)
        game = PreferenceGame(DOMINATED, tau=TAU / 2, regulariser=word, name="dominated")
        for share in SHARES:
            frame = run_offline(game, method, duels=SWEPT, pairs=f"unilateral:{share}", seeds=seeds)
            frames.append(frame[frame.metric == "duality_gap"].assign(variant=variant, share=share))
        rows.append({**_checked(game), "variant": variant})
    return pd.concat([*frames, pd.DataFrame(rows)]).assign(panel="coverage")


def _floors(quick: bool) -> pd.DataFrame:
    rows = []
    for dial in DIALS[:: 2 if quick else 1]:
        for k in range(2 if quick else DIAL_GAMES):
            logits = np.random.default_rng(k).normal(
                size=6
            )  # the cycle's own answer to a uniform mu is uniform too
            reference = np.exp(logits) / np.exp(logits).sum()
            game = games.get(f"dial:n=6,dial={dial},seed={k}")
            game = game.replace(tau=TAU, reference=reference, name=f"dial-{dial:g}-{k}")
            shares = pair_shares(game, *pair_policies(game, "uniform"))
            right = 2 * error_constant(game, shares) / FITTED
            rows.append(_checked(game))
            for model in CLASSES:
                error, floor = population_floor(game, shares, model)
                frame = run_offline(game, model, duels=FITTED, seeds=1)
                gap = frame[frame.metric == "duality_gap"].value.iloc[0]
                common = {"game": game.name, "variant": model, "seed": k, "dial": dial, "duels": FITTED}
                found = {"misspecification": error, "floor": floor, "fitted_gap": gap, "right": right}
                rows += [{**common, "metric": name, "value": value} for name, value in found.items()]
    return pd.DataFrame(rows).assign(panel="floors")


def _votes(seeds: int) -> pd.DataFrame:
    labels, wins = read_table("glasgow")
    data = PreferenceData.from_comparisons(labels, wins, name="glasgow")
    game = data.game(tau=TAU / 2)
    lengths = [int(n) for n in np.geomspace(100, 15_000, 6)]
    frame = run_offline(game, list(VOTES), duels=lengths, seeds=seeds, votes=data)
    frame = frame[frame.metric == "duality_gap"]
    checked = pd.DataFrame([_checked(game)])
    return pd.concat([frame.assign(variant=frame.method), checked]).assign(panel="votes")


def draw(frame: pd.DataFrame):
    """Draw the rates, the coverage sweep, the floors and the replay."""
    import matplotlib.pyplot as plt

    figure, grid = plt.subplots(2, 2, figsize=(9.2, 7.0), layout="constrained")
    for ax, panel in zip(grid.ravel(), (_draw_rates, _draw_coverage, _draw_floors, _draw_votes), strict=True):
        panel(ax, frame)
    seeds = int(frame[frame.panel == "rates"].seed.nunique())
    note = (
        f"Mean over {seeds} logs, bands: 95 % by Student's t. Dotted in the first panel: the exact constant over n, of"
        " the game alone.\nSecond: the two responses of the χ² equilibrium against (1 − c) themselves + c anybody,"
        f" {SWEPT} duels; its constant is infinite at c = 0.\nThird: a random game a point,"
        f" filled with infinitely many duels, hollow fitted to {FITTED}. Last: votes of Glasgow Govan 2007, each once,"
        " against all of them."
    )
    legend_below(figure, [], note)
    return figure


def _draw_rates(ax, frame):
    mine = frame[frame.panel == "rates"]
    for word, (colour, dashes, label) in RATES.items():
        rows = mine[mine.variant == word]
        curve = rows[rows.metric.isin(("duality_gap", "unregularised_gap"))]
        power = _power(curve)
        mean_line(
            ax,
            curve,
            x="duels",
            color=PALETTE[colour],
            linestyle=dashes,
            marker=".",
            label=f"{label}: $n^{{{power.value:.2f}}}$",
        )
        predicted = rows[rows.metric == "predicted"]
        ax.plot(predicted.duels, predicted.value, ":", color=PALETTE[colour], linewidth=1)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="duels n",
        ylabel="duality gap",
        title="plug-in Nash: 1/n, lottery: 1/√n",
    )
    ax.legend()


def _draw_coverage(ax, frame):
    mine = frame[(frame.panel == "coverage") & (frame.metric == "duality_gap")]
    for variant, (colour, dashes, label) in COVERED.items():
        rows = mine[mine.variant == variant].assign(share=lambda f: f.share.clip(lower=3e-4))
        mean_line(ax, rows, x="share", color=PALETTE[colour], linestyle=dashes, marker=".", label=label)
    ax.set(
        xscale="log", yscale="log", xlabel="share c of duels against anybody (left: none)", ylabel="duality gap",
        title="single-policy coverage is not enough in a game",
    )  # fmt: skip
    ax.legend()


def _draw_floors(ax, frame):
    wide = frame[(frame.panel == "floors") & frame.variant.notna()].pivot_table(
        index=["game", "variant"], columns="metric", values="value"
    )
    for model, (colour, marker, label) in CLASSES.items():
        rows = wide.xs(model, level="variant")
        style = {"linestyle": "none", "marker": marker, "color": PALETTE[colour], "markersize": 5}
        ax.plot(rows.misspecification, rows.floor, label=label, **style)
        ax.plot(rows.misspecification, rows.fitted_gap, markerfacecolor="none", **style)
    ax.set(
        xlabel="misspecification, root of E (P_class − P)²",
        ylabel="duality gap",
        title="what a wrong class keeps",
    )
    ax.legend()


def _draw_votes(ax, frame):
    mine = frame[(frame.panel == "votes") & (frame.metric == "duality_gap")]
    for method, (colour, dashes, label) in VOTES.items():
        rows = mine[mine.variant == method]
        mean_line(ax, rows, x="duels", color=PALETTE[colour], linestyle=dashes, marker=".", label=label)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="votes",
        ylabel="duality gap",
        title="real votes of a cycle, replayed",
    )
    ax.legend()


def _power(curve: pd.DataFrame) -> Estimate:
    """Slope of the mean on logarithmic axes over the last two decades, its interval by jackknife over the logs."""
    table = curve.pivot(index="seed", columns="duels", values="value")
    return power_of_rounds(table.columns.to_numpy(float), table.to_numpy())


def _ratio(curve: pd.DataFrame, predicted: float) -> tuple[float, float]:
    """Mean of the last record over its prediction, and its standard error."""
    last = curve[curve.duels == curve.duels.max()].value / predicted
    return float(last.mean()), float(last.std(ddof=1) / np.sqrt(len(last)))


def findings(frame: pd.DataFrame) -> list[Finding]:
    """1/n with the constant that the game tells, 1/sqrt n without a regulariser, and where neither comes."""
    found = []
    rates = frame[frame.panel == "rates"]
    for word, (*_, label) in RATES.items():
        rows = rates[rates.variant == word]
        curve = rows[rows.metric.isin(("duality_gap", "unregularised_gap"))]
        power, wanted = _power(curve), -0.5 if word == "lottery" else -1.0
        found.append(
            Finding(
                f"{label}: power of n",
                f"{power.value:.2f} [{power.low:.2f}, {power.high:.2f}]",
                f"{wanted:g} ± 0.2",
                abs(power.value - wanted) < 0.2,
            )
        )
        if word != "lottery":
            predicted = rows[rows.metric == "predicted"]
            at = float(predicted[predicted.duels == predicted.duels.max()].value.iloc[0])
            ratio, error = _ratio(curve, at)
            found.append(
                Finding(
                    f"{label}: gap of the longest logs over the constant", f"{ratio:.2f} ± {error:.2f}",
                    "1 within four standard errors", abs(ratio - 1) < 4 * error,
                )
            )  # fmt: skip
    swept = frame[(frame.panel == "coverage") & (frame.metric == "duality_gap")]
    mean = swept.groupby(["variant", "share"]).value.mean()
    alone, anybody = mean["chi2"][0.0], mean["chi2"][1.0]
    found.append(
        Finding("χ²: gap with single-policy over unilateral coverage", f"{alone / anybody:.0f}", "at least 20",
                alone >= 20 * anybody)
    )  # fmt: skip
    floors = frame[frame.panel == "floors"].groupby(["variant", "dial", "metric"]).value.mean().unstack()
    right = floors.loc["bradley-terry"].iloc[0]
    found.append(
        Finding(
            f"Bradley-Terry: floor of transitive games over the right class's gap at {FITTED}",
            f"{right.floor / right.right:.1g}",
            "below 0.001",
            right.floor < 0.001 * right.right,
        )
    )
    for model, (*_, label) in CLASSES.items():
        last = floors.loc[model].iloc[-1]
        found.append(
            Finding(
                f"{label}: floor of the most cyclic games over the right class's gap at {FITTED}",
                f"{last.floor / last.right:.2g}",
                "above 2",
                last.floor > 2 * last.right,
            )
        )
    votes = frame[(frame.panel == "votes") & (frame.metric == "duality_gap")]
    last = votes[votes.duels == votes.duels.max()].groupby("variant").value.mean()
    ratio = last["bradley-terry"] / last["plug-in"]
    found.append(
        Finding("votes: Bradley-Terry's gap over the plug-in's", f"{ratio:.1f}", "above 1", ratio > 1)
    )
    return found


EXPERIMENT = Experiment("offline", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
