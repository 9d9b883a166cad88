"""Several samples to choose from: the symmetric Nash policy of k + 1 players and its promise of k/(k+1)."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.equilibrium import lottery
from nashsim.figures import Curve, Paper, Setting, exact
from nashsim.games.annotators import mixture
from nashsim.plots import PALETTE, legend_below
from nashsim.solutions.samples import sample_nash

MOST = 5
POPULATIONS = {"the Condorcet cycle": "blue", "random users": "orange"}


def utilities(name: str, seed: int) -> np.ndarray:
    """Return utilities, shape (users, actions)."""
    if name == "the Condorcet cycle":
        return np.array([[2.0, 0.0, 1.0], [1.0, 2.0, 0.0], [0.0, 1.0, 2.0]])
    return np.random.default_rng(seed).normal(scale=2.0, size=(4, 5))


def served(known: np.ndarray, policy: np.ndarray, samples: int) -> float:
    """Return the least probability, over single responses, that a user chooses one of k samples of ``policy``.

    All multisets are enumerated by their orders: the users' choice is Luce's.
    """
    worst = 1.0
    strengths = np.exp(known - known.max(axis=1, keepdims=True))
    orders = np.stack(np.meshgrid(*[np.arange(known.shape[1])] * samples, indexing="ij"), -1).reshape(
        -1, samples
    )
    chance = policy[orders].prod(axis=1)
    total = strengths[:, orders].sum(axis=2)
    for single in range(known.shape[1]):
        won = np.mean(total / (total + strengths[:, [single]]), axis=0)
        worst = min(worst, float(chance @ won))
    return worst


def compute(quick: bool) -> pd.DataFrame:
    """Solve the game of every k, and enumerate what k samples of it and of others win."""
    rows = []
    for name in POPULATIONS:
        for seed in range(1 if name != "random users" else 2 if quick else 8):
            known = utilities(name, seed)
            pure = np.eye(known.shape[1])[np.argmax(known.mean(axis=0))]
            pairwise = lottery(mixture(known)).probabilities[0]
            for samples in range(1, (3 if quick else MOST) + 1):
                found = sample_nash(known, samples)
                for curve, policy in (
                    ("k + 1 players", found.probabilities),
                    ("two players", pairwise),
                    ("best mean", pure),
                ):
                    value = served(known, policy, samples)
                    row = {"population": name, "seed": seed, "k": samples, "curve": curve}
                    rows.append(
                        {**row, "value": value, "gap": found.gap if curve == "k + 1 players" else np.nan}
                    )
    return pd.DataFrame(rows)


def draw(frame: pd.DataFrame):
    """Draw the least rate at which one of k samples is chosen."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(7.8, 3.4), sharey=True, layout="constrained")
    looks = {"k + 1 players": ("blue", "-", "exact Nash policy of k + 1 players"),
             "two players": ("orange", (0, (4, 2)), "exact lottery of two players"),
             "best mean": ("vermilion", (0, (1, 1.5)), "best mean utility, k times")}  # fmt: skip
    for ax, name in zip(axes, POPULATIONS, strict=True):
        handles = []
        for curve, (colour, dashes, label) in looks.items():
            here = frame[(frame.population == name) & (frame.curve == curve)].groupby("k").value
            [line] = ax.plot(
                here.min().index,
                here.min(),
                "o",
                color=PALETTE[colour],
                linestyle=dashes,
                markersize=4,
                label=label,
            )
            handles.append(line)
        k = np.array(sorted(frame.k.unique()))
        handles += ax.plot(k, k / (k + 1), "_", color="black", markersize=16, label="promise k/(k+1)")
        ax.set(xlabel="samples k", title=name, xticks=k)
    axes[0].set_ylabel("least rate at which a sample is chosen")
    note = "Luce users choose among k samples and one other response; worst response, worst population."
    legend_below(figure, handles, note, columns=2)
    return figure


def judge(frame: pd.DataFrame) -> list[Curve]:
    """The promise, for every population and k."""
    found = []
    for name in POPULATIONS:
        here = frame[(frame.population == name) & (frame.curve == "k + 1 players")]
        short = (here.value - here.k / (here.k + 1)).min()
        said = f"least rate − k/(k+1) = {short:.0e} for k = 1 to {here.k.max()}"
        # the solver's own certificate is 1e-9, and the table keeps nine digits
        found.append(Curve(name, said, "at least 0", bool(short > -1e-8), ("theorem",)))
    return found


PAPER = Paper(
    id="samples",
    title=__doc__.partition("\n")[0],
    source="(k+1)-player alignment games, arXiv 2601.08777",
    settings=(
        Setting(
            "theorem",
            "symmetric Nash policy of k + 1 players: k samples are chosen at a rate of k/(k+1) or more",
            "paper",
        ),
        Setting(
            "users",
            "Luce's choice; three users on a cycle, or 4 users with normal utilities for 5 responses",
            "ours",
        ),
    ),
    compute=compute,
    draw=draw,
    judge=judge,
    equilibria=lambda: (
        [exact(mixture(utilities(name, 0), name=name), lottery=True) for name in POPULATIONS]
        + [exact(games.get("condorcet-annotators"), lottery=True)]
    ),
)

if __name__ == "__main__":
    PAPER.main()
