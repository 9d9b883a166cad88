"""Magnetic mirror descent: quantal response equilibria of small games, found at a linear rate."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.engine import run
from nashsim.equilibrium import solve
from nashsim.figures import Curve, Paper, Setting, exact
from nashsim.plots import PALETTE, draw_simplex, legend_below, to_plane
from nashsim.rules import MMD

GAMES = {"biased-rps": "blue", "comal": "orange", "p-eps": "green", "tldr": "purple"}
#: alpha of the paper, tau here; the rationality of the logit equilibrium is 1/alpha.
ALPHAS = (1.0, 0.3, 0.1, 0.05)
START = {3: (0.2, 0.5, 0.3)}


def game(name: str, alpha: float):
    """Return a game with the uniform magnet, whose regularised Nash policy is the logit equilibrium."""
    return games.get(name).replace(tau=alpha)


def start(actions: int) -> np.ndarray:
    """Return the first policy."""
    return (
        np.array(START[actions])
        if actions in START
        else np.arange(1, actions + 1) / np.arange(1, actions + 1).sum()
    )


def logit_equilibrium(name: str, alpha: float) -> np.ndarray:
    """Return the logit equilibrium of rationality 1/alpha, pi = softmax(P pi/alpha), by damped iteration.

    It shares no code with the package. Gambit's path tracer would be the peer, but its package comes as source alone,
    which takes a compiler half an hour.
    """
    wins = games.get(name).probabilities[0]
    policy = np.full(len(wins), 1 / len(wins))
    damping = min(0.5, alpha**2)
    for _ in range(round(60 / (damping * alpha))):
        logits = wins @ policy / alpha
        response = np.exp(logits - logits.max())
        policy = (1 - damping) * policy + damping * response / response.sum()
    return policy


def compute(quick: bool) -> pd.DataFrame:
    """Run MMD at e = 4 alpha for every game and alpha; hold the last policy against the logit equilibrium."""
    rows = []
    for name in GAMES:
        for alpha in ALPHAS[:2] if quick else ALPHAS:
            one = game(name, alpha)
            length = int(np.ceil(60 / np.log1p(4 * alpha**2)))
            done = run(one, MMD(), queries=length, start=start(one.actions), record=np.geomspace(1, length, 60),
                       metrics=["kl_to_equilibrium"], keep_policies=True)  # fmt: skip
            path = np.exp(done.log_policies[:, 0])
            common = {"game": name, "alpha": alpha}
            plane = path[:, :3] if one.actions == 3 else np.full((len(path), 3), np.nan)
            kl = done.metrics["kl_to_equilibrium"]
            rows.append(pd.DataFrame({**common, "curve": "kl", "T": done.step, "value": kl, "a": plane[:, 0],
                                      "b": plane[:, 1], "c": plane[:, 2]}))  # fmt: skip
            other = logit_equilibrium(name, alpha)
            off = np.abs(path[-1] - other).max()
            newton = np.abs(solve(one).probabilities[0] - other).max()
            for curve, value in (("off", off), ("newton", newton)):
                rows.append(pd.DataFrame({**common, "curve": curve, "T": [0], "value": value}))
    return pd.concat(rows, ignore_index=True)


def draw(frame: pd.DataFrame):
    """Draw paths on the simplex, KL against the rate, and the distance from the logit equilibria."""
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(10, 3.3), layout="constrained", width_ratios=[1, 1.2, 1]
    )
    draw_simplex(left, ("rock", "paper", "scissors"))
    shades = dict(zip(ALPHAS, ("sky", "green", "orange", "vermilion"), strict=True))
    for alpha, colour in shades.items():
        here = frame[(frame.game == "biased-rps") & (frame.alpha == alpha) & (frame.curve == "kl")]
        if not len(here):
            continue
        plane = to_plane(here[["a", "b", "c"]].to_numpy())
        left.plot(*plane.T, color=PALETTE[colour], linewidth=1.2, label=f"α = {alpha:g}")
        point = to_plane(np.array(exact(game("biased-rps", alpha))["policy"]))
        left.plot(*point, "*", color="white", markeredgecolor="black", markersize=10, zorder=5)
    left.set_title("biased rock–paper–scissors")
    left.legend(loc="upper left", bbox_to_anchor=(-0.12, 1.0), fontsize=7)
    alpha = frame.alpha.min()
    for name, colour in GAMES.items():
        here = frame[(frame.game == name) & (frame.alpha == alpha) & (frame.curve == "kl")]
        middle.plot(here["T"], here.value, color=PALETTE[colour], label=name)
        off = frame[(frame.game == name) & (frame.curve == "off")]
        right.plot(off.alpha, off.value.clip(lower=1e-17), "o", color=PALETTE[colour], fillstyle="none")
    rate = np.array([0, here["T"].max()])
    first = frame[(frame.curve == "kl") & (frame["T"] == 0)].value.max()
    middle.plot(rate, first * (1 + 4 * alpha**2) ** -rate, ":", color="black", label="rate 1/(1 + 4α²)")
    middle.set(
        yscale="log",
        xlabel="iterations",
        ylabel="KL(exact QRE ‖ π) [nats]",
        title=f"α = {alpha:g}",
        ylim=(1e-28, 10),
    )
    right.set(
        xscale="log",
        yscale="log",
        xlabel="α",
        title="last policy − QRE by other means",
        ylabel="largest difference",
    )
    legend_below(
        figure,
        middle.get_legend_handles_labels()[0],
        "Uniform magnet, e = 4α; stars: exact equilibria.",
        columns=5,
    )
    return figure


def judge(frame: pd.DataFrame) -> list[Curve]:
    """The linear rate, and the equality with quantal response equilibria found by others."""
    found = []
    for name in GAMES:
        worst = 0.0
        for alpha, here in frame[
            (frame.game == name) & (frame.curve == "kl") & (frame.value > 1e-24)
        ].groupby("alpha"):
            bound = here.value.iloc[0] * (1 + 4 * alpha**2) ** -here["T"].to_numpy(float)
            worst = max(worst, (here.value / bound).max())
        said = f"largest KL/((1+4α²)^(−T) KL_0): {worst:.3f} over all α"
        found.append(
            Curve(f"rate: {name}", said, "linear, at most 1 at e = 4α", bool(worst <= 1 + 1e-9), ("theorem",))
        )
        off = frame[(frame.game == name) & (frame.curve == "off")]
        newton = frame[(frame.game == name) & (frame.curve == "newton")].value.max()
        said = (
            f"last policy {off.value.max():.0e}, exact solver {newton:.0e} from the QRE by damped iteration"
        )
        found.append(Curve(f"QRE: {name}", said, "logit equilibrium of rationality 1/α", bool(off.value.max() < 1e-9),
                           ("theorem",)))  # fmt: skip
    return found


PAPER = Paper(
    id="mmd",
    title=__doc__.partition("\n")[0],
    source="Sokota et al., Magnetic Mirror Descent, arXiv 2206.05825 (ICLR 2023)",
    settings=(
        Setting(
            "theorem",
            "uniform magnet: the last iterate converges linearly to the logit QRE of rationality 1/α",
            "paper",
        ),
        Setting("games", "four symmetric zero-sum games: two cycles, NLHF's P_ε, its Table 1", "ours"),
        Setting(
            "α, step, start", "1, .3, .1, .05; e = 4α; (.2, .5, .3) or proportional to 1, 2, ..., n", "ours"
        ),
    ),
    compute=compute,
    draw=draw,
    judge=judge,
    equilibria=lambda: [exact(game(name, 0.1)) for name in GAMES],
    missing=(
        "extensive-form games, which are no preference games",
        "QREs by Gambit, whose package must be compiled",
    ),
)

if __name__ == "__main__":
    PAPER.main()
