"""SLHF on the Condorcet cycle: what a leader's follower adds with every further sample, beside Nash and one reward."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.figures import Curve, Paper, Setting, exact
from nashsim.logspace import log_normalise
from nashsim.plots import PALETTE, legend_below
from nashsim.solutions import solutions

TAUS = {0.3: (0, (1, 1.5)), 0.1: (0, (4, 2)), 0.03: "solid"}
MOST = 6


def game():
    """Return NLHF's three humans: y1 ≻ y2 ≻ y3 ≻ y1 with 2/3 each, and each human has another best response."""
    return games.get("three-humans")


def follower(tau: float) -> np.ndarray:
    """Return omega(y' | y) ∝ mu(y') exp(-P(y ≻ y')/tau), shape (leader's, follower's)."""
    wins = game().probabilities[0]
    return np.exp(log_normalise(-wins / tau))


def missed(tau: float, best: int) -> np.ndarray:
    """Return the probability that none of 1..MOST samples is ``best``, each the follower's answer to the one before."""
    answer, now, found = follower(tau), leader(tau), []
    for _ in range(MOST):
        now[best] = 0
        found.append(now.sum())
        now = now @ answer
    return np.array(found)


def leader(tau: float) -> np.ndarray:
    """Return the exact leader's policy of the regularised Stackelberg game."""
    found = solutions(game(), tau, concepts=["stackelberg"], tau_follower=tau, tau_leader=tau)
    return found.probabilities["stackelberg"][0].copy()


def compute(quick: bool) -> pd.DataFrame:
    """Compute everything exactly: a chain of three states, and its win rates over the leader."""
    rows, wins, uniform = [], game().probabilities[0], np.array(exact(game(), lottery=True)["policy"])
    for tau in TAUS:
        lost = np.mean([missed(tau, best) for best in range(3)], axis=0)
        rows += [
            {"panel": "cover", "curve": "chain", "tau": tau, "N": n + 1, "value": 1 - v}
            for n, v in enumerate(lost)
        ]
        joint = leader(tau)[:, None] * follower(tau)
        rows.append(
            {"panel": "win", "curve": "follower", "tau": tau, "N": 2, "value": np.sum(joint * wins.T)}
        )
    for n in range(1, MOST + 1):
        iid = np.mean([1 - (1 - uniform[best]) ** n for best in range(3)])
        rows.append({"panel": "cover", "curve": "Nash", "tau": 0.0, "N": n, "value": iid})
        rows.append({"panel": "cover", "curve": "reward", "tau": 0.0, "N": n, "value": 1 / 3})
    rows.append({"panel": "win", "curve": "Nash", "tau": 0.0, "N": 2, "value": uniform @ wins @ uniform})
    return pd.DataFrame(rows)


def draw(frame: pd.DataFrame):
    """Draw how many humans are served by N samples, and how often the second sample beats the first."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(
        1, 2, figsize=(7.8, 3.4), layout="constrained", width_ratios=[1.5, 1]
    )
    cover = frame[frame.panel == "cover"]
    for tau, dashes in TAUS.items():
        here = cover[(cover.curve == "chain") & (cover.tau == tau)]
        left.plot(here.N, here.value, "o", color=PALETTE["blue"], linestyle=dashes, markersize=4,
                  label=f"leader, then followers, τ = {tau:g}")  # fmt: skip
    for curve, colour, label in (
        ("Nash", "orange", "exact Nash policy, independent"),
        ("reward", "vermilion", "best by one reward"),
    ):
        here = cover[cover.curve == curve]
        left.plot(here.N, here.value, "s-", color=PALETTE[colour], markersize=4, label=label)
    left.set(xlabel="samples N", ylabel="humans whose best is among them", ylim=(0, 1.03))
    wins = frame[frame.panel == "win"]
    labels = [f"follower\nτ = {tau:g}" for tau in TAUS] + ["exact\nNash"]
    colours = [PALETTE["blue"]] * len(TAUS) + [PALETTE["orange"]]
    right.bar(range(len(labels)), wins.value, color=colours, width=0.6)
    right.set_xticks(range(len(labels)), labels, fontsize=8)
    right.axhline(2 / 3, color="black", linestyle=":", linewidth=1)
    right.text(-0.45, 2 / 3 + 0.01, "best answer known, 2/3", fontsize=7)
    right.set(ylabel="P(second sample ≻ first)", ylim=(0.4, 0.75))
    legend_below(
        figure, left.get_legend_handles_labels()[0], "Three humans on the cycle y1 ≻ y2 ≻ y3 ≻ y1.", columns=2
    )
    return figure


def judge(frame: pd.DataFrame) -> list[Curve]:
    """The update is inferred from the abstract, so that nothing has a verdict."""
    cover = frame[frame.panel == "cover"].set_index(["curve", "tau", "N"]).value
    found = []
    for tau in TAUS:
        chained, alone = cover["chain", tau, 3], cover["Nash", 0.0, 3]
        said = f"{chained:.3f} of humans are served by three samples, by the Nash policy {alone:.3f}"
        stated = "refinement at inference serves more users than independent samples [inferred]"
        found.append(Curve(f"followers, τ = {tau:g}", said, stated, bool(chained > alone),
                           ("game", "τ")))  # fmt: skip
    said = f"{cover['Nash', 0.0, MOST]:.3f} by {MOST} samples"
    found.append(
        Curve("Nash", said, "1 − (2/3)^N", bool(abs(cover["Nash", 0.0, 3] - 19 / 27) < 1e-8), ("game",))
    )
    return found


PAPER = Paper(
    id="slhf",
    title=__doc__.partition("\n")[0],
    source="Stackelberg Learning from Human Feedback, arXiv 2512.16626",
    settings=(
        Setting(
            "game",
            "three humans on a 2/3 cycle, each with another best; the paper's own is not known",
            "ours",
        ),
        Setting(
            "follower",
            "ω(y'|y) ∝ μ(y') e^(−P(y ≻ y')/τ), chained: each answers the one before [inferred]",
            "ours",
        ),
        Setting("τ", ".3, .1, .03", "ours"),
    ),
    compute=compute,
    draw=draw,
    judge=judge,
    equilibria=lambda: [exact(game(), lottery=True)],
)

if __name__ == "__main__":
    PAPER.main()
