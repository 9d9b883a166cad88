"""From transitive to fully cyclic: proved steps keep their rate, the LLM-style step stops converging."""

import warnings

import numpy as np
import pandas as pd

from nashsim import StepSizeWarning, games
from nashsim.data import hodge
from nashsim.engine import run_many, runs_frame
from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE, bands, legend_below, rule_line
from nashsim.rules import OMD
from nashsim.theory import fit_linear_rate, proved_rate

TAU = 0.02
ACTIONS = 9
RULES = {"omd": 25_000, "nash-mp": 1700, "egpo": 1700}
#: eta_I = 3 tau, the ratio of the published recipes for language models.
LLM_STEP = OMD(step=1 / (3 * TAU))
LLM_QUERIES = 3000


def compute(quick: bool) -> pd.DataFrame:
    """Turn the dial; fit rates of the proved rules and record where the LLM-style step ends."""
    dials = np.linspace(0, 1, 5 if quick else 13)
    return pd.concat([at_dial(dial, range(2 if quick else 20)) for dial in dials], ignore_index=True)


def at_dial(dial: float, seeds: range) -> pd.DataFrame:
    """Return rates of the proved rules and gaps of the LLM-style step on the games of one dial setting."""
    family = [
        games.get(f"dial:n={ACTIONS},dial={dial},seed={k}").replace(tau=TAU, name=f"dial-{k}") for k in seeds
    ]
    mass = {game.name: hodge(game.probabilities[0]).cyclic_mass for game in family}
    runs = [
        run
        for rule, queries in RULES.items()
        for run in run_many(
            family,
            rule,
            queries=queries,
            start="random",
            record=queries // 200,
            metrics=["kl_to_equilibrium"],
            jobs=2,
        )
    ]
    rows = [
        (r.game.name, r.rule.name, "rate", fit_linear_rate(r.queries, r.metrics["kl_to_equilibrium"]))
        for r in runs
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StepSizeWarning)  # far outside the condition, on purpose
        beyond = run_many(family, LLM_STEP, queries=LLM_QUERIES, start="random", record=[LLM_QUERIES],
                          metrics=["duality_gap"], jobs=2)  # fmt: skip
    rows += [(r.game.name, "omd, η = 1/(3τ)", "gap", r.metrics["duality_gap"][-1]) for r in beyond]
    checked = runs_frame([*runs, *beyond], check=True)
    columns = ["game", "rule", "metric", "value"]
    found = pd.concat(
        [pd.DataFrame(rows, columns=columns), checked[checked.metric.str.startswith("cvxpy")][columns]]
    )
    return found.assign(dial=dial, mass=found.game.map(mass))


def draw(frame: pd.DataFrame):
    """Draw rates, and the gap the LLM-style step is left with, against the cyclic mass."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.3), layout="constrained")
    rates = frame[frame.metric == "rate"]
    for rule in RULES:
        line = rule_line(rule)
        mine = rates[rates.rule == rule]
        bands(left, mine.assign(mass=mine.groupby("dial").mass.transform("median")), x="mass", marker="o", markersize=3,
              **line)  # fmt: skip
        proved = proved_rate(rule, TAU)
        left.axhline(proved, color=line["color"], linestyle=":", linewidth=1.2)
    left.set(yscale="log", xlabel="Hodge cyclic mass of P − 1/2", ylabel="rate of KL(π* ‖ π)  [1/query]")
    left.set_title(f"τ = {TAU:g}: proved steps keep their rate")
    gaps = frame[frame.metric == "gap"].assign(value=lambda f: f.value.clip(lower=1e-18))
    right.plot(
        gaps.mass, gaps.value, "o", color=PALETTE["vermilion"], markersize=3.5, alpha=0.5, markeredgewidth=0
    )
    right.set(
        yscale="log", xlabel="Hodge cyclic mass of P − 1/2", ylabel=f"duality gap after {LLM_QUERIES} queries"
    )
    right.set_title("η = 1/(3τ), the LLM ratio, ends in a cycle")
    count = rates.game.nunique()
    note = (
        f"Left: median over {count} random games a dial setting (band: their range)."
        f" Right: one dot a game, those below $10^{{-18}}$ there. n = {ACTIONS}, random starts."
    )
    dotted = plt.Line2D([], [], color="black", linestyle=":", linewidth=1.2, label="proved rate, same colour")
    legend_below(figure, [*left.get_legend_handles_labels()[0], dotted], note)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Proved rates hold along the whole dial; the LLM-style step loses convergence on the cyclic side."""
    rates = frame[frame.metric == "rate"]
    found = []
    for rule in RULES:
        proved = proved_rate(rule, TAU)
        least = rates[rates.rule == rule].value.min()
        found.append(
            Finding(
                f"{rule}: least rate along the dial",
                f"{least:.4f}",
                f"≥ {proved:.4f}",
                least >= 0.99 * proved,
            )
        )
    gaps = frame[frame.metric == "gap"].groupby("dial").value.median()
    found.append(
        Finding("LLM-style step, gap at dial 0", f"{gaps.iloc[0]:.1e}", "< 1e-6", gaps.iloc[0] < 1e-6)
    )
    found.append(
        Finding("LLM-style step, gap at dial 1", f"{gaps.iloc[-1]:.2g}", "> 0.01", gaps.iloc[-1] > 0.01)
    )
    return found


EXPERIMENT = Experiment("cyclic-mass", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
