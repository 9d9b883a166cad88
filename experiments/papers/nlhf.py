"""NLHF: the paper's examples, its Table 1 as a game, the last-iterate theorem, and what sampling does to rewards."""

import numpy as np
import pandas as pd

from nashsim import games
from nashsim.data.bradley_terry import fit_strengths
from nashsim.engine import run
from nashsim.equilibrium import lottery, solve
from nashsim.figures import Curve, Paper, Setting, exact
from nashsim.plots import PALETTE
from nashsim.rules import NashMD

EPS = np.linspace(-1 / 3, 1 / 3, 41)
TAUS = np.geomspace(0.01, 3, 31)
RUNS = {
    "Table 1": ("tldr", "blue"),
    "three humans": ("three-humans", "orange"),
    "P_ε at ε = .1": ("p-eps", "green"),
}
RUN_TAU = 0.1
SHARES = np.linspace(0.05, 0.9, 35)
#: The policies of Table 1 that are told apart.
TABLE = {"MD1": "blue", "MD3": "orange", "SP": "green", "RLHF": "vermilion"}
COLOURS = ("blue", "orange", "green")


def run_game(name: str):
    """Return a game that Nash-MD runs on; a uniform reference would be the Nash policy of a symmetric cycle."""
    game = games.get(name).replace(tau=RUN_TAU)
    return game if game.actions > 3 else game.replace(reference=[0.6, 0.3, 0.1])


def fitted(wins: np.ndarray, policy: np.ndarray) -> np.ndarray:
    """Return the Bradley-Terry rewards of duels y, z ~ policy."""
    pairs = np.outer(policy, policy) * wins
    return fit_strengths(pairs / pairs.sum())


def row(panel: str, curve: str, x: float, value: float) -> dict:
    """Return one point of a panel."""
    return {"panel": panel, "curve": curve, "x": float(x), "value": float(value)}


def compute(quick: bool) -> pd.DataFrame:
    """Solve the examples, run Nash-MD with the paper's schedule, fit rewards."""
    rows = []
    for eps in EPS:
        game = games.get("p-eps", eps=float(eps))
        for name, probability in zip(game.labels, lottery(game).probabilities[0], strict=True):
            rows.append(row("eps", f"Nash {name}", eps, probability))
        reward = fitted(game.probabilities[0], np.full(3, 1 / 3))
        for name, one in zip(game.labels, reward, strict=True):
            rows.append(row("eps", f"reward {name}", eps, one - reward.mean()))
    table = games.get("tldr")
    for tau in TAUS:
        policy = solve(table.replace(tau=float(tau))).probabilities[0]
        rows += [row("table", name, tau, p) for name, p in zip(table.labels, policy, strict=True)]
    rows += [
        row("lottery", n, 0, p) for n, p in zip(table.labels, lottery(table).probabilities[0], strict=True)
    ]
    for curve, (name, _) in RUNS.items():
        game = run_game(name)
        metrics = ["kl_to_equilibrium"]
        length = 1000 if quick else 100_000
        done = run(
            game,
            NashMD(),
            queries=length,
            metrics=metrics,
            start="random",
            record=np.geomspace(1, length, 60),
        )
        rows += [
            row("rate", curve, t, v) for t, v in zip(done.step, done.metrics[metrics[0]], strict=True) if t
        ]
    for curve, game in (
        ("not Bradley–Terry", games.get("p-eps")),
        ("Bradley–Terry", games.get("reward-preference")),
    ):
        wins = game.probabilities[0]
        for share in SHARES:
            policy = np.array([share, (1 - share) / 2, (1 - share) / 2])
            rewards = fitted(wins, policy)
            told = (1 / (1 + np.exp(rewards - rewards[:, None]))) @ policy
            rows.append(row("sampling", curve, share, rewards[0] - rewards[2]))
            rows.append(row("identity", curve, share, np.abs(told - wins @ policy).max()))
    wins = games.get("reward-preference").probabilities[0]
    best = fitted(wins, np.full(3, 1 / 3))
    # pi(y1) = 2 pi(y2) leaves one number, pi(y3)
    for third in np.linspace(0, 1, 41):
        policy = np.array([2 * (1 - third) / 3, (1 - third) / 3, third])
        first = np.array([2 / 3, 1 / 3, 0])
        rows.append(row("constraint", "reward", third, (policy - first) @ best))
        rows.append(row("constraint", "P(π ≻ (2/3, 1/3, 0)) − 1/2", third, policy @ wins @ first - 0.5))
    return pd.DataFrame(rows)


