"""Distortion against the sharpness of choices: of order beta for Nash, exponential for a reward fitted to bad pairs."""

import numpy as np
import pandas as pd

from nashsim import PreferenceGame
from nashsim.equilibrium import solve_cvxpy, solve_newton
from nashsim.figures import Experiment, Finding
from nashsim.logspace import kl, log_normalise
from nashsim.plots import PALETTE, legend_below
from nashsim.solutions import best_in_ball, crowd_game, guarantee, solutions

LINES = {
    "nash": ("Nash at τ, within its KL", "blue"),
    "lottery": ("lottery, of all responses", "green"),
    "borda": ("Borda, of all responses", "orange"),
    "rlhf": ("RLHF, pairs from μ, within its KL", "purple"),
    "rlhf-pairs": ("RLHF, pairs with one response", "vermilion"),
}
#: Solutions held against all responses; the others against policies that are no further from mu.
FREE = ("lottery", "borda")
USERS, ACTIONS = 4, 3


def _population(rng: np.random.Generator, near: dict | None = None) -> dict:
    """Draw a population, its reference and tau, or one near another."""
    if near is None:
        near = {"utilities": rng.uniform(size=(USERS, ACTIONS)), "shares": 2 * rng.normal(size=USERS),
                "logits": 2 * rng.normal(size=ACTIONS), "log_tau": rng.uniform(-4, 0, 1)}  # fmt: skip
        scale = 0.0
    else:
        scale = 10.0 ** rng.uniform(-3, 0)
    moved = {name: part + scale * rng.normal(size=part.shape) for name, part in near.items()}
    moved["utilities"] = np.clip(moved["utilities"], 0, 1)
    moved["log_tau"] = np.clip(moved["log_tau"], -8, 1)
    return moved


def balanced(beta: float, edge: float = 0.3) -> dict:
    """Return the population near the guarantee: few love g, all others like b by edge/beta, which just wins."""
    lovers = 0.9 * (1 - 0.5 * (1 + np.exp(-edge)))
    utilities = np.full((USERS, ACTIONS), 0.0)
    utilities[0, 0], utilities[1:, 1] = 1.0, min(edge / beta, 1.0)
    shares = np.log([lovers, *[(1 - lovers) / (USERS - 1)] * (USERS - 1)])
    return {
        "utilities": utilities,
        "shares": shares,
        "logits": np.array([0.0, 0.0, -20.0]),
        "log_tau": np.full(1, -7.0),
    }


def _game(population: dict, beta: float) -> tuple[PreferenceGame, np.ndarray, np.ndarray]:
    shares = np.exp(log_normalise(population["shares"]))
    game = crowd_game(
        population["utilities"], beta, shares, tau=float(np.exp(population["log_tau"][0])),
        log_reference=log_normalise(population["logits"]),
    )  # fmt: skip
    return game, shares, shares @ population["utilities"]


def _distortion(name: str, population: dict, beta: float) -> float:
    game, _, welfare = _game(population, beta)
    policy = solutions(game, concepts=[name]).probabilities[name][0]
    if name in FREE:
        best = welfare.max()
    else:
        with np.errstate(divide="ignore"):
            radius = kl(np.log(policy), game.log_reference[0])
        best = welfare @ best_in_ball(welfare, game.log_reference[0], (1 - 1e-6) * radius)
    return float(best / (welfare @ policy)) if welfare @ policy > 0 else 1.0


def deceived(beta: float, tau: float = 0.02) -> float:
    """Return the distortion of RLHF on pairs with d: most users like g by 1/beta, few love b, mu hardly has d.

    The fit is r_y = logit P(y ≻ d); the welfare of g is 1/beta, that of b about 3 e^(1 - beta).
    """
    x = 1 / beta
    q = 3 * np.exp(-beta * (1 - x))
    shares, utilities = np.array([1 - q, q]), np.array([[x, 0.0, 1.0], [x, 1.0, 1.0]])
    chance = shares @ (0.5 + 0.5 * np.tanh(beta * (utilities - utilities[:, 2:]) / 2))
    log_mu = np.array([np.log(0.5), np.log(0.5), -3000.0])
    policy = log_normalise(log_mu + np.log(chance / (1 - chance)) / tau)
    welfare = shares @ utilities
    return float(welfare @ best_in_ball(welfare, log_mu, kl(policy, log_mu)) / (welfare @ np.exp(policy)))


