"""MPO: a refreshed magnet reaches the original Nash policy, a fixed one stalls; the distance never grows."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.engine import run
from nashsim.figures import Curve, Paper, Setting, exact
from nashsim.plots import PALETTE, legend_below
from nashsim.rules import MMD, MPO

TAUS = {0.1: "blue", 0.3: "orange", 1.0: "green"}
GAMES = {"comal": "COMAL's cycle", "biased-rps": "biased rock–paper–scissors"}
START = (0.2, 0.5, 0.3)
#: KL below which differences are rounding of logits at 1e-13.
ROUNDING = 1e-24


def inner(tau: float) -> int:
    """Return inner steps that solve to rounding: KL falls by 1/(1 + 4 tau^2) a step, 72 factors of e in all."""
    return int(np.ceil(72 / np.log1p(4 * tau**2)))


def compute(quick: bool) -> pd.DataFrame:
    """Run outer steps from the magnet (.2, .5, .3), and magnetic mirror descent with that magnet alone."""
    rows = []
    for name in GAMES:
        for tau in TAUS:
            game = games.get(name).replace(tau=tau, reference=list(START))
            # an outer step gains of the order of 1/tau^2; the stronger the pull, the more of them
            every, outer = inner(tau), 40 + round(3000 * tau**2)
            kept = every * np.unique(np.round(np.r_[np.arange(40), np.geomspace(1, outer, 80)]).astype(int))
            for curve, rule in (("MPO", MPO(inner=every)), ("fixed magnet", MMD())):
                done = run(
                    game,
                    rule,
                    queries=every * outer,
                    record=kept,
                    metrics=["kl_to_lottery", "unregularised_gap"],
                )
                rows.append(
                    pd.DataFrame(
                        {
                            "game": name,
                            "tau": tau,
                            "curve": curve,
                            "outer": done.step // every,
                            "kl": done.metrics["kl_to_lottery"],
                            "gap": done.metrics["unregularised_gap"],
                        }
                    )
                )
    return pd.concat(rows, ignore_index=True)


def draw(frame: pd.DataFrame):
    """Draw the distance to the original Nash policy by outer steps, a panel a game."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(7.8, 3.4), sharey=True, layout="constrained")
    for ax, (name, label) in zip(axes, GAMES.items(), strict=True):
        for tau, colour in TAUS.items():
            for curve, dashes in (("MPO", "-"), ("fixed magnet", (0, (3, 2)))):
                here = frame[(frame.game == name) & (frame.tau == tau) & (frame.curve == curve)]
                ax.plot(
                    here.outer,
                    here.kl.clip(lower=1e-32),
                    color=PALETTE[colour],
                    linestyle=dashes,
                    label=f"{curve}, τ = {tau:g}",
                )
        ax.set(xscale="symlog", yscale="log", xlabel="outer steps", title=label, ylim=(1e-30, 3))
    axes[0].set_ylabel("KL(exact Nash ‖ π) [nats]")
    note = "Inner magnetic mirror descent to rounding, e = 4τ; start and first magnet (.2, .5, .3)."
    legend_below(figure, axes[0].get_legend_handles_labels()[0], note, columns=3)
    return figure


def judge(frame: pd.DataFrame) -> list[Curve]:
    """Whether distances never grow and vanish, for every tau; and that a fixed magnet stalls."""
    found = []
    for name, label in GAMES.items():
        rose, last, stalled = [], [], []
        for _, one in frame[frame.game == name].groupby(["tau", "curve"]):
            if one.curve.iloc[0] == "MPO":
                kl = one.kl.to_numpy()
                rose.append(np.max(np.diff(kl)[kl[:-1] > ROUNDING]))
                last.append(kl[-1] / kl[0])
            else:
                stalled.append(one.gap.iloc[-1])
        found.append(
            Curve(
                f"monotone: {label}",
                f"largest rise of KL {max(rose):.1e}",
                "none at any τ",
                max(rose) <= 0,
                ("theorem",),
            )
        )
        found.append(
            Curve(
                f"last iterate: {label}",
                f"KL at most {max(last):.1e} of the start's",
                "goes to 0 at any τ",
                max(last) < 1e-6,
                ("theorem",),
            )
        )
        found.append(
            Curve(
                f"fixed magnet: {label}",
                f"gap {min(stalled):.2g} or more is left",
                "stays at the regularised Nash policy",
                min(stalled) > 1e-3,
                ("theorem",),
            )
        )
    return found


PAPER = Paper(
    id="mpo",
    title=__doc__.partition("\n")[0],
    source="Wang et al., Magnetic Preference Optimization, arXiv 2410.16714",
    settings=(
        Setting(
            "theorem",
            "last iterate to the original Nash policy, any game, any τ; KL does not increase",
            "paper",
        ),
        Setting("games", "COMAL's cycle, biased rock–paper–scissors", "ours"),
        Setting("τ, inner steps, start", ".1, .3, 1; 72/log(1 + 4τ²) steps, e = 4τ; (.2, .5, .3)", "ours"),
    ),
    compute=compute,
    draw=draw,
    judge=judge,
    equilibria=lambda: [exact(games.get(name), lottery=True) for name in GAMES],
)

if __name__ == "__main__":
    PAPER.main()
