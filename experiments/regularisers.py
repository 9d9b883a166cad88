"""What a regulariser does: rates of M1 and M2 against tau in its own divergence, and the share of rare responses."""

import numpy as np
import pandas as pd

from nashsim import PreferenceGame, games, solve
from nashsim.engine import run_many, runs_frame
from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE, legend_below
from nashsim.theory import fit_linear_rate, proved_rate

WORDS = {
    "kl": ("KL", "black"),
    "chi2": ("χ²/2", "orange"),
    "mixed": ("KL + χ²/2", "blue"),
    "tsallis:1.5": ("Tsallis 1.5", "green"),
    "forward-kl": ("forward KL", "purple"),
}
#: Strongly convex in l1 for every mu, as the proof of the rate asks; chi2 and Tsallis steps may project besides.
CONVEX, PROJECTING = ("kl", "chi2", "mixed", "tsallis:1.5"), ("chi2", "tsallis:1.5")
#: Strongly convex with min mu only, so that no step is proved for every mu: rates at KL's steps are measured, and from
#: this tau down some runs are slower than KL's factor or never arrive.
WEAK, STEEP = "forward-kl", 0.15
RULES = {"omd": "M1, one call", "nash-mp": "M2, two calls"}
DIVERGENCE = "divergence_to_equilibrium"
RARE = 0.01


def three(word: str, tau: float) -> PreferenceGame:
    """Return the game of a common response, a rare one that beats it surely, and a rare one that loses to both."""
    wins = [[0.5, 0.0, 1.0], [1.0, 0.5, 1.0], [0.0, 0.0, 0.5]]
    reference = [1 - 2 * RARE, RARE, RARE]
    return PreferenceGame(
        wins, reference=reference, tau=tau, labels=["common", "rare winner", "rare loser"], name="rare",
        regulariser=word,
    )  # fmt: skip


