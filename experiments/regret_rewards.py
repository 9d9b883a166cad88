"""Reward learners: uniform pairs never settle a cycle, a policy's own pairs do; off line, thin coverage and PEPO."""

import numpy as np
import pandas as pd
from _regret import REGRET, curves, thinned

from nashsim import PreferenceGame, games
from nashsim.equilibrium import exploitability
from nashsim.figures import Experiment, Finding
from nashsim.offline import offline_dpo, pepo
from nashsim.online import DuelLog, run_regret
from nashsim.online.learners.rewards import XPO, BTNash, OnlineDPO
from nashsim.plots import PALETTE, legend_below, mean_line
from nashsim.theory import Estimate, power_of_rounds

TAU = 0.1
REWARDS = np.array([0.6, 0.3, 0.0])
VARIANTS = {
    "dpo-uniform": (OnlineDPO(pairs="uniform"), "vermilion", "solid", "DPO, uniform pairs"),
    "bt-nash-uniform": (
        BTNash(pairs="uniform"),
        "orange",
        (0, (4, 2)),
        "Bradley-Terry + Nash, uniform pairs",
    ),
    "bt-nash": (BTNash(), "blue", "solid", "Bradley-Terry + Nash, own pairs"),
    "dpo": (OnlineDPO(), "purple", (0, (4, 2)), "DPO, own pairs"),
    "xpo": (XPO(), "green", (0, (1.5, 1.5)), "XPO, own against μ"),
}
TITLES = {
    "biased-rps": "cycle: biased RPS",
    "rps": "cycle: RPS .6, μ = (.6, .3, .1)",
    "bradley-terry": "transitive: rewards .6, .3, 0",
}
CYCLES = ("biased-rps", "rps")
#: Off line: a good response, a worse one, and eight that are worse still and seldom met.
OFFLINE_REWARDS = np.array([1.0, 0.0] + [-0.5] * 8)
THICK, THIN = 200, (1, 2, 3, 5, 10, 20, 50, 100)
OFFLINE = {
    "offline-dpo": (offline_dpo, lambda seed: {}, "vermilion", "solid", "DPO"),
    "pepo-bootstrap": (
        pepo,
        lambda seed: {"parts": "bootstrap", "seed": seed},
        "sky",
        (0, (4, 2)),
        "PEPO, 5 bootstraps",
    ),
    "pepo": (pepo, lambda seed: {"seed": seed}, "blue", "solid", "PEPO, 5 disjoint parts"),
}
LOSS = "good_response_ahead"


def _transitive() -> PreferenceGame:
    return PreferenceGame(1 / (1 + np.exp(REWARDS - REWARDS[:, None])), tau=TAU, name="bradley-terry")


def compute(quick: bool) -> pd.DataFrame:
    """Let every variant play two cycles and a transitive game."""
    played = [
        games.get("biased-rps").replace(tau=TAU, name="biased-rps"),
        games.get("rps:strength=0.6").replace(tau=TAU, reference=[0.6, 0.3, 0.1], name="rps"),
        _transitive(),
    ]
    rounds, seeds = 100_000, 8 if quick else 20
    frames = []
    for variant, (learner, *_) in VARIANTS.items():
        frame = run_regret(played, learner, rounds=rounds, seeds=seeds, jobs=2, check=True)
        frame = frame[frame.metric.isin(("regret", "cvxpy_distance"))]
        frames.append(thinned(frame).assign(variant=variant))
    frames.append(_offline(100 if quick else 200))
    return pd.concat(frames, ignore_index=True).drop(columns="setting")


def _offline(data_sets: int) -> pd.DataFrame:
    """What the good response wins by against policies of fixed data; ``rounds`` is the duels of each bad response."""
    log_reference, rows = np.log(np.full(10, 0.1)), []
    ahead = 1 / (1 + np.exp(OFFLINE_REWARDS - 1)) - 0.5
    for thin in THIN:
        first = np.repeat(np.arange(10), [THICK, 0] + [thin] * 8)
        for seed in range(data_sets):
            rng = np.random.default_rng([thin, seed])
            second = np.where(first == 0, 1, rng.integers(0, 2, len(first)))
            chance = 1 / (1 + np.exp(OFFLINE_REWARDS[second] - OFFLINE_REWARDS[first]))
            log = DuelLog(np.zeros_like(first), first, second, rng.random(len(first)) < chance)
            for name, (fit, settings, *_) in OFFLINE.items():
                [log_policy] = fit(log, log_reference, beta=4 * TAU, **settings(seed))
                rows.append((seed, thin, name, float(ahead @ np.exp(log_policy))))
    frame = pd.DataFrame(rows, columns=["seed", "rounds", "variant", "value"])
    return frame.assign(game="offline", learner=frame.variant, tau=TAU, metric=LOSS)


def _of(frame: pd.DataFrame, game: str, variant: str) -> pd.DataFrame:
    return frame[(frame.metric == "regret") & (frame.game == game) & (frame.variant == variant)]


def _power(frame: pd.DataFrame, game: str, variant: str) -> Estimate:
    return power_of_rounds(*curves(_of(frame, game, variant)))


