"""ONPO: the average iterate's 1/T and where its printed constant fails, and the last iterate's linear rate."""

import numpy as np
import pandas as pd

from nashsim import PreferenceGame, games
from nashsim.engine import run
from nashsim.figures import Curve, Paper, Setting, exact
from nashsim.plots import PALETTE, legend_below
from nashsim.rules import ONPO, SPO

ACTIONS = {10: "blue", 100: "orange", 1000: "green"}
#: Cycles with one Nash policy, from the start of COMAL's experiment.
LAST = {"comal": "blue", "biased-rps": "orange"}
START = (0.2, 0.5, 0.3)


def winner(actions: int) -> PreferenceGame:
    """Return the game in which one action surely beats all others, which are equal."""
    wins = np.full((actions, actions), 0.5)
    wins[0, 1:], wins[1:, 0] = 1.0, 0.0
    return PreferenceGame(wins, name=f"one winner, n = {actions}")


def compute(quick: bool) -> pd.DataFrame:
    """Run the average at eta = min(1/2, sqrt D), the last iterate at eta = 1/8."""
    rows = []
    for actions in ACTIONS:
        diameter = np.log(actions)
        length = 300 if quick else 3000
        done = run(
            winner(actions),
            ONPO(step=min(0.5, np.sqrt(diameter))),
            queries=length,
            start="uniform",
            record=np.geomspace(1, length, 80),
            metrics=["average_unregularised_gap"],
        )
        late = done.step > 0
        steps, gap = done.step[late], done.metrics["average_unregularised_gap"][late]
        rows.append(pd.DataFrame({"panel": "average", "curve": str(actions), "T": steps, "value": gap}))
        printed = 4 * np.sqrt(diameter) / steps
        rows.append(
            pd.DataFrame({"panel": "printed", "curve": str(actions), "T": steps, "value": gap / printed})
        )
        bound = np.minimum(2 * diameter / (0.5 * steps), 1)
        rows.append(
            pd.DataFrame({"panel": "derived", "curve": str(actions), "T": steps, "value": gap / bound})
        )
    for name in LAST:
        length = 3000 if quick else 200_000
        for curve, rule in ((name, ONPO()), (f"{name}, no optimism", SPO(step=0.125))):
            done = run(
                games.get(name),
                rule,
                queries=length,
                start=START,
                metrics=["kl_to_lottery"],
                record=np.linspace(1, length, 120),
            )
            here = {"panel": "last", "curve": curve, "T": done.step, "value": done.metrics["kl_to_lottery"]}
            rows.append(pd.DataFrame(here))
    return pd.concat(rows, ignore_index=True)


def draw(frame: pd.DataFrame):
    """Draw the average's gap, its ratio to the printed bound, and the last iterate."""
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(10, 3.3), layout="constrained")
    handles = []
    for actions, colour in ACTIONS.items():
        for ax, panel in ((left, "average"), (middle, "printed")):
            here = frame[(frame.panel == panel) & (frame.curve == str(actions))]
            [line] = ax.plot(
                here["T"], here.value.clip(lower=1e-16), color=PALETTE[colour], label=f"n = {actions}"
            )
        handles.append(line)
    steps = frame[(frame.panel == "average") & (frame.curve == "10")]["T"]
    for constant, dashes, label in (
        (4 * np.sqrt(np.log(1000)), ":", "printed 4√D/T, n = 1000"),
        (4 * np.log(1000), "--", "derived 2D/(ηT), n = 1000"),
    ):
        handles += left.plot(steps, constant / steps, dashes, color="black", linewidth=1.1, label=label)
    middle.axhline(1, color=PALETTE["black"], linewidth=0.9)
    for name, colour in LAST.items():
        for curve, dashes in ((name, "-"), (f"{name}, no optimism", (0, (2, 2)))):
            here = frame[(frame.panel == "last") & (frame.curve == curve)]
            right.plot(here["T"], here.value, color=PALETTE[colour], linestyle=dashes, label=curve)
    left.set(xscale="log", yscale="log", xlabel="iterations T", ylabel="unregularised duality gap")
    left.set_title("average iterate, one action beats all")
    middle.set(xscale="log", xlabel="iterations T", ylabel="gap / printed bound")
    middle.set_title("above 1, the printed constant fails")
    right.set(
        yscale="log", xlabel="iterations T", ylabel="KL(exact Nash ‖ π) [nats]", title="last iterate, η = 1/8"
    )
    right.set_ylim(1e-16, 1e9)
    right.set_xticks([0, 1e5, 2e5], ["0", "10⁵", "2·10⁵"])
    right.legend(fontsize=6.5, loc="upper left", ncols=2, columnspacing=0.8, handlelength=1.4)
    legend_below(figure, handles, "D = log n, uniform start, η = 1/2 on the left.", columns=5)
    return figure


def judge(frame: pd.DataFrame) -> list[Curve]:
    """Hold the average against both constants and the last iterate against a straight line."""
    found = []
    for actions in ACTIONS:
        ratio = {
            panel: frame[(frame.panel == panel) & (frame.curve == str(actions))].value.max()
            for panel in ("printed", "derived")
        }
        found.append(
            Curve(
                f"average, printed bound, n = {actions}",
                f"gap reaches {ratio['printed']:.2f} of 4√D/T",
                "at most 1",
                bool(ratio["printed"] <= 1),
                ("average theorem",),
            )
        )
        found.append(
            Curve(
                f"average, order, n = {actions}",
                f"gap at most {ratio['derived']:.2f} of 2D/(ηT)",
                "O(1/T), with the constant derived here at most 1",
                bool(ratio["derived"] <= 1),
                ("average theorem",),
            )
        )
    for name in LAST:
        here = frame[(frame.panel == "last") & (frame.curve == name) & (frame.value > 1e-13)]
        halves = [
            np.polyfit(part["T"], np.log(part.value), 1)[0] for part in (here.iloc[:-1:2], here.iloc[1::2])
        ]
        early, late = here.iloc[: len(here) // 2], here.iloc[len(here) // 2 :]
        factors = [np.polyfit(part["T"], np.log(part.value), 1)[0] for part in (early, late)]
        said = f"KL falls by e^({max(halves):.2g} T); second half at {factors[1] / factors[0]:.2f} of the first's rate"
        # a power law would halve its rate at least: its log falls as log T
        linear = max(factors) < 0 and factors[1] / factors[0] > 0.5
        found.append(
            Curve(
                f"last iterate: {name}",
                said,
                "linear for a unique Nash policy",
                bool(linear),
                ("last theorem",),
            )
        )
    return found


PAPER = Paper(
    id="onpo",
    title=__doc__.partition("\n")[0],
    source="Zhang et al., Optimistic Nash Policy Optimization, arXiv 2502.16852",
    settings=(
        Setting("average theorem", "any game, η = min(1/2, √D), D = log n from a uniform start", "paper"),
        Setting("last theorem", "any game with a unique Nash policy, η ≤ 1/8 (here 1/8)", "paper"),
        Setting(
            "games",
            "one action that beats all, n = 10, 100, 1000; COMAL's cycle, biased rock–paper–scissors",
            "ours",
        ),
        Setting("start of the last iterate", "(.2, .5, .3)", "ours"),
    ),
    compute=compute,
    draw=draw,
    judge=judge,
    equilibria=lambda: [
        *(exact(winner(actions), lottery=True) for actions in (10, 100)),
        *(exact(games.get(name), lottery=True) for name in LAST),
    ],
)

if __name__ == "__main__":
    PAPER.main()
