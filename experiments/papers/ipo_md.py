"""Online IPO is self-play: its gradient, its fixed point, and where IPO-MD's mixture moves that."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.engine import run
from nashsim.equilibrium import solve
from nashsim.figures import Curve, Paper, Setting, draw_spread, exact, spread
from nashsim.logspace import log_normalise
from nashsim.plots import PALETTE, legend_below
from nashsim.rules import IPOMD, OnlineIPO

TAU = 0.1
MIXTURES = {0.0: "blue", 0.125: "green", 0.5: "orange", 1.0: "vermilion"}


def instances(count: int) -> list:
    """Return a cycle and random games with normal references."""
    cycle = games.get("comal").replace(tau=TAU, reference=[0.6, 0.3, 0.1])
    return [cycle] + [
        games.get("uniform", seed=seed, normal_reference=True).replace(tau=TAU) for seed in range(count)
    ]


def gradients(game, log_policy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the gradients in the logits of online IPO's loss, by differences, and of the self-play objective.

    The loss is E (D - 1/(2 tau))^2 over winner-first pairs y, y' ~ pi with the sampling held fixed, D the difference
    of log pi/mu; the objective E_{y ~ pi}[P(y ≻ pi)] - tau KL(pi ‖ mu), the opponent held fixed.
    """
    wins, held = game.probabilities[0], np.exp(log_policy)

    def loss(logits):
        ratio = log_normalise(logits) - game.log_reference[0]
        return np.sum(np.outer(held, held) * wins * 2 * (ratio[:, None] - ratio - 0.5 / TAU) ** 2)

    eye = np.eye(len(held)) * 1e-5
    by_differences = np.array([(loss(log_policy + one) - loss(log_policy - one)) / 2e-5 for one in eye])
    value = wins @ held - TAU * (log_policy - game.log_reference[0])
    return by_differences, held * (value - held @ value)


def compute(quick: bool) -> pd.DataFrame:
    """Compare gradients at random policies; run every mixture to its fixed point."""
    rows = []
    for number, game in enumerate(instances(0 if quick else 10)):
        start = log_normalise(np.random.default_rng(number).normal(size=game.actions))
        loss, play = gradients(game, start)
        error = np.abs(loss + 4 / TAU * play).max() / np.abs(loss).max()
        rows.append(pd.DataFrame({"mixture": 0.0, "metric": "gradient", "step": [0], "value": error}))
        nash = solve(game).log_policy
        length = 200_000
        for mixture in MIXTURES:
            rule = IPOMD(mixture=mixture) if mixture else OnlineIPO()
            done = run(game, rule, queries=length, start=np.exp(start), record=np.geomspace(1, length, 50),
                       metrics=["kl_to_equilibrium"])  # fmt: skip
            rows.append(pd.DataFrame({"mixture": mixture, "metric": "kl", "step": done.step,
                                      "value": done.metrics["kl_to_equilibrium"]}))  # fmt: skip
            # the mixture q has log(q/mu) = (1 - b) log(pi/mu): it is the Nash policy at tau/(1 - b), or mu
            asked = (
                game.log_reference
                if mixture == 1
                else solve(game.replace(tau=TAU / (1 - mixture))).log_policy
            )
            point = log_normalise(game.log_reference + game.margin(asked) / TAU)
            off = np.abs(np.exp(done.log_policy) - np.exp(point)).sum()
            apart = np.abs(np.exp(nash) - np.exp(point)).sum()
            for metric, value in (("off", off), ("apart", apart)):
                rows.append(pd.DataFrame({"mixture": mixture, "metric": metric, "step": [0], "value": value}))
    return spread(pd.concat(rows), ["mixture", "metric", "step"])


def draw(frame: pd.DataFrame):
    """Draw KL to the exact Nash policy, and how far every mixture's fixed point is from it."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(
        1, 2, figsize=(7.8, 3.4), layout="constrained", width_ratios=[1.5, 1]
    )
    handles = []
    for mixture, colour in MIXTURES.items():
        here = frame[(frame.mixture == mixture) & (frame.metric == "kl") & (frame.step > 0)]
        label = f"b = {mixture:g}" + (" (online IPO)" if mixture == 0 else "")
        handles.append(draw_spread(left, here, "step", color=PALETTE[colour], label=label))
    left.set(
        xscale="log", yscale="log", xlabel="iterations", ylabel="KL(exact Nash ‖ π) [nats]", ylim=(1e-28, 30)
    )
    apart = frame[frame.metric == "apart"]
    bars = [apart.middle - apart.low, apart.high - apart.middle]
    right.errorbar(apart.mixture, apart.middle, yerr=bars, fmt="o", color="black", capsize=3, markersize=4)
    right.set(
        xlabel="weight b of μ in the mixture",
        ylabel="‖fixed point − exact Nash‖₁",
        title="exact fixed points",
    )
    note = f"τ = {TAU}; medians over games, bands and bars: their range."
    legend_below(figure, handles, note)
    return figure


def judge(frame: pd.DataFrame) -> list[Curve]:
    """The equality of gradients and the fixed points."""
    one = frame.set_index(["mixture", "metric"])
    error = one.loc[(0.0, "gradient")].high.max()
    # differences of a quadratic are exact up to rounding of 1e-16/1e-5
    found = [Curve("gradient", f"relative difference {error:.0e}", "online IPO's is −4/τ times self-play's",
                   bool(error < 1e-6), ("equality",))]  # fmt: skip
    last = one.loc[(0.0, "kl")].high.iloc[-1]
    found.append(Curve("online IPO", f"largest KL at the end {last:.0e}", "its fixed point is the Nash policy",
                       bool(last < 1e-10), ("equality",)))  # fmt: skip
    for mixture in list(MIXTURES)[1:]:
        off, apart = one.loc[(mixture, "off")].high.max(), one.loc[(mixture, "apart")].middle.max()
        said = f"{off:.0e} from the exact fixed point, which is {apart:.2g} from the Nash policy"
        found.append(Curve(f"IPO-MD, b = {mixture:g}", said, "none; derived: τ log(π/μ) = P(· ≻ π^b) + c", None,
                           ("equality",)))  # fmt: skip
    return found


PAPER = Paper(
    id="ipo-md",
    title=__doc__.partition("\n")[0],
    source="Calandriello et al., Human Alignment through Online Preference Optimisation, arXiv 2403.08635",
    settings=(
        Setting("equality", "online IPO on pairs y, y' ~ π is self-play: any game, any τ", "paper"),
        Setting(
            "games", "COMAL's cycle with μ = (.6, .3, .1); 10 random games, n = 10, normal references", "ours"
        ),
        Setting(
            "τ, b, step, start",
            f"{TAU}; 0, 1/8, 1/2, 1; half of what local stability allows; normal logits",
            "ours",
        ),
    ),
    compute=compute,
    draw=draw,
    judge=judge,
    equilibria=lambda: [exact(game) for game in instances(1)],
)

if __name__ == "__main__":
    PAPER.main()
