"""Greedy sampling against optimism and uniform pairs: 20 contexts, 10 actions, 2000 rounds."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.figures import Curve, Paper, Setting, exact
from nashsim.game import PreferenceGame
from nashsim.logspace import kl, log_normalise
from nashsim.plots import PALETTE, legend_below
from nashsim.theory import mean_band

CONTEXTS, ACTIONS, ROUNDS, SEEDS, TAU, WIDTH = 20, 10, 2000, 8, 0.1, 0.5
METHODS = {"greedy": "blue", "optimistic": "orange", "uniform": "vermilion"}


def game() -> PreferenceGame:
    """Return twenty random games, upper triangles uniform on [0, 1], with a uniform reference."""
    wins = np.concatenate(
        [games.get("uniform", n=ACTIONS, seed=seed).probabilities for seed in range(CONTEXTS)]
    )
    return PreferenceGame(wins, tau=TAU, name="20 contexts")


def saddle(payoff: np.ndarray, first: np.ndarray, second: np.ndarray, steps: int):
    """Return both players' log-policies, shape (games, n), of the regularised games ``payoff``, shape (games, n, n).

    Extragradient steps with s = 2 tau, as of Nash Mirror Prox, from where the last round ended; the game of an
    optimist is not symmetric.
    """
    s = 2 * TAU
    eta = s / (TAU * (1 + s))
    turned = -payoff.swapaxes(1, 2)

    def step(base, matrix, other):
        return log_normalise(base / (1 + s) + eta * np.matmul(matrix, np.exp(other)[:, :, None])[:, :, 0])

    for _ in range(steps):
        half, reply = step(first, payoff, second), step(second, turned, first)
        first, second = step(first, payoff, reply), step(second, turned, half)
    return first, second


def play(method: str, rounds: int, seeds: int) -> np.ndarray:
    """Return the cumulative regret of every seed, shape (seeds, rounds), of the policies played."""
    rng = np.random.default_rng(7)
    truth = np.tile(game().probabilities - 0.5, (seeds, 1, 1))
    many, diagonal = np.arange(len(truth)), np.arange(ACTIONS)
    wins = np.zeros(truth.shape)
    policy = other = np.full(truth.shape[:2], -np.log(ACTIONS))
    total = np.zeros((seeds, rounds))
    for t in range(rounds):
        best = log_normalise(np.matmul(truth, np.exp(policy)[:, :, None])[:, :, 0] / TAU)
        total[:, t] = TAU * kl(policy, best).reshape(seeds, CONTEXTS).mean(axis=1)
        # the reference is uniform; Gumbel noise draws from the policy
        leaning = 0.0 if method == "uniform" else policy
        y = np.argmax(leaning + rng.gumbel(size=policy.shape), axis=1)
        z = rng.integers(ACTIONS, size=len(truth))
        won = rng.random(len(truth)) < truth[many, y, z] + 0.5
        wins[many, np.where(won, y, z), np.where(won, z, y)] += 1
        wins[:, diagonal, diagonal] = 0  # a response that meets itself tells nothing
        duels = wins + wins.swapaxes(1, 2)
        payoff = (wins + 0.5) / (duels + 1) - 0.5
        if method == "optimistic":
            bonus = WIDTH / np.sqrt(duels + 1)
            bonus[:, diagonal, diagonal] = 0
            payoff = np.minimum(payoff + bonus, 0.5)
        policy, other = saddle(payoff, policy, other, 10)
    return np.cumsum(total, axis=1)


def compute(quick: bool) -> pd.DataFrame:
    """Play all three."""
    rounds, seeds, rows = (60, 4, []) if quick else (ROUNDS, SEEDS, [])
    kept = np.unique(np.round(np.geomspace(1, rounds, 100)).astype(int)) - 1
    for method in METHODS:
        mean, low, high = mean_band(play(method, rounds, seeds)[:, kept], least=0)
        rows.append(pd.DataFrame({"curve": method, "T": kept + 1, "mean": mean, "low": low, "high": high}))
    return pd.concat(rows, ignore_index=True)


def draw(frame: pd.DataFrame):
    """Draw cumulative regret, on plain axes and against log T."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(7.8, 3.4), sharey=True, layout="constrained")
    for ax, scale in zip(axes, ("linear", "log"), strict=True):
        handles = []
        for method, colour in METHODS.items():
            here = frame[frame.curve == method]
            [line] = ax.plot(here["T"], here["mean"], color=PALETTE[colour], label=method)
            ax.fill_between(here["T"], here.low, here.high, color=PALETTE[colour], alpha=0.18, linewidth=0)
            handles.append(line)
        ax.set(xscale=scale, xlabel="rounds T" + (" (logarithmic)" if scale == "log" else ""))
    axes[0].set_ylabel("cumulative regularised regret")
    note = f"Σ τ KL(π ‖ BR(π)) over contexts, τ = {TAU}; 0 at the exact equilibrium; means over seeds, 95% bands."
    legend_below(figure, handles, note)
    return figure


def judge(frame: pd.DataFrame) -> list[Curve]:
    """Regret at the end; the family of games and tau are ours."""
    last = {method: frame[frame.curve == method].iloc[-1] for method in METHODS}
    stated = {
        "greedy": "O(log T); no optimism needed",
        "optimistic": "O(log T)",
        "uniform": "worse than greedy [recalled]",
    }
    found = []
    for method, one in last.items():
        here = frame[(frame.curve == method) & (frame["T"] >= one["T"] / 10)]
        late = np.polyfit(np.log(here["T"]), np.log(here["mean"]), 1)[0]
        said = f"regret {one['mean']:.1f} [{one.low:.1f}, {one.high:.1f}] by round {one['T']:.0f}, T^{late:.2f} late"
        found.append(Curve(method, said, stated[method], None, ("games", "τ", "rounds")))
    return found


PAPER = Paper(
    id="wu",
    title=__doc__.partition("\n")[0],
    source="Wu et al., Greedy sampling, arXiv 2510.24700",
    settings=(
        Setting("size", f"{CONTEXTS} contexts, {ACTIONS} actions, T = {ROUNDS}", "paper"),
        Setting("greedy", "π_t the regularised Nash policy of the estimate; y ~ π_t, y' ~ μ", "paper"),
        Setting(
            "games",
            "upper triangles uniform on [0, 1], μ uniform; duels counted as (wins + 1/2)/(n + 1)",
            "ours",
        ),
        Setting("τ", f"{TAU}", "ours"),
        Setting("rounds", f"one duel in every context; {SEEDS} seeds", "ours"),
        Setting("optimistic", f"a bonus of {WIDTH}/√(n+1) for the main player; y' ~ μ", "ours"),
        Setting("uniform", "both responses uniform; plays the Nash policy of the estimate", "ours"),
    ),
    compute=compute,
    draw=draw,
    judge=judge,
    equilibria=lambda: [exact(game())],
)

if __name__ == "__main__":
    PAPER.main()
