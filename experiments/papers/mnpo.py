"""MNPO: the average iterate's gap with two to five players, at steps of order 1/sqrt T."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.engine import run
from nashsim.figures import Curve, Paper, Setting, draw_spread, exact, slope, spread
from nashsim.plots import PALETTE, legend_below
from nashsim.rules import MNPO

PLAYERS = {2: "blue", 3: "orange", 5: "green"}
START = (0.6, 0.3, 0.1)


def instances(count: int) -> list:
    """Return three cycles and random games of sure comparisons, each with its start."""
    cycles = [(games.get(name), np.array(START)) for name in ("rps", "comal", "biased-rps")]
    return cycles + [(games.get("sign", n=9, seed=seed), np.full(9, 1 / 9)) for seed in range(count)]


def compute(quick: bool) -> pd.DataFrame:
    """Run every number of players at the step sqrt(8 D/T) of every T."""
    rows = []
    for length in np.unique(
        np.round(np.geomspace(10, 3000 if quick else 100_000, 7 if quick else 17)).astype(int)
    ):
        for players in PLAYERS:
            for game, start in instances(2 if quick else 10):
                step = float(np.sqrt(8 * -np.log(start.min()) / length))
                done = run(
                    game,
                    MNPO(step=step, players=players),
                    queries=int(length),
                    start=start,
                    record=int(length),
                    metrics=["average_unregularised_gap", "unregularised_gap"],
                )
                for metric, values in done.metrics.items():
                    rows.append({"players": players, "T": length, "metric": metric, "value": values[-1]})
    return spread(pd.DataFrame(rows), ["players", "T", "metric"])


def draw(frame: pd.DataFrame):
    """Draw the gaps of the average and the last iterate."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(7.6, 3.4), sharey=True, layout="constrained")
    titles = {"average_unregularised_gap": "average iterate", "unregularised_gap": "last iterate"}
    for ax, (metric, title) in zip(axes, titles.items(), strict=True):
        handles = []
        for players, colour in PLAYERS.items():
            here = frame[(frame.players == players) & (frame.metric == metric)]
            label = f"{players} players" + (" (multiplicative weights)" if players == 2 else "")
            handles.append(draw_spread(ax, here, "T", color=PALETTE[colour], label=label))
        ax.set(xscale="log", yscale="log", xlabel="iterations T, step √(8D/T)", title=title)
    first = frame[frame.metric == "average_unregularised_gap"]["T"].drop_duplicates()
    handles += axes[0].plot(first, 3 / np.sqrt(first), ":", color="black", label="order 1/√T")
    axes[0].set_ylabel("unregularised duality gap")
    note = "Medians over three cycles and ten random games of sure comparisons, n = 9; bands: their range."
    legend_below(figure, handles, note)
    return figure


def judge(frame: pd.DataFrame) -> list[Curve]:
    """The power of T in the worst game's gap."""
    found = []
    for players in PLAYERS:
        here = frame[(frame.players == players) & (frame.metric == "average_unregularised_gap")]
        late = here[here["T"] >= 100]
        power = slope(late["T"], late.high)
        residual = np.log(late.high) - np.polyval(
            np.polyfit(np.log(late["T"]), np.log(late.high), 1), np.log(late["T"])
        )
        x = np.log(late["T"]) - np.log(late["T"]).mean()
        error = float(np.sqrt(np.sum(residual**2) / max(1, len(late) - 2) / np.sum(x**2)))
        said = f"worst gap falls as T^({power:.2f} ± {error:.2f})"
        found.append(
            Curve(
                f"average iterate, {players} players",
                said,
                "O(T^(−1/2))",
                bool(power <= -0.5 + 2 * error),
                ("theorem",),
            )
        )
    return found


PAPER = Paper(
    id="mnpo",
    title=__doc__.partition("\n")[0],
    source="Multiplayer Nash Preference Optimization, arXiv 2509.23102",
    settings=(
        Setting(
            "theorem",
            "average iterate, steps of order 1/√T, any game and number of players: O(1/√T)",
            "paper",
        ),
        Setting(
            "games",
            "three cycles from (.6, .3, .1), ten games of sure comparisons, n = 9, uniform start",
            "ours",
        ),
        Setting("players", "2, 3, 5; the opponents are the last iterates", "ours"),
    ),
    compute=compute,
    draw=draw,
    judge=judge,
    equilibria=lambda: [exact(game, lottery=True) for game, _ in instances(2)],
)

if __name__ == "__main__":
    PAPER.main()