def draw(frame: pd.DataFrame):
    """Draw the examples in the upper row, table, theorem and sampling in the lower one."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(9.6, 5.6), layout="constrained")
    curves = {panel: here.groupby("curve", sort=False) for panel, here in frame.groupby("panel")}
    for name, here in curves["eps"]:
        kind, label = name.split()
        ax, colour = axes[0, 0 if kind == "Nash" else 1], PALETTE[COLOURS[int(label[1]) - 1]]
        dashes = (0, (4, 3)) if name == "Nash y2" else "solid"
        ax.plot(here.x, here.value, color=colour, linestyle=dashes, label=label, linewidth=1.8)
    known = {"y1, y2": 1 / 3 + EPS[::4] / 2, "y3": 1 / 3 - EPS[::4]}
    for values in known.values():
        [stated] = axes[0, 0].plot(EPS[::4], values, "o", color="black", markersize=3, fillstyle="none")
    stated.set_label("paper's formula")
    axes[0, 0].set(title="P_ε: exact Nash policy", xlabel="ε", ylabel="probability")
    axes[0, 1].set(title="P_ε: fitted reward, y1 best for ε > 0", xlabel="ε", ylabel="Bradley–Terry reward")
    axes[0, 0].legend()
    axes[0, 1].legend()
    right = axes[0, 2]
    for (name, here), colour in zip(curves["constraint"], ("vermilion", "blue"), strict=True):
        right.plot(here.x, here.value, color=PALETTE[colour], label=name)
    right.plot([1], [50 / 99 - 0.5], "o", color="black", fillstyle="none", label="paper: 50/99 − 1/2")
    right.axhline(0, color=PALETTE["grey"], linewidth=0.8)
    right.set(title="Reward against preference", xlabel="π(y3) where π(y1) = 2π(y2)")
    right.set_ylabel("above (2/3, 1/3, 0)")
    right.legend()
    table = axes[1, 0]
    for name, here in curves["table"]:
        colour = PALETTE[TABLE.get(name, "grey")]
        label = name if name in TABLE else "the other ten" if name == "SFT" else None
        table.plot(here.x, here.value, color=colour, label=label, linewidth=1.6 if name in TABLE else 0.6)
    table.set(xscale="log", title="Table 1: exact regularised Nash policy", xlabel="τ", ylabel="probability")
    table.legend(title="lottery: all on MD1")
    rate = axes[1, 1]
    for name, here in curves["rate"]:
        rate.plot(here.x, here.value, color=PALETTE[RUNS[name][1]], label=name)
    steps = curves["rate"].get_group(next(iter(RUNS))).x
    rate.plot(steps, 8 / (RUN_TAU**2 * (steps + 1)), ":", color="black", label="Theorem 1: 8/(τ²(T+1))")
    rate.set(xscale="log", yscale="log", title="Nash-MD, last iterate", xlabel="iterations T")
    rate.set_ylabel("KL(exact Nash ‖ π) [nats]")
    rate.legend()
    for (name, here), colour in zip(curves["sampling"], ("vermilion", "blue"), strict=True):
        axes[1, 2].plot(here.x, here.value, color=PALETTE[colour], label=name)
    axes[1, 2].set(title="Fitted reward by sampling policy", xlabel="π(y1)", ylabel="r(y1) − r(y3)")
    axes[1, 2].legend()
    return figure


def judge(frame: pd.DataFrame) -> list[Curve]:
    """Hold every curve against the paper's formula or theorem."""
    values = {key: here.set_index("x").value for key, here in frame.groupby(["panel", "curve"])}
    formula = {"y1": 1 / 3 + EPS / 2, "y2": 1 / 3 + EPS / 2, "y3": 1 / 3 - EPS}
    off = max(np.abs(values["eps", f"Nash {name}"] - line).max() for name, line in formula.items())
    # the table keeps nine digits
    found = [Curve("P_ε: Nash", f"{off:.0e} off", "(1/3 + ε/2, 1/3 + ε/2, 1/3 − ε)", off < 1e-8, ("P_ε",))]
    later = EPS > 1e-9
    rewards = np.array([values["eps", f"reward {name}"].to_numpy()[later] for name in formula])
    first = int((rewards.argmax(axis=0) == 0).sum())
    said = f"y1 has the largest reward at {first} of {later.sum()} ε > 0"
    found.append(Curve("P_ε: reward", said, "RLHF picks y1 for every ε > 0", first == later.sum(), ("P_ε",)))
    reward, wins = (values["constraint", name] for name in ("reward", "P(π ≻ (2/3, 1/3, 0)) − 1/2"))
    ends = reward.idxmax() == 0 and wins.idxmax() == 1
    said = f"reward is largest at π(y3) = {reward.idxmax():g}, preference at {wins.idxmax():g}, {0.5 + wins[1.0]:.6f}"
    right = bool(ends and abs(0.5 + wins[1.0] - 50 / 99) < 1e-8)
    found.append(
        Curve("reward against preference", said, "at (2/3, 1/3, 0), and at y3 by 50/99", right, ("example",))
    )
    top = values["lottery", "MD1"][0]
    said = f"lottery puts {top:g} on MD1; Nash at τ = {TAUS[0]:g} puts {values['table', 'MD1'].iloc[0]:.4f}"
    found.append(
        Curve("Table 1 as a game", said, "MD1 wins against every other column", top == 1, ("Table 1",))
    )
    for name in RUNS:
        divergence = values["rate", name]
        worst = (divergence * RUN_TAU**2 * (divergence.index + 1) / 8).max()
        said = f"largest KL/bound {worst:.2g}"
        found.append(Curve(f"Theorem 1: {name}", said, "at most 1", worst <= 1, ("Theorem 1",)))
    off = max(values["identity", name].max() for name in ("Bradley–Terry", "not Bradley–Terry"))
    stated = "Σ π(z) σ(r_y − r_z) = P(y ≻ π)"
    found.append(Curve("Proposition 2", f"{off:.0e} off", stated, off < 1e-8, ("Proposition 2",)))
    moved, still = (np.ptp(values["sampling", name]) for name in ("not Bradley–Terry", "Bradley–Terry"))
    said = f"reward differences move by {moved:.2g} off Bradley-Terry, by {still:.0e} on it"
    holds = bool(moved > 1e-3 and still < 1e-6)
    found.append(
        Curve("Theorem 2", said, "they depend on sampling exactly off it", holds, ("Proposition 2",))
    )
    return found


