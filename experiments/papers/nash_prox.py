"""Nash Prox: exact proximal points reach the Nash policy for every step, where one-step Mirror Prox has a limit."""

import warnings

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.engine import run
from nashsim.equilibrium import solve
from nashsim.errors import StepSizeWarning
from nashsim.figures import Curve, Paper, Setting, exact, spread
from nashsim.logspace import kl
from nashsim.plots import PALETTE, legend_below
from nashsim.rules import NashMP

TAU = 0.1
#: Steps s in units of tau.
STEPS = {2: "blue", 10: "orange", 50: "green", 1000: "vermilion"}
POINTS = 120
#: A KL between policies whose logits are right to 1e-13: below it a run measures rounding.
ROUNDING = 1e-24


def instances(count: int) -> list:
    """Return two cycles and random games, each with a reference that is not its Nash policy."""
    cycles = [games.get(name).replace(tau=TAU, reference=[0.6, 0.3, 0.1]) for name in ("comal", "biased-rps")]
    return cycles + [
        games.get("uniform", seed=seed, normal_reference=True).replace(tau=TAU) for seed in range(count)
    ]


def points(game, s: float, start: np.ndarray) -> np.ndarray:
    """Return KL(pi* ‖ pi_k) of exact proximal points, each the Nash policy of J_tau + (tau/s) KL(. ‖ pi_k).

    The two pulls are one of strength tau (1 + 1/s) towards mu^(s/(1+s)) pi_k^(1/(1+s)); Newton's method solves it.
    """
    target, now = solve(game).log_policy, start
    found = [kl(target, now)[0]]
    for _ in range(POINTS):
        if found[-1] > ROUNDING:
            pull = (s * game.log_reference + now) / (1 + s)
            pull -= np.log(np.exp(pull).sum(axis=1, keepdims=True))
            now = solve(game.replace(tau=TAU * (1 + 1 / s), log_reference=pull)).log_policy
        found.append(kl(target, now)[0])
    return np.array(found)


def compute(quick: bool) -> pd.DataFrame:
    """Run both at every step, from a start of normal logits."""
    rows = []
    for number, game in enumerate(instances(0 if quick else 6)):
        logits = np.random.default_rng(number).normal(size=(1, game.actions))
        start = logits - np.log(np.exp(logits).sum())
        for times in STEPS:
            exactly = points(game, times * TAU, start)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", StepSizeWarning)  # beyond the limit is what is shown
                one = run(
                    game,
                    NashMP(prox_step=times * TAU),
                    queries=2 * POINTS,
                    record=1,
                    start=np.exp(start[0]),
                    metrics=["kl_to_equilibrium"],
                )
            for curve, values in (("exact", exactly), ("one step", one.metrics["kl_to_equilibrium"])):
                rows.append(
                    pd.DataFrame({"curve": curve, "times": times, "k": range(POINTS + 1), "value": values})
                )
                rose = np.diff(values)[values[:-1] > ROUNDING].max()
                rows.append(
                    pd.DataFrame({"curve": f"{curve}, rise", "times": times, "k": 0, "value": [rose]})
                )
    return spread(pd.concat(rows), ["curve", "times", "k"])


def draw(frame: pd.DataFrame):
    """Draw KL by proximal points, exact on the left and one half step and one step on the right."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(7.8, 3.5), sharey=True, layout="constrained")
    titles = {"exact": "Nash Prox: exact proximal points", "one step": "Nash Mirror Prox: one look ahead"}
    for ax, (curve, title) in zip(axes, titles.items(), strict=True):
        handles = []
        for times, colour in STEPS.items():
            here = frame[(frame.curve == curve) & (frame.times == times)]
            handles += ax.plot(here.k, here.high, color=PALETTE[colour], label=f"s = {times}τ")
        ax.set(yscale="log", xlabel="outer steps k", title=title, ylim=(1e-28, 30))
    axes[0].set_ylabel("KL(exact Nash ‖ π_k) [nats]")
    legend_below(figure, handles, f"τ = {TAU}; the worst of eight games at every k.")
    return figure


def judge(frame: pd.DataFrame) -> list[Curve]:
    """Convergence of exact points at every step, and the limit of one look ahead."""
    found = []
    for times in STEPS:
        here = frame[frame.times == times].set_index("curve")
        last = here.loc["exact"].high.iloc[-1]
        rose = here.loc["exact, rise"].high
        said = f"largest KL at the end {last:.0e}, largest rise {rose:.0e}"
        found.append(
            Curve(
                f"exact points, s = {times}τ",
                said,
                "last iterate converges for any s",
                bool(last < 1e-12 and rose <= 0),
                ("theorem",),
            )
        )
        ends = here.loc["one step"].high.iloc[-1]
        if times == 2:
            bound = (1 + 2 * TAU) ** -POINTS * here.loc["one step"].high.iloc[0]
            found.append(
                Curve(
                    "one look ahead, s = 2τ",
                    f"largest KL at the end {ends:.0e}",
                    f"at most {bound:.0e}",
                    bool(ends <= bound),
                    ("theorem of Mirror Prox",),
                )
            )
        else:
            found.append(
                Curve(
                    f"one look ahead, s = {times}τ",
                    f"largest KL at the end {ends:.0e}",
                    "outside the theorem, s ≤ 2τ",
                    None,
                    ("theorem of Mirror Prox",),
                )
            )
    return found


PAPER = Paper(
    id="nash-prox",
    title=__doc__.partition("\n")[0],
    source="Tiapkin et al., Proximal Point Nash Learning from Human Feedback, arXiv 2505.19731v2 (COLT 2026)",
    settings=(
        Setting("theorem", "exact proximal points, any s, any game: the last iterate converges", "paper"),
        Setting("theorem of Mirror Prox", "s ≤ 2τ: KL ≤ (1+2τ)^(−k) KL_0 (v1)", "paper"),
        Setting(
            "games", "two cycles with μ = (.6, .3, .1), 6 random games of n = 10 with normal logits", "ours"
        ),
        Setting("τ, s, start", f"τ = {TAU}, s = 2, 10, 50, 1000 τ, normal logits", "ours"),
    ),
    compute=compute,
    draw=draw,
    judge=judge,
    equilibria=lambda: [exact(game) for game in instances(1)],
)

if __name__ == "__main__":
    PAPER.main()
