"""COMAL's cycle of three responses: self-play runs around the Nash policy, INPO stalls beside it, COMAL reaches it."""

from functools import cache

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.data.bradley_terry import fit_strengths
from nashsim.engine import run
from nashsim.figures import Curve, Paper, Setting, exact
from nashsim.plots import PALETTE, draw_simplex, legend_below, to_plane
from nashsim.rules import COMAL, INPO, SPO, SPPO

START = (0.2, 0.5, 0.3)
#: Every property is asked of all of these forward steps, as the paper's statements name none.
STEPS = (0.1, 0.3, 1.0)
#: Regularisations of INPO and COMAL, with a step inside the condition of each.
TAUS = (0.1, 0.3, 1.0)
INNER = 100
LINES = {
    "iterative DPO": ("orange", "solid"),
    "iterative IPO": ("vermilion", "solid"),
    "SPPO": ("purple", (0, (2, 2))),
    "INPO": ("green", "solid"),
    "COMAL": ("blue", "solid"),
}


def game(tau=None):
    """Return the paper's game, P(b ≻ a) = P(c ≻ b) = .9, P(a ≻ c) = .8."""
    return games.get("comal").replace(tau=tau)


@cache
def nash() -> np.ndarray:
    """Return the exact Nash policy."""
    return np.array(exact(game(), lottery=True)["policy"])


def rule(name: str, setting: float):
    """Return the rule of a curve: IPO's exact step is multiplicative weights with eta = 1/tau."""
    if name in ("iterative IPO", "SPPO"):
        return {"iterative IPO": SPO, "SPPO": SPPO}[name](step=setting)
    eta = 4 * setting / (1 + 4 * setting**2)
    return INPO(eta_inverse=1 / eta) if name == "INPO" else COMAL(inner=INNER)


def dpo(step: float, length: int) -> np.ndarray:
    """Return iterates of iterative DPO, pi+ ∝ pi exp(4 step r), r the Bradley-Terry fit of pairs y, y' ~ pi.

    Near r = 0 a reward is 4 (P - 1/2), so that 1/beta = step/4 moves the logits like a mirror step of that size.
    """
    wins, log_policy, path = game().probabilities[0], np.log(START), [np.array(START)]
    for _ in range(length):
        pairs = np.outer(path[-1], path[-1]) * wins
        log_policy = log_policy + step / 4 * fit_strengths(pairs / pairs.sum())
        policy = np.exp(log_policy - log_policy.max())
        path.append(policy / policy.sum())
        if path[-1].min() < 1e-9:  # a fit from pairs that are never drawn has no finite rewards
            break
    return np.array(path)