def _rates(taus, count: int) -> list[pd.DataFrame]:
    frames = []
    for word in (*CONVEX, WEAK):
        for tau in taus:
            rng = np.random.default_rng(7)
            played = [
                games.get(f"sign:n=6,seed={k}").replace(
                    tau=tau, regulariser=word, reference=rng.dirichlet(np.full(6, 5.0)), name=f"sign-{k}"
                )
                for k in range(count)
            ]
            metrics = ["kl_to_equilibrium"] + ([DIVERGENCE] if word != "kl" else [])
            runs = []
            for rule in RULES:
                queries = int(50 / proved_rate(rule, tau)) + 20
                runs += run_many(
                    played, rule, queries=queries, start="random", record=max(1, queries // 300), metrics=metrics,
                    jobs=2,
                )  # fmt: skip
            checked = runs_frame(runs, check=True)
            kept = checked[checked.metric.str.startswith("cvxpy")]
            rates = [
                (one.game.name, one.rule.name, fit_linear_rate(one.queries, one.metrics[metrics[-1]]))
                for one in runs
            ]
            found = pd.DataFrame(rates, columns=["game", "rule", "value"]).assign(metric="rate")
            frames += [part.assign(tau=tau, regulariser=word) for part in (kept, found)]
    return frames


def compute(quick: bool) -> pd.DataFrame:
    """Fit rates on random games at a few taus, and solve the game of rare responses at many."""
    frames = _rates(np.geomspace(0.1, 3, 2) if quick else np.geomspace(0.03, 3, 9), 2 if quick else 12)
    rows = []
    for word in WORDS:
        for tau in np.geomspace(0.02, 5, 12 if quick else 80):
            game = three(word, tau)
            ratio = solve(game).probabilities[0] / game.reference[0]
            rows += [
                {
                    "game": "rare",
                    "metric": "ratio",
                    "regulariser": word,
                    "tau": tau,
                    "response": label,
                    "value": value,
                }
                for label, value in zip(game.labels, ratio, strict=True)
            ]
    return pd.concat([*frames, pd.DataFrame(rows)], ignore_index=True)


def draw(frame: pd.DataFrame):
    """Draw measured rates beside the proved ones, and pi*/mu of rare responses."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(11.5, 3.9), layout="constrained")
    rates = frame[frame.metric == "rate"].dropna(subset="value")
    grid = np.geomspace(0.03, 3, 100)
    for ax, (rule, title) in zip(axes, RULES.items(), strict=False):
        ax.plot(grid, [proved_rate(rule, tau) for tau in grid], "k:", linewidth=1.6, label="1 − ητ, by proof")
        least = 0.6 * proved_rate(rule, grid[0])
        for place, (word, (name, colour)) in enumerate(WORDS.items()):
            mine = rates[(rates.rule == rule) & (rates.regulariser == word)]
            marks = {"color": PALETTE[colour], "markersize": 4, "label": name}
            at, slow = mine.tau * 1.06 ** (place - 2), mine.value < least
            ax.plot(at[~slow], mine.value[~slow], "o", markerfacecolor="none", alpha=0.7, **marks)
            ax.plot(
                at[slow], np.full(slow.sum(), least), "v", markerfacecolor="none", **{**marks, "label": None}
            )
        ax.set(xscale="log", yscale="log", xlabel="τ", ylabel="rate of D(π*, π)  [1/query]")
        ax.set_title(title)
    right = axes[2]
    for word, (_, colour) in WORDS.items():
        for response, dashes in (("rare winner", "solid"), ("rare loser", "dashed")):
            mine = frame[
                (frame.metric == "ratio") & (frame.regulariser == word) & (frame.response == response)
            ]
            right.plot(1 / mine.tau, mine.value.replace(0, np.nan), color=PALETTE[colour], linestyle=dashes)
    right.plot([], [], "k-", label="rare winner")
    right.plot([], [], "k--", label="rare loser; ends where dropped")
    right.set(xscale="log", yscale="log", xlabel="1/τ", ylabel="π*/μ", ylim=(1e-4, 200))
    right.set_title(f"share of responses with μ = {RARE:g}")
    handles = [*axes[0].get_legend_handles_labels()[0], *right.get_legend_handles_labels()[0]]
    count = rates.game.nunique()
    note = (
        f"Rates on {count} random ± games of 6 responses, at the largest step of the proof for KL; ▽: slower, or none."
        " Forward KL is strongly convex with min μ only: no step is proved for every μ."
    )
    legend_below(figure, handles, note, columns=4)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """No rate below the proved one where R is strongly convex; ranges of pi*/mu; who drops a rare loser."""
    rates = frame[frame.metric == "rate"].dropna(subset="value")
    found = []
    for word in CONVEX:
        for rule, title in RULES.items():
            mine = rates[(rates.regulariser == word) & (rates.rule == rule)]
            slack = (mine.value / [proved_rate(rule, tau) for tau in mine.tau]).min()
            # a fit to 300 records of a curve that oscillates is off by a hundredth
            how = "measured, as steps project" if word in PROJECTING else "proved"
            what = f"{WORDS[word][0]}, {title}: least rate / −log(1 − ητ)"
            found.append(Finding(what, f"{slack:.3f}", f"≥ .99 ({how})", slack >= 0.99))
    for rule, title in RULES.items():
        mine = rates[(rates.regulariser == WEAK) & (rates.rule == rule)]
        slack = mine.value / [proved_rate(rule, tau) for tau in mine.tau]
        large, few = slack[mine.tau > STEEP], slack[mine.tau <= STEEP]
        what = f"{WORDS[WEAK][0]}, {title}: least rate / −log(1 − ητ) at τ > {STEEP:g}; runs below .99 at smaller τ"
        said = f"{large.min():.3f}; {(few < 0.99).sum()} of {len(few)}"
        found.append(Finding(what, said, "≥ .99 (measured: no proof)", large.min() >= 0.99))
    ratio = frame[frame.metric == "ratio"]
    bounds = {"kl": np.exp, "chi2": lambda one: 1 + one, "mixed": lambda one: 1 + one}
    for word, bound in bounds.items():
        mine = ratio[(ratio.regulariser == word)]
        most = (mine.value / bound(1 / mine.tau)).max()
        what = "e^{1/τ}" if word == "kl" else "1 + 1/τ"
        found.append(
            Finding(f"{WORDS[word][0]}: largest π*/μ over {what}", f"{most:.3f}", "≤ 1", most <= 1 + 1e-12)
        )
    for word, (name, _) in WORDS.items():
        mine = ratio[(ratio.regulariser == word) & (ratio.response == "rare loser")]
        dropped = mine[mine.value == 0].tau
        said = f"dropped from τ = {dropped.max():.2f} down" if len(dropped) else "never dropped"
        drops = word in PROJECTING
        found.append(
            Finding(
                f"{name}: the rare loser",
                said,
                "dropped" if drops else "never dropped",
                drops == bool(len(dropped)),
            )
        )
    return found


EXPERIMENT = Experiment("regularisers", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