def compute(quick: bool) -> pd.DataFrame:
    """Search, for every solution and beta, the population of the largest distortion."""
    betas, draws = ((2, 6, 14), 30) if quick else ((1, 2, 4, 6, 8, 11, 14), 300)
    rows = []
    for beta in betas:
        for name in ("nash", "lottery", "borda", "rlhf"):
            rng = np.random.default_rng([beta, len(name)])
            worst, at = -np.inf, None
            for k in range(draws):
                population = _population(rng, None if k < 0.3 * draws else at) if k else balanced(beta)
                found = _distortion(name, population, beta)
                if found > worst:
                    worst, at = found, population
            row = {"solution": name, "beta": beta, "draws": draws}
            rows.append({**row, "metric": "distortion", "value": worst})
            if name == "nash":
                game = _game(at, beta)[0]
                apart = np.abs(solve_cvxpy(game).probabilities - solve_newton(game).probabilities).sum()
                rows.append({**row, "metric": "cvxpy_distance", "value": apart})
        if beta >= 4:
            value = deceived(beta)
            rows.append({"solution": "rlhf-pairs", "beta": beta, "metric": "distortion", "value": value})
    return pd.DataFrame(rows)


def draw(frame: pd.DataFrame):
    """Draw the largest distortion found against beta, the guarantee, its square and an exponential."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6.6, 4.4), layout="constrained")
    found = frame[frame.metric == "distortion"]
    for name, (label, colour) in LINES.items():
        mine = found[found.solution == name]
        ax.plot(mine.beta, mine.value, "o-", color=PALETTE[colour], markersize=4, label=label)
    grid = np.linspace(found.beta.min(), found.beta.max(), 100)
    bound = 1 / np.array([guarantee(beta) for beta in grid])
    ax.plot(grid, bound, "k:", label="guarantee β/(4(σ(β) − ½))")
    ax.plot(grid, bound**2, "k--", linewidth=1, label="its square")
    late = grid[grid >= 10]
    ax.plot(
        late, np.exp(late) / (44 * late), color=PALETTE["grey"], linewidth=1, label=r"$e^\beta/(44\beta)$"
    )
    ax.set(yscale="log", xlabel="sharpness β of choices", ylabel="distortion: best welfare / own")
    ax.set_title("the largest that a search finds; utilities in [0, 1]", fontsize=9)
    note = f"{int(found.draws.max())} populations of {USERS} users, {ACTIONS} responses a point; last line: one family."
    legend_below(figure, ax.get_legend_handles_labels()[0], note, columns=2)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """The guarantee holds, and how nearly it is reached; a reward fitted to bad pairs is off exponentially."""
    table = frame[frame.metric == "distortion"].set_index(["solution", "beta"]).value
    found = []
    for name in ("nash", "lottery"):
        share = [value * guarantee(beta) for beta, value in table[name].items()]
        what = f"{LINES[name][0]}: largest distortion / guarantee"
        found.append(
            Finding(what, f"{min(share):.3f} to {max(share):.3f} over β", "at most 1", max(share) <= 1 + 1e-9)
        )
    square = max(value * guarantee(beta) ** 2 for beta, value in table["borda"].items())
    found.append(
        Finding(
            "Borda: largest distortion / square of the guarantee", f"{square:.3f}", "at most 1", square <= 1
        )
    )
    mine = table["rlhf-pairs"]
    slope = np.polyfit(mine.index, np.log(mine), 1)[0]
    found.append(
        Finding(
            "RLHF on pairs with one response: slope of log distortion in β",
            f"{slope:.2f}",
            "1 ± 25%",
            abs(slope - 1) <= 0.25,
        )
    )
    return found


EXPERIMENT = Experiment("distortion", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
