"""Dueling bandits: Copeland regret of the duels of four learners, and what their pairs cost as policies."""

import numpy as np
import pandas as pd
from _regret import AXES, REGRET, curves, thinned

from nashsim import PreferenceGame, games
from nashsim.figures import Experiment, Finding
from nashsim.online import run_regret
from nashsim.plots import PALETTE, learner_line, legend_below, mean_line
from nashsim.theory import power_of_rounds

LEARNERS = ("uniform", "sparring-exp3", "rucb", "double-thompson", "minimax-adversary")
METRICS = ("copeland_regret", "cvxpy_distance")
BANDITS = LEARNERS[:4]
TITLES = {
    "tldr": "14 LLM policies",
    "cyclic": "cycle under a winner, 4 arms",
    "uniform": "no Condorcet winner, 10 arms",
}
LOSS = AXES["copeland_regret"]
#: Copeland regret of Double Thompson Sampling on the 14 policies, by duels, from the independent NumPy text of the
#: tests (200 seeds): mean and its standard error. A slow test computes them again.
INDEPENDENT = {97: (42.569, 0.206), 977: (261.67, 3.87), 9885: (653.93, 16.72)}


def compute(quick: bool) -> pd.DataFrame:
    """Let the bandits play three matrices; relative UCB plays those that have a Condorcet winner."""
    rounds, seeds = 100_000, 4 if quick else 12  # with fewer rounds, 14 arms are still being told apart
    frames = []
    for game in (games.get("tldr"), cyclic(), games.get("uniform:n=10,seed=0")):
        learners = list(LEARNERS) if game.name == "tldr" else list(BANDITS)
        if game.name == "uniform":
            learners.remove("rucb")
        played = game.replace(tau=0.05)
        frames.append(run_regret(played, learners, rounds=rounds, seeds=seeds, jobs=2, check=True))
    frame = pd.concat(frames, ignore_index=True).drop(columns="setting")
    others = (frame.game == "tldr") & frame.metric.isin(("regret", "condorcet_regret"))
    return thinned(frame[others | frame.metric.isin(METRICS)])


def cyclic() -> PreferenceGame:
    """The cyclic matrix of dueling bandits: one arm beats three by .1, which beat each other in a circle by .4.

    Komiyama et al., Regret Lower Bound and Optimal Algorithm in Dueling Bandit Problem, COLT 2015 [recalled].
    """
    p = [[0.5, 0.6, 0.6, 0.6], [0.4, 0.5, 0.9, 0.1], [0.4, 0.1, 0.5, 0.9], [0.4, 0.9, 0.1, 0.5]]
    return PreferenceGame(p, name="cyclic")


def draw(frame: pd.DataFrame):
    """Draw the regret of the duels on three matrices, and that of the policies played on one of them."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 4, figsize=(11.5, 4.0), layout="constrained")
    frame = frame[frame.rounds >= 10]
    for ax, (game, title) in zip(panels, TITLES.items(), strict=False):
        mine = frame[(frame.game == game) & (frame.metric == "copeland_regret")]
        for learner in BANDITS:
            if (mine.learner == learner).any():
                mean_line(ax, mine[mine.learner == learner], **learner_line(learner))
        ax.set(xscale="log", yscale="log", xlabel="duels T", title=title)
    panels[0].set_ylabel(LOSS)
    means, errors = np.array(list(INDEPENDENT.values())).T
    dots = {"color": PALETTE["black"], "markersize": 3.5, "linestyle": "none", "marker": "o"}
    panels[0].errorbar(
        list(INDEPENDENT), means, 2 * errors, label="Double Thompson, independent text", zorder=3, **dots
    )
    mine = frame[(frame.game == "tldr") & (frame.metric == "regret")]
    for learner in LEARNERS:
        mean_line(panels[3], mine[mine.learner == learner], **learner_line(learner))
    panels[3].set(xscale="log", yscale="log", xlabel="duels T", ylabel=REGRET)
    panels[3].set_title("14 LLM policies: policy played")
    note = (
        f"Mean over {frame.seed.nunique()} seeds, bands: 95% by Student's t. Bandits are charged for both arms of each"
        " duel, on the right as a policy of both; the minimax learner for its main agent's play.\n"
        "Bandits find the best arm, which is not the regularised equilibrium (τ = 0.05)."
    )
    handles = [*panels[3].get_legend_handles_labels()[0], *panels[0].get_legend_handles_labels()[0][-1:]]
    legend_below(figure, handles, note, columns=6)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """The independent text, growth of the duels' regret on each matrix, and regret of the policies played."""

    def of(game: str, learner: str, metric: str = "copeland_regret"):
        one = (frame.game == game) & (frame.learner == learner) & (frame.metric == metric)
        return curves(frame[one])

    def power(name: str, expected: str, low: float, high: float, *where) -> Finding:
        found = power_of_rounds(*of(*where))
        told = f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
        return Finding(f"{name}: power of T, last two decades", told, expected, low <= found.value <= high)

    found = [_agreement(*of("tldr", "double-thompson"))]
    for game in TITLES:
        found += [
            power(f"{game}, uniform", "1 ± 0.02", 0.98, 1.02, game, "uniform"),
            power(f"{game}, double-thompson", "below 0.5, that of sqrt T", 0, 0.5, game, "double-thompson"),
        ]
    for game in ("tldr", "cyclic"):
        ratio = of(game, "rucb")[1][:, -1].mean() / of(game, "double-thompson")[1][:, -1].mean()
        found.append(
            Finding(f"{game}: regret of rucb / double-thompson", f"{ratio:.1f}", "above 1", ratio > 1)
        )
    rounds, regret = of("tldr", "sparring-exp3", "condorcet_regret")
    share = (regret.mean(axis=0) / (2 * np.sqrt(rounds * 14 * np.log(14)))).max()
    name = "tldr: Condorcet regret of sparring-exp3 / 2 sqrt(T K log K), largest"
    found.append(Finding(name, f"{share:.2f}", "at most 1", share <= 1))
    # A Nash mixture of a cycle is not made of Copeland winners.
    found.append(power("uniform, sparring-exp3", "at least 0.9", 0.9, 1.02, "uniform", "sparring-exp3"))
    for learner in ("double-thompson", "rucb"):
        name = f"tldr, policies played by {learner}"
        found.append(power(name, "at least 0.7", 0.7, 1.02, "tldr", learner, "regret"))
    return found


def _agreement(rounds: np.ndarray, regret: np.ndarray) -> Finding:
    """Double Thompson Sampling against the means of the independent text."""
    off = []
    for at, (mean, error) in INDEPENDENT.items():
        mine = np.array([np.exp(np.interp(np.log(at), np.log(rounds), np.log(one))) for one in regret])
        off.append((mine.mean() - mean) / np.hypot(error, mine.std(ddof=1) / np.sqrt(len(mine))))
    told = ", ".join(f"{one:+.1f}" for one in off)
    name = f"tldr, double-thompson: off an independent NumPy text at T = {', '.join(map(str, INDEPENDENT))}"
    return Finding(name, f"{told} standard errors", "within 4", np.abs(off).max() < 4)


EXPERIMENT = Experiment("regret-bandits", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
