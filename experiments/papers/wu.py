"""Greedy sampling against optimism and uniform pairs: 20 contexts, 10 actions, 2000 duels."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.figures import Curve, Paper, Setting, exact
from nashsim.game import PreferenceGame
from nashsim.logspace import kl, log_normalise
from nashsim.plots import PALETTE, legend_below
from nashsim.theory import mean_band

CONTEXTS, ACTIONS, ROUNDS, SEEDS, TAU, WIDTH = 20, 10, 2000, 16, 0.1, 0.5
METHODS = {"greedy": "blue", "optimistic": "orange", "uniform": "vermilion"}


def game() -> PreferenceGame:
    """Return twenty random games, upper triangles uniform on [0, 1], with a uniform reference."""
    wins = np.concatenate(
        [games.get("uniform", n=ACTIONS, seed=seed).probabilities for seed in range(CONTEXTS)]
    )
    return PreferenceGame(wins, tau=TAU, name="20 contexts")


def saddle(payoff: np.ndarray, log_mu: float, first, second, steps: int):
    """Return both players' log-policies of the regularised games with ``payoff``, shape (seeds, n, n), warm-started.

    Extragradient steps with s = 2 tau, as of Nash Mirror Prox; the game of an optimist is not symmetric.
    """
    s = 2 * TAU
    eta = s / (TAU * (1 + s))
    turned = -payoff.swapaxes(1, 2)

    def step(base, matrix, other):
        answer = np.matmul(matrix, np.exp(other)[:, :, None])[:, :, 0]
        return log_normalise((base + s * log_mu) / (1 + s) + eta * answer)

    for _ in range(steps):
        half, reply = step(first, payoff, second), step(second, turned, first)
        first, second = step(first, payoff, reply), step(second, turned, half)
    return first, second


def play(method: str, rounds: int, seeds: int) -> np.ndarray:
    """Return the cumulative regret of every seed, shape (seeds, rounds), of the policies played."""
    truth, rng = game().probabilities - 0.5, np.random.default_rng(7)
    shape = (seeds, CONTEXTS, ACTIONS)
    wins, duels = np.zeros((*shape, ACTIONS)), np.zeros((*shape, ACTIONS))
    log_mu, everyone = -np.log(ACTIONS), np.arange(seeds)
    policy, other = np.full(shape, log_mu), np.full(shape, log_mu)

    def charged(log_policy, matrix):
        best = log_normalise(log_mu + np.matmul(matrix, np.exp(log_policy)[..., None])[..., 0] / TAU)
        return TAU * kl(log_policy, best)

    regret = charged(policy, truth[None])
    total = np.zeros((seeds, rounds))
    for t in range(rounds):
        total[:, t] = regret.mean(axis=1)
        x = rng.integers(CONTEXTS, size=seeds)
        if method == "uniform":
            y = rng.integers(ACTIONS, size=seeds)
        else:
            y = np.argmax(policy[everyone, x] + rng.gumbel(size=(seeds, ACTIONS)), axis=1)
        z = rng.integers(ACTIONS, size=seeds)  # the reference is uniform
        won = rng.random(seeds) < truth[x, y, z] + 0.5
        for winner, loser, here in ((y, z, won), (z, y, ~won)):
            np.add.at(wins, (everyone[here], x[here], winner[here], loser[here]), 1.0)
        np.add.at(duels, (everyone, x, y, z), 1.0)
        np.add.at(duels, (everyone, x, z, y), 1.0)
        count = duels[everyone, x]
        count[:, np.arange(ACTIONS), np.arange(ACTIONS)] = 0
        seen = wins[everyone, x]
        seen[:, np.arange(ACTIONS), np.arange(ACTIONS)] = 0
        payoff = (seen + 0.5) / (count + 1) - 0.5
        if method == "optimistic":
            bonus = WIDTH / np.sqrt(count + 1)
            bonus[:, np.arange(ACTIONS), np.arange(ACTIONS)] = 0
            payoff = np.minimum(payoff + bonus, 0.5)
        solved = saddle(payoff, log_mu, policy[everyone, x], other[everyone, x], 40)
        policy[everyone, x], other[everyone, x] = solved
        regret[everyone, x] = charged(policy[everyone, x], truth[x])
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
        ax.set(xscale=scale, xlabel="duels T" + (" (logarithmic)" if scale == "log" else ""))
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
        said = f"regret {one['mean']:.1f} [{one.low:.1f}, {one.high:.1f}] after {one['T']:.0f} duels, T^{late:.2f} late"
        found.append(Curve(method, said, stated[method], None, ("games", "τ")))
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