def compute(quick: bool) -> pd.DataFrame:
    """Run every method at all its settings."""
    rows = []
    for name in LINES:
        for setting in TAUS if name in ("INPO", "COMAL") else STEPS:
            # a cycle takes about 1/step iterations; refreshed references need many inner ones
            length = round(120 / setting) if name not in ("INPO", "COMAL") else 200_000
            if name == "iterative DPO":
                path = dpo(setting, length)
                steps = np.arange(0, len(path), every := max(1, length // 300))
                path = path[::every]
            else:
                tau = setting if name in ("INPO", "COMAL") else 1.0
                every = np.geomspace(1, length, 120) if name in ("INPO", "COMAL") else max(1, length // 300)
                done = run(
                    game(tau),
                    rule(name, setting),
                    queries=length,
                    start=START,
                    record=every,
                    keep_policies=True,
                    metrics=[],
                )
                steps, path = done.step, np.exp(done.log_policies[:, 0])
            gap = 2 * (game().probabilities[0] @ path.T - 0.5).max(axis=0)
            with np.errstate(divide="ignore"):
                kl = np.sum(nash() * np.log(nash() / path), axis=1)
            one = {"method": name, "setting": setting, "step": steps, "gap": gap, "kl": kl}
            rows.append(pd.DataFrame({**one, "a": path[:, 0], "b": path[:, 1], "c": path[:, 2]}))
    return pd.concat(rows, ignore_index=True)


def turns(path: np.ndarray) -> float:
    """Return how often a path of policies goes around the Nash policy."""
    plane = to_plane(path) - to_plane(nash())
    return abs(np.diff(np.unwrap(np.arctan2(plane[:, 1], plane[:, 0])))).sum() / (2 * np.pi)


def draw(frame: pd.DataFrame):
    """Draw the paths over the simplex and the gap of the last iterate."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(
        1, 2, figsize=(7.6, 3.6), layout="constrained", width_ratios=[1, 1.25]
    )
    draw_simplex(left, ("a", "b", "c"))
    handles = []
    for name, (colour, dashes) in LINES.items():
        here = frame[(frame.method == name) & np.isclose(frame.setting, 0.3)]
        line = {"color": PALETTE[colour], "linestyle": dashes, "linewidth": 1.3}
        plane = to_plane(here[["a", "b", "c"]].to_numpy())
        left.plot(*plane.T, **line)
        left.plot(*plane[-1], "o", color=line["color"], markersize=4, zorder=4)
        handles += right.plot(here.step[1:], here.gap.clip(lower=1e-16)[1:], label=name, **line)
    star = to_plane(nash())
    [star] = left.plot(*star, "*", color="white", markeredgecolor="black", markersize=11, zorder=5)
    star.set_label("exact Nash policy (4/11, 3/11, 4/11)")
    stalled = exact(game(0.3))["policy"]
    level = 2 * (game().probabilities[0] @ stalled - 0.5).max()
    right.axhline(level, color=PALETTE["black"], linewidth=0.8, linestyle=(0, (1, 1)))
    right.text(1.2, level * 0.06, "gap of the exact regularised Nash policy", fontsize=7, va="top")
    right.set(
        xscale="log", yscale="log", xlabel="iterations (inner steps)", ylabel="unregularised duality gap"
    )
    right.set_ylim(1e-16, 3)
    note = "Forward step or τ = 0.3, ours; COMAL refreshes its reference every 100 steps."
    legend_below(figure, [*handles, star], note, columns=3)
    return figure


def judge(frame: pd.DataFrame) -> list[Curve]:
    """Who cycles, who stalls, who arrives; at every step and tau tried."""
    found, rests = [], ("game", "metric")
    for name in ("iterative DPO", "iterative IPO", "SPPO"):
        each = [one for _, one in frame[frame.method == name].groupby("setting")]
        around = [turns(one[["a", "b", "c"]].to_numpy()) for one in each]
        nearer = [one.kl.iloc[-1] / one.kl.iloc[0] for one in each]
        said = f"{min(around):.1f} turns or more, KL from the Nash policy {min(nearer):.2g} times the start's or more"
        holds = min(around) >= 1 and min(nearer) >= 1
        found.append(
            Curve(name, said, "cycles: at least one turn, and no nearer than the start", holds, rests)
        )
    left, off = [], []
    for tau, one in frame[frame.method == "INPO"].groupby("setting"):
        level = 2 * (game().probabilities[0] @ exact(game(tau))["policy"] - 0.5).max()
        left.append(one.gap.iloc[-1])
        off.append(abs(one.gap.iloc[-1] - level))
    said = f"gap {min(left):.2g} or more, {max(off):.0e} off that of the exact regularised Nash policy"
    stalls = min(left) > 1e-3 and max(off) < 1e-8
    found.append(Curve("INPO", said, "stalls at the Nash policy of the regularised game", stalls, rests))
    last = max(one.gap.iloc[-1] for _, one in frame[frame.method == "COMAL"].groupby("setting"))
    found.append(Curve("COMAL", f"gap {last:.1e} at most", "gap 1e-11", last <= 1e-11, rests))
    return found


PAPER = Paper(
    id="comal",
    title=__doc__.partition("\n")[0],
    source="Liu et al., COMAL, arXiv 2410.23223",
    settings=(
        Setting("game", "P(b ≻ a) = P(c ≻ b) = .9, P(a ≻ c) = .8; Nash (4/11, 3/11, 4/11)", "paper"),
        Setting("metric", "unregularised duality gap of the last iterate", "paper"),
        Setting(
            "methods", "exact population updates of iterative DPO, iterative IPO, SPPO, INPO, COMAL", "paper"
        ),
        Setting("start", "(.2, .5, .3)", "ours"),
        Setting("forward step", ".1, .3 and 1: each must have the property; drawn at .3", "ours"),
        Setting("τ", ".1, .3 and 1, η = 4τ/(1+4τ²): each must have the property; drawn at .3", "ours"),
        Setting("inner steps", f"{INNER} between refreshes", "ours"),
    ),
    compute=compute,
    draw=draw,
    judge=judge,
    equilibria=lambda: [exact(game(), lottery=True), *(exact(game(tau)) for tau in TAUS)],
)

if __name__ == "__main__":
    PAPER.main()
