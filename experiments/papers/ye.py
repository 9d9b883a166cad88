"""Online learning under general preferences: a minimax oracle with and without an enhancer that seeks uncertainty."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.figures import Curve, Paper, Setting, exact
from nashsim.online import run_regret
from nashsim.plots import PALETTE, legend_below
from nashsim.theory import law_of_rounds, mean_band, slope_in_inverse_tau

INVERSE_TAUS = (5, 10, 15, 20, 25)
LEARNERS = {
    "minimax-self": ("both responses from the policy", "vermilion"),
    "minimax-reference": ("y' from the reference", "orange"),
    "minimax-adversary": ("y' from the enhancer", "blue"),
}


def instance(tau: float):
    """Return three arms, P(a ≻ b) = .6, c beats both surely, mu ∝ (.5, .5, e^(-1/(2 tau)))."""
    return games.get("hard-c", tau=tau)


def compute(quick: bool) -> pd.DataFrame:
    """Play the instance at every tau, and keep the regret at the end and along the way."""
    rows, inverse = [], INVERSE_TAUS[:4] if quick else INVERSE_TAUS
    for name in LEARNERS:
        frame = run_regret(
            instance,
            name,
            taus=[1 / one for one in inverse],
            rounds=10_000 if quick else 100_000,
            seeds=8 if quick else 32,
        )
        frame = frame[frame.metric == "regret"].assign(inverse=np.round(1 / frame.tau, 9))
        last = frame[frame.rounds == frame.rounds.max()].pivot(
            index="seed", columns="inverse", values="value"
        )
        table, x = last.to_numpy(), last.columns.to_numpy()
        along = frame[frame.inverse == 10].pivot(index="seed", columns="rounds", values="value")
        for panel, at, values in (("tau", x, table), ("rounds", along.columns, along.to_numpy())):
            mean, low, high = mean_band(values, least=0)
            rows.append(
                pd.DataFrame({"panel": panel, "curve": name, "x": at, "mean": mean, "low": low, "high": high})
            )
        slope = slope_in_inverse_tau(1 / x, table)
        fit = law_of_rounds(along.columns, along.to_numpy(), "log", since=1000)
        for panel, at, found in (("slope", 0.0, slope), ("law", fit.r_squared, fit.slope)):
            one = {
                "panel": panel,
                "curve": name,
                "x": [at],
                "mean": found.value,
                "low": found.low,
                "high": found.high,
            }
            rows.append(pd.DataFrame(one))
    return pd.concat(rows, ignore_index=True)


def draw(frame: pd.DataFrame):
    """Draw regret against 1/tau, and its growth at tau = .1."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(7.8, 3.5), layout="constrained")
    for ax, panel in zip(axes, ("tau", "rounds"), strict=True):
        handles = []
        for name, (label, colour) in LEARNERS.items():
            here = frame[(frame.panel == panel) & (frame.curve == name)]
            marker = {"marker": "o", "markersize": 3} if panel == "tau" else {}
            handles += ax.plot(here.x, here["mean"], color=PALETTE[colour], label=label, **marker)
            ax.fill_between(
                here.x, here.low.clip(lower=1e-3), here.high, color=PALETTE[colour], alpha=0.15, linewidth=0
            )
    axes[0].set(yscale="log", xlabel="1/τ", ylabel="cumulative regularised regret", ylim=(1, None))
    axes[1].set(xscale="log", xlabel="duels T", title="τ = .1")
    duels = int(frame[frame.panel == "rounds"].x.max())
    axes[0].set_title(f"after {duels:,} duels")
    note = "Σ τ KL(π ‖ BR(π)), 0 at the exact equilibrium; means over seeds, 95% bands."
    legend_below(figure, handles, note, columns=3)
    return figure


def exponential(inverse: np.ndarray, regret: np.ndarray) -> bool:
    """Return whether log regret is straighter in 1/tau than in log 1/tau, an exponential rather than a power."""
    left = [np.polyfit(x, np.log(regret), 1, full=True)[1][0] for x in (inverse, np.log(inverse))]
    return bool(left[0] < left[1])


def judge(frame: pd.DataFrame) -> list[Curve]:
    """Who pays e^(1/tau), and whose growth is logarithmic."""
    one = {key: here.iloc[0] for key, here in frame.groupby(["panel", "curve"])}
    found = []
    for name, (label, _) in LEARNERS.items():
        slope, law = one["slope", name], one["law", name]
        said = f"log regret grows by {slope['mean']:.3f} [{slope.low:.3f}, {slope.high:.3f}] a unit of 1/τ"
        here = frame[(frame.panel == "tau") & (frame.curve == name)]
        pays = bool(slope.low > 0 and exponential(here.x.to_numpy(), here["mean"].to_numpy()))
        said += f", as {'an exponential' if pays else 'a power at most'}"
        if name == "minimax-adversary":
            found.append(Curve(f"{label}: 1/τ", said, "no e^(1/τ)", not pays, ("claims", "oracle")))
            said = f"R² {law.x:.4f} on log T at τ = .1"
            found.append(
                Curve(f"{label}: rounds", said, "O(log T)", bool(law.x > 0.99), ("claims", "oracle"))
            )
        else:
            found.append(Curve(label, said, "can pay e^(1/τ)", pays, ("claims",)))
    return found


PAPER = Paper(
    id="ye",
    title=__doc__.partition("\n")[0],
    source="Ye et al., Online Iterative RLHF with General Preference Model, arXiv 2402.07314",
    settings=(
        Setting(
            "claims",
            "greedy play can pay e^(1/τ); with an uncertainty enhancer log T without it (second hand)",
            "paper",
        ),
        Setting("oracle", "counts as the estimate, Newton for its Nash policy, widths 1/√(n+1)", "ours"),
        Setting(
            "instance",
            "P(a ≻ b) = .6, c beats both surely, μ ∝ (.5, .5, e^(−1/(2τ))), 100,000 duels, 32 seeds",
            "ours",
        ),
    ),
    compute=compute,
    draw=draw,
    judge=judge,
    equilibria=lambda: [exact(instance(1 / one), f"1/τ = {one}") for one in INVERSE_TAUS],
)

if __name__ == "__main__":
    PAPER.main()
