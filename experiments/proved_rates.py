"""Rates per query against tau: proved with a certificate, the worst found by a search over games, and typical ones.

Every rule takes the step with its best proved rate; two of them were found by the search for the best proved rate. It
takes minutes and is no part of ``nashsim reproduce``: ``python experiments/proved_rates.py``.
"""

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from nashsim.figures import Experiment, Finding
from nashsim.logspace import kl
from nashsim.plots import PALETTE, legend_below
from nashsim.rules import EGPO, OMD
from nashsim.theory import prove
from nashsim.theory.claims.instance import stacks
from nashsim.theory.claims.rule_claims import play
from nashsim.theory.falsify import search
from nashsim.theory.proofs import claim_of
from nashsim.theory.proofs.designing import design

TAUS = (0.05, 0.1, 0.2, 0.3, 0.6, 1.0)
#: Colour and label of every rule.
RULES = {
    "omd": ("green", "one call: OMD, INPO, MMD"),
    "egpo": ("blue", "two calls: Nash-MP, EGPO"),
    "optimistic": ("orange", "optimistic, b = 1"),
    "found: optimism": ("vermilion", "found: one call, tuned b"),
    "found: two calls": ("purple", "found: two calls, mixed opponent"),
}
#: Proved orders of e over which a rate is measured, and the KL from which rounding is felt.
ORDERS, FLOOR = 8.0, 1e-20


def compute(quick: bool) -> pd.DataFrame:
    """Prove, search and draw at random for every rule and tau."""
    cells = [(name, tau) for tau in (TAUS[1:4:2] if quick else TAUS) for name in RULES]
    rows = Parallel(n_jobs=-1)(delayed(_row)(name, tau, quick) for name, tau in cells)
    return pd.DataFrame(rows)


def _row(name: str, tau: float, quick: bool) -> dict:
    if name.startswith("found: "):
        found = design(tau, name.removeprefix("found: "), evaluations=30 if quick else 80)
        rule, proof = found.rule, found.proof
    else:
        proof = prove(name, tau, best=True)
        rule = proof.rule
    rate = -np.log(float(proof.factor))
    claim = claim_of(proof)
    drawn = [claim.sample(seed) for seed in range(40 if quick else 200)]
    means = np.concatenate([_rates(stack, rule, rate) for _, stack in stacks(drawn)])
    worst = [search(claim, evaluations=300, seed=seed) for seed in ((0,) if quick else (0, 1, 2))]
    tightness = max([one.tightness for one in worst] + claim.scores(drawn)[1].tolist())
    calls = proof.queries_per_step
    return {
        "rule": name,
        "tau": tau,
        "eta": proof.eta,
        "numbers": str({k: v for k, v in vars(rule).items() if v}),
        "queries_per_step": calls,
        "proved": rate / calls,
        "worst": rate / tightness / calls,
        "typical": float(np.median(means)) / calls,
        "exact": proof.exact,
        "kappa": float(proof.parameters.get("kappa", 1)),
        "tightness": tightness,
        "evaluations": sum(one.evaluations for one in worst) + len(drawn),
    }


def _rates(stack, rule, rate: float) -> np.ndarray:
    """Return the mean rate of every instance, in nats a step, to where e^-8 is proved, or rounding is reached."""
    steps = int(np.ceil(ORDERS / rate))
    record = np.unique(np.geomspace(1, steps, 40).round().astype(int))
    path = play(stack, rule, steps, record=record)
    taken = np.asarray(path.steps, dtype=float)
    later = taken > 0
    divergence, taken = kl(stack.log_equilibrium, path.log_policies).T[:, later], taken[later]
    start = stack.kl_start[:, None]
    felt = divergence <= FLOOR
    with np.errstate(divide="ignore", invalid="ignore"):
        fallen = np.where(felt | (start < 1e-6), np.inf, np.log(start / divergence))
    last = np.maximum((~felt).sum(axis=1) - 1, 0)
    return (fallen / taken)[np.arange(len(last)), last]