PAPER = Paper(
    id="nlhf",
    title=__doc__.partition("\n")[0],
    source="Munos et al., Nash Learning from Human Feedback, arXiv 2312.00886 (ICML 2024)",
    settings=(
        Setting(
            "P_ε", "P(y2≻y1) = 2/3 − ε/2, P(y3≻y1) = 1/3 − ε/4, P(y3≻y2) = 2/3 + ε/4, |ε| ≤ 1/3", "paper"
        ),
        Setting("example", "P(y2≻y1) = 9/10, P(y3≻y1) = 2/3, P(y3≻y2) = 2/11, π(y1) = 2π(y2)", "paper"),
        Setting("Table 1", "14 policies, win rates judged by PaLM 2, 2000 samples each", "paper"),
        Setting("Theorem 1", "Nash-MD, η_t = 2/(τ(t+2)), any game and start", "paper"),
        Setting("Proposition 2", "best Bradley-Terry fit on y, y' ~ π, any π (Theorem 2 too)", "paper"),
        Setting(
            "runs",
            f"τ = {RUN_TAU}, μ = (.6, .3, .1) or uniform, random start: instances of the theorem",
            "ours",
        ),
        Setting(
            "sampling policies", "(s, (1−s)/2, (1−s)/2), s in [.05, .9]: instances of the theorem", "ours"
        ),
    ),
    compute=compute,
    draw=draw,
    judge=judge,
    equilibria=lambda: [
        exact(games.get("p-eps"), "P_ε at ε = .1", lottery=True),
        exact(games.get("tldr"), "Table 1", lottery=True),
        *(exact(run_game(name), curve) for curve, (name, _) in RUNS.items()),
    ],
)

if __name__ == "__main__":
    PAPER.main()
