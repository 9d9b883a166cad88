"""Optimistic multiplicative weights: the last iterate arrives where plain weights run away; ONPO is the same map."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.engine import run
from nashsim.figures import Curve, Paper, Setting, exact
from nashsim.plots import PALETTE, draw_simplex, legend_below, to_plane
from nashsim.rules import OMWU, ONPO, SPO

GAMES = {"rps": "blue", "comal": "orange", "biased-rps": "green"}
STEPS = (0.05, 0.125)
BURN_IN = 5000
START = (0.2, 0.5, 0.3)
RULES = {"OMWU": OMWU, "ONPO": ONPO, "MWU": SPO}


def compute(quick: bool) -> pd.DataFrame:
    """Run the three maps from one interior start."""
    rows = []
    for name in GAMES:
        for step in STEPS:
            for label, rule in RULES.items():
                length = 200_000
                early = np.arange(0, 2000, 5 if (name, step) == ("comal", STEPS[-1]) else 200)
                done = run(
                    games.get(name),
                    rule(step=step),
                    queries=length,
                    start=START,
                    metrics=["kl_to_lottery"],
                    record=np.r_[early, np.linspace(0, length, 80)],
                    keep_policies=True,
                )
                path = np.exp(done.log_policies[:, 0])
                rows.append(
                    pd.DataFrame(
                        {
                            "game": name,
                            "step": step,
                            "rule": label,
                            "T": done.step,
                            "kl": done.metrics["kl_to_lottery"],
                            "a": path[:, 0],
                            "b": path[:, 1],
                            "c": path[:, 2],
                        }
                    )
                )
    return pd.concat(rows, ignore_index=True)


def chosen(frame, game, rule, step=STEPS[-1]):
    """Return the rows of one run."""
    return frame[(frame.game == game) & (frame.rule == rule) & (frame.step == step)]


def draw(frame: pd.DataFrame):
    """Draw the first 2000 steps on the simplex, and KL to the Nash policy."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(
        1, 2, figsize=(7.8, 3.5), layout="constrained", width_ratios=[1, 1.3]
    )
    draw_simplex(left, ("a", "b", "c"))
    for rule, colour in (("MWU", "vermilion"), ("OMWU", "orange")):
        here = chosen(frame, "comal", rule)
        left.plot(
            *to_plane(here[here["T"] <= 2000][["a", "b", "c"]].to_numpy()).T,
            color=PALETTE[colour],
            linewidth=1,
        )
    nash = exact(games.get("comal"), lottery=True)["policy"]
    left.plot(*to_plane(np.array(nash)), "*", color="white", markeredgecolor="black", markersize=11, zorder=5)
    left.set_title("COMAL's cycle, 2000 steps")
    for name, colour in GAMES.items():
        for rule, dashes in (("OMWU", "-"), ("MWU", (0, (3, 2)))):
            here = chosen(frame, name, rule)
            right.plot(
                here["T"],
                here.kl.clip(lower=1e-32),
                color=PALETTE[colour],
                linestyle=dashes,
                label=f"{rule}, {name}",
            )
    right.set(yscale="log", xlabel="iterations", ylabel="KL(exact Nash ‖ π) [nats]", ylim=(1e-30, 1e4))
    right.set_xticks([0, 1e5, 2e5], ["0", "10⁵", "2·10⁵"])
    note = f"η = {STEPS[-1]:g}, start (.2, .5, .3); star: exact Nash policy; left: MWU red, OMWU orange."
    legend_below(figure, right.get_legend_handles_labels()[0], note, columns=3)
    return figure


def judge(frame: pd.DataFrame) -> list[Curve]:
    """Who arrives at a linear rate, who moves away, and that two names are one map."""
    found = []
    for name in GAMES:
        halves = []
        for step in STEPS:
            here = chosen(frame, name, "OMWU", step)
            here = here[(here.kl > 1e-20) & (here["T"] >= BURN_IN)]
            parts = here.iloc[: len(here) // 2], here.iloc[len(here) // 2 :]
            halves.append([np.polyfit(part["T"], np.log(part.kl), 1)[0] for part in parts])
        ratio = min(late / early for early, late in halves)
        said = (
            f"KL falls by e^({max(map(max, halves)):.2g} T); second half at {ratio:.2f} of the first's rate"
        )
        # a power law would halve its rate at least: its log falls as log T
        linear = bool(max(map(max, halves)) < 0 and ratio > 0.5)
        found.append(Curve(f"OMWU: {name}", said, "linear after a burn-in", linear, ("theorem",)))
        grown = [chosen(frame, name, "MWU", step).kl for step in STEPS]
        least = min((kl.diff().iloc[1:] / kl.iloc[:-1].to_numpy()).min() for kl in grown)
        times = min(kl.iloc[-1] / kl.iloc[0] for kl in grown)
        said = f"KL grows {times:.2g}-fold or more, least relative change {least:.1e}"
        found.append(
            Curve(
                f"MWU: {name}",
                said,
                "moves away from an interior Nash policy",
                bool(least >= -1e-9),
                ("plain weights",),
            )
        )
    one, other = (frame[frame.rule == rule][["a", "b", "c"]].to_numpy() for rule in ("OMWU", "ONPO"))
    off = np.abs(one - other).max()
    # the table keeps nine digits
    found.append(
        Curve("ONPO", f"policies differ by {off:.0e}", "the same map as OMWU", off < 1e-8, ("plain weights",))
    )
    return found


PAPER = Paper(
    id="omwu",
    title=__doc__.partition("\n")[0],
    source="Daskalakis and Panageas, arXiv 1807.04252; linear rates: arXiv 2512.24818, arXiv 2605.13242",
    settings=(
        Setting(
            "theorem",
            "a Nash policy of full support: the last iterate is linear after a burn-in (abstracts)",
            "paper",
        ),
        Setting("plain weights", "any step, interior Nash policy", "paper"),
        Setting("games, η, start", "three cycles of three actions; .05 and .125; (.2, .5, .3)", "ours"),
    ),
    compute=compute,
    draw=draw,
    judge=judge,
    equilibria=lambda: [exact(games.get(name), lottery=True) for name in GAMES],
)

if __name__ == "__main__":
    PAPER.main()
