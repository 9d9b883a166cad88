"""Distortion of alignment: welfare of the Nash policy against what is promised, on random populations of users."""

import numpy as np
import pandas as pd
from scipy.special import expit

from nashsim import PreferenceGame
from nashsim.data.bradley_terry import fit_strengths
from nashsim.equilibrium import solve
from nashsim.figures import Curve, Paper, Setting, draw_spread, exact, spread
from nashsim.logspace import kl, log_normalise
from nashsim.plots import PALETTE, legend_below

BETAS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
TAUS = (0.02, 0.1, 0.5)
ACTIONS, USERS = 4, 5


def populations(beta: float, count: int) -> np.ndarray:
    """Return utilities in [0, 1], shape (populations, users, actions): half uniform, half pushed to the ends."""
    rng = np.random.default_rng(round(10 * beta))
    drawn = rng.random((count, USERS, ACTIONS))
    drawn[::2] = np.round(drawn[::2] ** 2, 1)
    return drawn


def stack(utilities: np.ndarray, beta: float, tau: float) -> PreferenceGame:
    """Return the games P(i ≻ j) = E_u sigma(beta (U_ui - U_uj)), a context a population, with a uniform reference."""
    wins = expit(beta * (utilities[:, :, :, None] - utilities[:, :, None, :])).mean(axis=1)
    return PreferenceGame(wins, tau=tau, name=f"β = {beta:g}, τ = {tau:g}")


def promise(beta: float) -> float:
    """Return 4 (sigma(beta) - 1/2)/beta, the share of welfare that is promised."""
    return float(4 * (expit(beta) - 0.5) / beta)


def tilted(score: np.ndarray, budget: np.ndarray) -> np.ndarray:
    """Return log pi ∝ exp(l score), shape (populations, actions), with KL(pi ‖ uniform) = ``budget`` by bisection."""
    uniform = np.full_like(score, -np.log(score.shape[1]))
    low, high = np.zeros(len(score)), np.full(len(score), 1e6)
    for _ in range(100):
        middle = (low + high) / 2
        over = kl(log_normalise(middle[:, None] * score), uniform) > budget
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return log_normalise(high[:, None] * score)


def compute(quick: bool) -> pd.DataFrame:
    """Compare the Nash policy's welfare with the best of the same KL, and that of a fitted reward."""
    rows = []
    for beta in BETAS:
        utilities = populations(beta, 20 if quick else 300)
        welfare = utilities.mean(axis=1)
        for tau in TAUS:
            game = stack(utilities, beta, tau)
            nash = solve(game).log_policy
            budget = kl(nash, game.log_reference)
            best = tilted(welfare, budget)
            pairs = game.probabilities / ACTIONS**2
            reward = tilted(np.array([fit_strengths(one) for one in pairs]), budget)
            most = np.sum(np.exp(best) * welfare, axis=1)
            for curve, policy in (("Nash", nash), ("reward", reward)):
                share = np.sum(np.exp(policy) * welfare, axis=1) / most
                rows.append(pd.DataFrame({"beta": beta, "curve": curve, "value": share}))
                rows.append(
                    pd.DataFrame({"beta": beta, "curve": f"{curve}/promise", "value": share / promise(beta)})
                )
    return spread(pd.concat(rows), ["beta", "curve"])


def draw(frame: pd.DataFrame):
    """Draw the share of the best welfare against beta, and the least over what is promised."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.8, 3.4), layout="constrained")
    handles = []
    looks = {
        "Nash": ("blue", "-", "exact Nash policy"),
        "reward": ("vermilion", (0, (3, 2)), "fitted reward, same KL"),
    }
    for curve, (colour, dashes, label) in looks.items():
        line = {"color": PALETTE[colour], "linestyle": dashes, "marker": "o", "markersize": 3}
        handles.append(draw_spread(left, frame[frame.curve == curve], "beta", label=label, **line))
        here = frame[frame.curve == f"{curve}/promise"]
        right.plot(here.beta, here.low, **line)
    betas = np.geomspace(min(BETAS), max(BETAS), 50)
    handles += left.plot(
        betas, [promise(beta) for beta in betas], ":", color="black", label="promised to the Nash policy"
    )
    right.axhline(1, color="black", linestyle=":")
    left.set(xscale="log", xlabel="β", ylabel="welfare / best of the same KL", ylim=(0, 1.03))
    right.set(
        xscale="log", xlabel="β", ylabel="least share / promise", title="worst population", ylim=(0, None)
    )
    legend_below(
        figure, handles, f"{USERS} users, {ACTIONS} responses; medians, bands: range over populations and τ."
    )
    return figure


def judge(frame: pd.DataFrame) -> list[Curve]:
    """The promise, for every beta."""
    here = frame[frame.curve == "Nash/promise"]
    found = []
    for beta, low in zip(here.beta, here.low, strict=True):
        said = f"least share of the best welfare over the promise: {low:.3f}"
        found.append(Curve(f"Nash, β = {beta:g}", said, "at least 1", bool(low >= 1 - 1e-9), ("theorem",)))
    return found


PAPER = Paper(
    id="distortion",
    title=__doc__.partition("\n")[0],
    source="Distortion of AI alignment, arXiv 2505.23749",
    settings=(
        Setting(
            "theorem",
            "w(π*) ≥ [4(σ(β) − 1/2)/β] w(π) for every π with KL(π‖μ) ≤ KL(π*‖μ); utilities in [0, 1]",
            "paper",
        ),
        Setting(
            "populations",
            f"300 a β and τ, {USERS} users, {ACTIONS} responses, half of them with utilities near the ends",
            "ours",
        ),
        Setting("β, τ, μ", "β = .5 to 20, τ = .02, .1, .5; uniform", "ours"),
    ),
    compute=compute,
    draw=draw,
    judge=judge,
    equilibria=lambda: [exact(stack(populations(beta, 20), beta, 0.1)) for beta in (0.5, 20.0)],
)

if __name__ == "__main__":
    PAPER.main()