def draw(frame: pd.DataFrame):
    """Draw one panel a game, the power of T beside every curve."""
    import matplotlib.pyplot as plt

    figure, grid = plt.subplots(2, 2, figsize=(9.2, 7.6), layout="constrained")
    panels = grid.ravel()
    for ax in panels[1:3]:
        ax.sharey(panels[0])
    for ax, (game, title) in zip(panels[:3], TITLES.items(), strict=True):
        ends = []
        for variant, (_, colour, dashes, label) in VARIANTS.items():
            mine = _of(frame, game, variant)
            mine = mine[mine.rounds >= 10]
            mean_line(ax, mine, color=PALETTE[colour], linestyle=dashes, label=label)
            rounds, values = curves(mine)
            power = _power(frame, game, variant).value
            ends.append((np.log10(values[:, -1].mean()), f"$T^{{{power:.2f}}}$", PALETTE[colour]))
        last = rounds[-1]
        ax.set(xscale="log", yscale="log", xlabel="duels T", title=title, xlim=(10, last * 4.5))
        ends.sort(reverse=True)
        for (_, text, colour), at in zip(ends, _apart([height for height, *_ in ends]), strict=True):
            ax.text(last * 1.15, 10**at, text, color=colour, fontsize=10.5, va="center")
    for ax in grid[:, 0]:
        ax.set_ylabel(REGRET)
    xpo = " and ".join(f"$T^{{{_power(frame, game, 'xpo').value:.2f}}}$" for game in CYCLES)
    _draw_offline(panels[3], frame[frame.metric == LOSS])
    seeds = frame[frame.metric == "regret"].seed.nunique()
    left = _limit_gap()
    note = (
        f"Charged is the policy played, τ = {TAU:g}; powers of T over two decades. Mean over {seeds} seeds"
        f" (off line: {frame.seed.nunique()} data sets), bands: 95% by Student's t.\n"
        f"XPO, whose pairs are its own response against one of μ, grows like {xpo} on the cycles: no remedy either.\n"
        "DPO and XPO with β = 4τ. Own pairs serve DPO, but slowly: a few seeds starve after wrong first"
        " labels and carry its mean.\n"
        f"On the transitive game DPO's limit keeps a gap of ${left * 1e6:.1f} \\cdot 10^{{-6}}$ a duel, as logit P is"
        " 4(P − 1/2) for small rewards only:\nit would go linear long after these duels. Off line:"
        f" {THICK} duels between a good and a worse response,\nfew of eight bad ones, μ uniform, β = 4τ. PEPO, the"
        " least of its members, goes beyond the policy of the true rewards."
    )
    legend_below(figure, panels[0].get_legend_handles_labels()[0], note, columns=3)
    return figure


def _draw_offline(ax, frame: pd.DataFrame) -> None:
    for name, (_, _, colour, dashes, label) in OFFLINE.items():
        mean_line(
            ax, frame[frame.variant == name], color=PALETTE[colour], linestyle=dashes, marker=".", label=label
        )
    weights = np.exp(OFFLINE_REWARDS / (4 * TAU))
    truth = float((1 / (1 + np.exp(OFFLINE_REWARDS - 1)) - 0.5) @ weights / weights.sum())
    ax.axhline(truth, color="black", linestyle=":", linewidth=1, label="policy of the true rewards")
    ax.set(
        xscale="log",
        ylim=(0, None),
        xlabel="duels of each bad response",
        ylabel="P(good response ≻ π) − 1/2",
        title="off line: PEPO needs less coverage than DPO",
    )
    ax.legend(loc="upper right")


def _apart(heights: list[float], least: float = 0.38) -> list[float]:
    """Heights in descending order, pushed down until they are ``least`` apart."""
    placed: list[float] = []
    for height in heights:
        placed.append(height if not placed else min(height, placed[-1] - least))
    return placed


def _limit_gap() -> float:
    """Regret a duel of mu exp(r/(4 tau)) with the true rewards on the transitive game."""
    logits = REWARDS / (4 * TAU)
    return float(exploitability(_transitive(), (logits - np.log(np.exp(logits).sum()))[None])[0])


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Linear on cycles from uniform pairs, far below sqrt T from own pairs and where rewards are right."""
    transitive = "bradley-terry"
    wanted = [(game, variant, True) for variant in ("dpo-uniform", "bt-nash-uniform") for game in CYCLES]
    wanted += [(transitive, variant, False) for variant in ("dpo-uniform", "bt-nash-uniform", "bt-nash")]
    wanted += [(game, "bt-nash", False) for game in CYCLES]
    found = []
    for game, variant, linear in wanted:
        power = _power(frame, game, variant)
        found.append(
            Finding(
                f"{game}: power of T, {VARIANTS[variant][3]}",
                f"{power.value:.2f} [{power.low:.2f}, {power.high:.2f}]",
                "at least 0.95" if linear else "at most 0.25",
                power.value >= 0.95 if linear else power.value <= 0.25,
            )
        )
    for game in CYCLES:
        power = _power(frame, game, "xpo")
        told = f"{power.value:.2f} [{power.low:.2f}, {power.high:.2f}]"
        said = "above 0.5, that of √T: its pairs do not settle a cycle either"
        found.append(Finding(f"{game}: power of T, {VARIANTS['xpo'][3]}", told, said, power.low > 0.5))
    loss = frame[(frame.metric == LOSS) & (frame.rounds == 3)].groupby("variant").value.mean()
    ratio = loss["offline-dpo"] / loss["pepo"]
    found.append(
        Finding("off line, 3 duels: loss of DPO / PEPO", f"{ratio:.2f}", "at least 1.5", ratio >= 1.5)
    )
    return found


EXPERIMENT = Experiment("regret-rewards", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
