"""ENPO: regret against 1/tau with and without exploration, and its growth as sqrt T and as log T."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.figures import Curve, Paper, Setting, exact
from nashsim.online import run_regret
from nashsim.online.learners.enpo import ENPOOracle
from nashsim.plots import PALETTE, legend_below
from nashsim.theory import law_of_rounds, mean_band, power_of_rounds, slope_in_inverse_tau

INVERSE_TAUS = (5, 8, 12, 16, 20, 24, 28, 33)
A, TAU = 0.25, 0.1
HARD = {"inpo-online": ("iterative NLHF (INPO)", "vermilion"), "enpo": ("ENPO, Step B", "orange"),
        "enpo-oracle": ("ENPO, exploration oracle", "blue")}  # fmt: skip
GROWTH = {"ENPO, steps 1/√t": ("root", ENPOOracle(schedule="root"), "blue"),
          "minimax oracle, adversary": ("log", "minimax-adversary", "green")}  # fmt: skip


def cycle():
    """Return rock-paper-scissors of strength .6 with a reference that is not its Nash policy."""
    return games.get("rps:strength=0.6").replace(tau=TAU, reference=[0.6, 0.3, 0.1], name="rps")


def table(frame: pd.DataFrame, x: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the abscissa and the regret, shape (seeds, records)."""
    pivoted = frame[frame.metric == "regret"].pivot(index="seed", columns=x, values="value")
    return pivoted.columns.to_numpy(float), pivoted.to_numpy()


def banded(panel: str, curve: str, x, values) -> pd.DataFrame:
    """Return the mean over seeds with its 95% band."""
    mean, low, high = mean_band(values, least=0)
    return pd.DataFrame({"panel": panel, "curve": curve, "x": x, "mean": mean, "low": low, "high": high})


def fitted(panel: str, curve: str, estimate, x: float = 0.0) -> pd.DataFrame:
    """Return a fitted number with its interval."""
    return banded(panel, curve, [x], np.full((2, 1), estimate.value)).assign(
        low=estimate.low, high=estimate.high
    )


def compute(quick: bool) -> pd.DataFrame:
    """Play instance B at every tau, then a cycle for long."""
    rows, inverse = [], INVERSE_TAUS[2:6] if quick else INVERSE_TAUS
    for name in HARD:
        frame = run_regret(lambda tau: games.get("hard-b", tau=tau, a=A), name, taus=[1 / one for one in inverse],
                           rounds=10_000 if quick else 100_000, seeds=8 if quick else 24)  # fmt: skip
        last = frame[frame.rounds == frame.rounds.max()]
        x, values = table(last.assign(inverse=np.round(1 / last.tau, 9)), "inverse")
        rows.append(banded("hard", name, x, values))
        late = x >= 12
        rows.append(fitted("slope", name, slope_in_inverse_tau(1 / x[late], values[:, late])))
    for name, (law, learner, _) in GROWTH.items():
        rounds = 20_000 if quick else 1_000_000
        x, values = table(run_regret(cycle(), learner, rounds=rounds, seeds=4 if quick else 24), "rounds")
        rows.append(banded("growth", name, x[::3], values[:, ::3]))
        rows.append(fitted("power", name, power_of_rounds(x, values)))
        fit = law_of_rounds(x, values, law, since=100)
        rows.append(fitted("law", name, fit.slope, fit.r_squared))
    return pd.concat(rows, ignore_index=True)


