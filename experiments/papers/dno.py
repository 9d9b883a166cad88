"""DNO: the fitted step is off by a squared total variation of order 1/N, and every exact step improves on the last."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.engine import Feedback, run, run_many
from nashsim.figures import Curve, Paper, Setting, exact
from nashsim.plots import PALETTE, legend_below
from nashsim.rules import DNO

PAIRS = (300, 1000, 3000, 10_000, 30_000, 100_000)
GAMES = {
    "comal": ("COMAL's cycle, n = 3", "blue", "o"),
    "uniform:seed=1": ("random, n = 10", "orange", "s"),
    "tldr": ("14 LLM policies (NLHF, Table 1)", "green", "D"),
}
ETA_INVERSE = 0.2


def compute(quick: bool) -> pd.DataFrame:
    """Fit one step on N pairs many times; take 100 exact steps."""
    rows = []
    for name in GAMES:
        game, rule = games.get(name).replace(tau=0.2, name=name), DNO(eta_inverse=ETA_INVERSE)
        [target] = run_many([game], rule, queries=1, metrics=[])
        for pairs in PAIRS[: 3 if quick else None]:
            runs = run_many(
                [game],
                rule,
                queries=1,
                seeds=range(40 if quick else 100),
                metrics=[],
                feedback=Feedback("pairs", pairs),
            )
            off = [0.5 * np.abs(np.exp(one.log_policy) - np.exp(target.log_policy)).sum() for one in runs]
            squares = np.array(off) ** 2
            error = squares.std(ddof=1) / np.sqrt(len(squares))
            rows.append({"panel": "fit", "game": name, "x": pairs, "y": squares.mean(), "error": error})
        steps = run(game, rule, queries=100, record=1, metrics=[], keep_policies=True).log_policies[:, 0]
        wins = game.probabilities[0]
        for before, after in zip(steps[:-1], steps[1:], strict=True):
            improved = np.exp(after) @ wins @ np.exp(before) - 0.5
            moved = ETA_INVERSE * np.sum(np.exp(after) * (after - before))
            rows.append({"panel": "improvement", "game": name, "x": moved, "y": improved, "error": 0.0})
    return pd.DataFrame(rows)


def power(frame: pd.DataFrame) -> tuple[float, float]:
    """Return the fitted power of N and its standard error, from those of the means."""
    x = np.log(frame.x) - np.log(frame.x).mean()
    weights = x / (x @ x)
    return float(weights @ np.log(frame.y)), float(np.sqrt(np.sum((weights * frame.error / frame.y) ** 2)))


def draw(frame: pd.DataFrame):
    """Draw the fit's error against N, and every step's win over the last against what is promised."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.8, 3.6), layout="constrained")
    handles = []
    for name, (label, colour, marker) in GAMES.items():
        fit, step = (frame[(frame.game == name) & (frame.panel == panel)] for panel in ("fit", "improvement"))
        handles.append(
            left.errorbar(
                fit.x,
                fit.y,
                yerr=2 * fit.error,
                fmt=f"{marker}-",
                color=PALETTE[colour],
                markersize=4,
                capsize=2,
                label=label,
            )
        )
        right.plot(step.x, step.y, marker, color=PALETTE[colour], markersize=3.5, fillstyle="none")
    grid = np.array([frame[frame.panel == "fit"].x.min(), frame[frame.panel == "fit"].x.max()])
    handles += left.plot(grid, 30 / grid, ":", color="black", label="the theorem's order, or bound")
    ends = np.array([frame[frame.panel == "improvement"].x.clip(lower=1e-12).min(), 1])
    right.plot(ends, ends, ":", color="black")
    left.set(xscale="log", yscale="log", xlabel="sampled pairs N", ylabel="TV(fitted step, exact step)²")
    left.set_title("one step fitted on N pairs: order 1/N")
    right.set(xscale="log", yscale="log", xlabel="η_I KL(π+ ‖ π)", ylabel="P(π+ ≻ π) − 1/2")
    right.set_title("every exact step improves")
    legend_below(figure, handles, f"η_I = {ETA_INVERSE}; bars: two standard errors of the mean.", columns=2)
    return figure


def judge(frame: pd.DataFrame) -> list[Curve]:
    """The power of N, to three standard errors, and the promised improvement."""
    found = []
    for name, (label, *_) in GAMES.items():
        value, error = power(frame[(frame.game == name) & (frame.panel == "fit")])
        said = f"squared TV falls as N^({value:.3f} ± {error:.3f})"
        holds = value <= -1 + 3 * error
        found.append(Curve(f"1/N: {label}", said, "1/N up to a logarithm, or faster", holds, ("theorem",)))
        step = frame[(frame.game == name) & (frame.panel == "improvement")]
        # the last steps of a pure policy move by rounding alone
        short = (step.y - step.x).min()
        said = f"least P(π+ ≻ π) − 1/2 − η_I KL(π+ ‖ π): {short:.1e}"
        found.append(
            Curve(f"improvement: {label}", said, "at least 0", bool(short >= -1e-9), ("improvement",))
        )
    return found


PAPER = Paper(
    id="dno",
    title=__doc__.partition("\n")[0],
    source="Rosset et al., Direct Nash Optimization, arXiv 2404.03715",
    settings=(
        Setting(
            "theorem", "TV(π_t+1, target)² = O(C R² log(|Π|/δ)/N) for N pairs from π_t, any game", "paper"
        ),
        Setting("improvement", "P(target ≻ π_t) ≥ 1/2 + η_I KL(target ‖ π_t), any game", "paper"),
        Setting("games", "COMAL's cycle, one random game of n = 10, NLHF's Table 1", "ours"),
        Setting(
            "η_I and N", f"{ETA_INVERSE}; 300 to 100,000 pairs, 100 seeds, from the uniform policy", "ours"
        ),
    ),
    compute=compute,
    draw=draw,
    judge=judge,
    equilibria=lambda: [
        exact(games.get(name).replace(tau=0.2), label) for name, (label, *_) in GAMES.items()
    ],
)

if __name__ == "__main__":
    PAPER.main()
