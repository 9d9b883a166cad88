"""Regret against duels on four games: implicit exploration, Step B, the oracle, and minimax learners."""

import pandas as pd
from _regret import LEARNERS, REGRET, curves, thinned

from nashsim import games
from nashsim.figures import Experiment, Finding
from nashsim.online import run_regret
from nashsim.plots import learner_line, legend_below, mean_line
from nashsim.theory import power_of_rounds

TITLES = {
    "hard-a": "instance A, τ = 0.1",
    "hard-b": "instance B, τ = 0.04",
    "rps": "RPS, strength .6, τ = 0.1",
    "tldr": "14 LLM policies, τ = 0.05",
}


def compute(quick: bool) -> pd.DataFrame:
    """Let every learner play every game."""
    played = [
        games.get("hard-a").replace(tau=0.1),
        games.get("hard-b", tau=0.04),
        games.get("rps:strength=0.6").replace(tau=0.1, reference=[0.6, 0.3, 0.1], name="rps"),
        games.get("tldr").replace(tau=0.05),
    ]
    rounds, seeds = (20_000, 8) if quick else (100_000, 16)
    frame = run_regret(played, list(LEARNERS), rounds=rounds, seeds=seeds, jobs=2, check=True)
    frame = frame[frame.metric.isin(("regret", "cvxpy_distance"))].drop(columns="setting")
    return thinned(frame)


def draw(frame: pd.DataFrame):
    """Draw one panel a game."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 4, figsize=(11.5, 3.2), layout="constrained")
    regret = frame[(frame.metric == "regret") & (frame.rounds >= 10)]
    for ax, (game, title) in zip(panels, TITLES.items(), strict=True):
        for learner in LEARNERS:
            mine = regret[(regret.game == game) & (regret.learner == learner)]
            mean_line(ax, mine, **learner_line(learner))
        ax.set(xscale="log", yscale="log", xlabel="duels T", title=title)
    panels[0].set_ylabel(REGRET)
    note = (
        f"Charged is the play of the main agent. Mean over {frame.seed.nunique()} seeds, bands: 95% by Student's t."
        " ENPO pays two duels an iteration."
    )
    legend_below(figure, panels[0].get_legend_handles_labels()[0], note, columns=5)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Exploring learners far below the others on B, and growth no faster than sqrt T on the games without a trap."""
    regret = frame[frame.metric == "regret"]

    def of(game: str, learner: str):
        return curves(regret[(regret.game == game) & (regret.learner == learner)])

    found = []
    for explorer, other in (("enpo-oracle", "enpo"), ("minimax-adversary", "minimax-reference")):
        ratio = of("hard-b", other)[1][:, -1].mean() / of("hard-b", explorer)[1][:, -1].mean()
        found.append(
            Finding(f"B: regret of {other} / {explorer}", f"{ratio:.0f}", "at least 10", ratio >= 10)
        )
    for game in TITLES:
        for learner in ("enpo-oracle", "minimax-adversary"):
            power = power_of_rounds(*of(game, learner))
            found.append(
                Finding(
                    f"{game}: power of T of {learner}, last two decades",
                    f"{power.value:.2f} [{power.low:.2f}, {power.high:.2f}]",
                    "at most 0.6",
                    power.value <= 0.6,
                )
            )
    return found


EXPERIMENT = Experiment("regret-rounds", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