def draw(frame: pd.DataFrame):
    """Draw regret against 1/tau, and against the law that each growth is to follow."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")

    def band(ax, here, x, **line):
        [drawn] = ax.plot(x, here["mean"], **line)
        ax.fill_between(x, here.low, here.high, color=drawn.get_color(), alpha=0.18, linewidth=0)
        return drawn

    handles = []
    for name, (label, colour) in HARD.items():
        here = frame[(frame.panel == "hard") & (frame.curve == name)]
        handles.append(
            band(axes[0], here, here.x, color=PALETTE[colour], label=label, marker="o", markersize=3)
        )
    last = frame[(frame.panel == "hard") & (frame.curve == "inpo-online")]
    scale = last["mean"].iloc[-1] * np.exp(A * (last.x - last.x.iloc[-1]))
    handles += axes[0].plot(last.x, 2 * scale, ":", color="black", label="order $e^{1/(4\\tau)}$")
    axes[0].set(
        yscale="log",
        xlabel="1/τ",
        ylabel="cumulative regularised regret",
        title="instance B, μ(c) = $e^{-1/(4τ)}$",
    )
    for ax, (name, (law, _, colour)), label in zip(axes[1:], GROWTH.items(), ("√T", "log₁₀ T"), strict=True):
        here = frame[(frame.panel == "growth") & (frame.curve == name)]
        here = here[here.x >= 100]
        x = np.sqrt(here.x) if law == "root" else np.log10(here.x)
        band(ax, here, x, color=PALETTE[colour])
        fit = frame[(frame.panel == "law") & (frame.curve == name)].iloc[0]
        ax.set(xlabel=label, title=f"{name}: R² {fit.x:.4f}")
        ax.set_ylim(bottom=0)
    note = "Regret of the returned policy's mixture, τ KL(π ‖ BR(π)) summed over duels; means, 95% bands."
    legend_below(figure, handles, note, columns=4)
    return figure


def judge(frame: pd.DataFrame) -> list[Curve]:
    """Whether plain iteration pays the exponential, and what the explorers pay."""
    found = []
    one = {key: here.iloc[0] for key, here in frame.groupby(["panel", "curve"])}
    for name, (label, _) in HARD.items():
        fit = one["slope", name]
        said = f"log regret grows by {fit['mean']:.3f} [{fit.low:.3f}, {fit.high:.3f}] a unit of 1/τ"
        if name == "inpo-online":
            said += f"; the instance's waiting time has {A}"
            found.append(Curve(label, said, "can be exponential in 1/τ", bool(fit.low > 0), ("claims",)))
        else:
            found.append(
                Curve(label, said, "not exponential in 1/τ", bool(fit.low <= 0), ("claims", "exploration"))
            )
    for name, (law, _, _) in GROWTH.items():
        power, fit = one["power", name], one["law", name]
        said = f"T^{power['mean']:.3f} [{power.low:.3f}, {power.high:.3f}] over two decades, R² {fit.x:.4f} on {law} T"
        stated, holds = ("O(√T)", power.low <= 0.5) if law == "root" else ("O(log T)", fit.x > 0.99)
        found.append(Curve(name, said, stated, bool(holds), ("claims", "steps")))
    return found


PAPER = Paper(
    id="enpo",
    title=__doc__.partition("\n")[0],
    source="Nan, Li, Kroer, Lin, Efficient Exploration for Iterative Nash Preference Optimization, arXiv 2606.01382",
    settings=(
        Setting(
            "claims",
            "iterative NLHF can suffer e^(1/τ); ENPO O(√T) without it; O(log T) by a minimax oracle",
            "paper",
        ),
        Setting("algorithm", "Algorithm 2: α = 1e-3, β = .05, replay, label differences", "code"),
        Setting(
            "exploration",
            "Eq. (3) as an elliptical adversary over vertices, reconstructed; Step B as in the code",
            "ours",
        ),
        Setting(
            "instance", "two responses, P(c ≻ b) = 1, μ(c) = e^(−1/(4τ)), 100,000 duels, 24 seeds", "ours"
        ),
        Setting("steps", "1/√t for √T; counts and Newton with an uncertainty adversary for log T", "ours"),
        Setting(
            "cycle",
            f"rock–paper–scissors of strength .6, μ = (.6, .3, .1), τ = {TAU}, 1,000,000 duels",
            "ours",
        ),
    ),
    compute=compute,
    draw=draw,
    judge=judge,
    equilibria=lambda: [exact(cycle()), *(exact(games.get("hard-b", tau=1 / one, a=A)) for one in (5, 33))],
)

if __name__ == "__main__":
    PAPER.main()