def draw(frame: pd.DataFrame):
    """Draw proved rates over tau, and how much faster the slowest game found and a median random game are."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.9), layout="constrained", width_ratios=(1.35, 1, 1))
    for name, (colour, label) in RULES.items():
        mine = frame[frame.rule == name].sort_values("tau")
        line = {"color": PALETTE[colour], "marker": "o", "markersize": 3.5}
        axes[0].plot(mine.tau, mine.proved / mine.tau, label=label, **line)
        axes[1].plot(mine.tau, mine.worst / mine.proved, **line)
        axes[2].plot(mine.tau, mine.typical / mine.proved, **line)
    axes[0].set(title="proved, with certificate", ylabel="rate of KL(π*, π) per query / τ  [nats]")
    axes[1].set(title="slowest game found", ylabel="its rate / proved rate")
    axes[2].set(title="median random game", ylabel="its rate / proved rate")
    taus = sorted(frame.tau.unique())
    for ax in axes:
        ax.set(xscale="log", xlabel="regularisation τ")
        ax.set_xticks(taus, [f"{tau:g}" for tau in taus])
        ax.minorticks_off()
    axes[0].set_ylim(bottom=0)
    top = max(frame.typical / frame.proved) * 1.05
    for ax in axes[1:]:
        ax.axhline(1, color=PALETTE["black"], linewidth=0.9, linestyle="--")
        ax.set_ylim(0.9, top)
    games = int(frame.evaluations.sum() / len(frame))
    note = (
        "Each rule at the step of its best proved rate. Slowest: its rate of KL beside the proved one, of"
        f" {games} games a point, random and searched; below 1 (dashed) would break a proof."
    )
    legend_below(figure, axes[0].get_legend_handles_labels()[0], note, columns=3)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Say whether a search breaks a proof, how tight proofs are, and which rule has the best proved rate per query."""
    broken = frame[frame.worst < frame.proved * (1 - 1e-6)]
    said = [
        Finding(
            f"proved rates that a search of {int(frame.evaluations.sum())} games breaks, of {len(frame)}",
            ", ".join(f"{r.rule} at {r.tau:g}" for r in broken.itertuples()) or "none",
            "none",
            broken.empty,
        ),
        Finding(
            "proofs with an exact certificate",
            f"{int(frame.exact.sum())} of {len(frame)}",
            "all",
            frame.exact.all(),
        ),
    ]
    ratio = (frame.worst / frame.proved).groupby(frame.rule).min()
    for name in RULES:
        said.append(
            Finding(f"{name}: slowest found over proved rate, least", f"{ratio[name]:.3f}", "measured", True)
        )
    proved = frame.pivot_table(index="tau", columns="rule", values="proved")
    known = proved[["omd", "egpo"]].max(axis=1)
    best = proved[[name for name in RULES if name.startswith("found")]].max(axis=1)
    for tau in proved.index:
        said.append(
            Finding(
                f"best found over best known (OMD, EGPO) proved rate per query, tau = {tau:g}",
                f"{best[tau] / known[tau]:.3f}",
                ">= 1",
                bool(best[tau] >= known[tau] * (1 - 1e-4)),
            )
        )
    for name, family in (("omd", OMD), ("egpo", EGPO)):
        mine = frame[frame.rule == name]
        end = np.array([family().largest_eta(tau) for tau in mine.tau])
        said.append(
            Finding(
                f"{name}: best proved step over the largest of its theorem",
                f"{(mine.eta / end).min():.4f} to {(mine.eta / end).max():.4f}",
                ">= 1",
                bool((mine.eta >= end * (1 - 1e-3)).all()),
            )
        )
    return said


EXPERIMENT = Experiment(
    "proved-rates",
    "Rates per query against tau: proved, the worst found, and typical",
    compute,
    draw,
    findings,
)

if __name__ == "__main__":
    EXPERIMENT.main()
