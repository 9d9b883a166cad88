"""Reward maximisation against Nash: the jump on P_eps, and rewards that move with their sampling distribution."""

import numpy as np
import pandas as pd

from nashsim import PreferenceGame, games
from nashsim.data import fit_strengths
from nashsim.equilibrium import check_agreement, lottery, solve_cvxpy, solve_newton
from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE, legend_below

TAU = 0.2
COLOURS = ("blue", "orange", "green")
#: Rewards whose Bradley-Terry game is the control: there the fit must not move.
TRUE_REWARDS = np.array([0.6, 0.0, -0.6])


def sampling(x: float) -> np.ndarray:
    """Return the sampling distribution (x, (1-x)/2, (1-x)/2)."""
    return np.array([x, (1 - x) / 2, (1 - x) / 2])


def fitted_rewards(game: PreferenceGame, pi: np.ndarray) -> np.ndarray:
    """Return the Bradley-Terry rewards fitted on y, y' ~ pi, centred (NLHF, Proposition 2)."""
    return fit_strengths(game.probabilities[0] * np.outer(pi, pi))


def optimal_policy(game: PreferenceGame, rewards: np.ndarray) -> np.ndarray:
    """Return argmax E r - tau KL(. || mu), which is mu exp(r/tau) normalised."""
    weights = game.reference[0] * np.exp((rewards - rewards.max()) / game.tau)
    return weights / weights.sum()


def exact_nash(game: PreferenceGame) -> tuple[np.ndarray, float]:
    """Return the regularised Nash policy and its distance to the CVXPY witness."""
    newton = solve_newton(game)
    return np.exp(newton.log_policy[0]), check_agreement(newton, solve_cvxpy(game))


def compute(quick: bool) -> pd.DataFrame:
    """Sweep eps for the lottery and the reward optimum; sweep the sampling distribution for the fits."""
    rows = []

    def add(panel, x, method, values, labels=("y1", "y2", "y3")):
        rows.extend(
            {"panel": panel, "x": x, "method": method, "action": label, "value": value}
            for label, value in zip(labels, values, strict=True)
        )

    for eps in np.linspace(-1 / 3, 1 / 3, 13 if quick else 61):
        game = games.get("p-eps", eps=eps)
        add("p-eps", eps, "nash", lottery(game).probabilities[0])
        rewards = fitted_rewards(game, np.full(3, 1 / 3))
        best = np.isclose(rewards, rewards.max(), atol=1e-9)
        add("p-eps", eps, "reward", best / best.sum())
    cyclic = games.get("three-humans").replace(tau=TAU)
    logistic = 1 / (1 + np.exp(TRUE_REWARDS[None, :] - TRUE_REWARDS[:, None]))
    transitive = PreferenceGame(logistic, tau=TAU, labels=cyclic.labels, name="bradley-terry")
    for game in (cyclic, transitive):
        nash, distance = exact_nash(game)
        for x in np.linspace(0.05, 0.95, 7 if quick else 31):
            rewards = fitted_rewards(game, sampling(x))
            add(f"rewards: {game.name}", x, "reward", rewards)
            add(f"policies: {game.name}", x, "reward", optimal_policy(game, rewards))
            add(f"policies: {game.name}", x, "nash", nash)
        rows.append(
            {
                "panel": f"policies: {game.name}",
                "method": "nash",
                "metric": "cvxpy_distance",
                "value": distance,
            }
        )
    return pd.DataFrame(rows)


def draw(frame: pd.DataFrame):
    """Draw policies on P_eps, fitted rewards, and the policies they lead to."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(10.2, 3.9), layout="constrained")
    values = frame[frame.action.notna()]
    for i, (action, colour) in enumerate(zip(("y1", "y2", "y3"), COLOURS, strict=True)):
        mine = values[values.action == action]

        def line(ax, panel, method, mine=mine, colour=colour, **options):
            rows = mine[(mine.panel == panel) & (mine.method == method)]
            ax.plot(rows.x, rows.value, color=PALETTE[colour], **options)

        line(axes[0], "p-eps", "nash", linewidth=(2.8, 1.2, 1.8)[i])
        line(axes[0], "p-eps", "reward", linestyle=(i * 3, (4, 5)), linewidth=1.4, drawstyle="steps-mid")
        line(axes[1], "rewards: three-humans", "reward", linewidth=1.6)
        line(axes[1], "rewards: bradley-terry", "reward", linestyle=":", linewidth=1.4)
        line(axes[2], "policies: three-humans", "reward", linestyle="--", linewidth=1.4)
        line(axes[2], "policies: three-humans", "nash", linewidth=2.6 - 0.7 * i)
    axes[0].set(xlabel="ε", ylabel="probability", title="NLHF's $P_ε$: the reward optimum jumps")
    axes[1].set(ylabel="fitted Bradley–Terry reward", title="on a cycle rewards follow the sampling")
    axes[2].set(ylabel="probability", title=f"and so do their policies (τ = {TAU:g})")
    for ax in axes[1:]:
        ax.set_xlabel("share x of y1 in the sampled pairs")
    meanings = (
        (("-", "Nash (maximal lottery)"), ("--", "reward optimum")),
        (("-", "cyclic game"), (":", "Bradley–Terry game")),
        (("-", "regularised Nash"), ("--", "optimum of the fitted reward")),
    )
    for ax, lines in zip(axes, meanings, strict=True):
        low, high = ax.get_ylim()
        ax.set_yticks([tick for tick in ax.get_yticks() if low <= tick <= high])
        ax.set_ylim(low, high + 0.32 * (high - low))  # room for the legend
        ax.legend(
            handles=[plt.Line2D([], [], color="black", linestyle=dash, label=label) for dash, label in lines],
            loc="upper center",
        )
    handles = [
        plt.Line2D([], [], color=PALETTE[c], label=f"response {a}")
        for a, c in zip(("y1", "y2", "y3"), COLOURS, strict=True)
    ]
    legend_below(figure, handles)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """The jump of the reward optimum at eps = 0, the closed form of Nash, and what moves with the sampling."""
    p_eps = frame[frame.panel == "p-eps"].pivot_table(index=["method", "x"], columns="action", values="value")
    nash, reward = p_eps.loc["nash"], p_eps.loc["reward"]
    exact = np.stack([1 / 3 + nash.index / 2, 1 / 3 + nash.index / 2, 1 / 3 - nash.index], axis=1)
    error = np.abs(nash[["y1", "y2", "y3"]].to_numpy() - exact).max()
    jump = reward.y1[reward.index > 1e-9].min() - reward.y1[reward.index < -1e-9].max()
    spread = (
        frame[frame.x.notna()]
        .groupby(["panel", "method", "action"])
        .value.agg(np.ptp)
        .groupby(["panel", "method"])
        .max()
    )
    moving, still = spread["policies: three-humans", "reward"], spread["policies: three-humans", "nash"]
    control = spread["rewards: bradley-terry", "reward"]
    return [
        Finding("P_eps: Nash against its closed form", f"{error:.1e}", "< 1e-9", error < 1e-9),
        Finding("P_eps: jump of the reward optimum's y1 at 0", f"{jump:.2f}", "1", jump == 1),
        Finding("cycle: reward policy moves with sampling", f"{moving:.2f}", "> 0.1", moving > 0.1),
        Finding("cycle: Nash policy moves with sampling", f"{still:.1e}", "0", still == 0),
        Finding("Bradley-Terry game: fitted reward moves", f"{control:.1e}", "< 1e-8", control < 1e-8),
    ]


EXPERIMENT = Experiment("reward", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
