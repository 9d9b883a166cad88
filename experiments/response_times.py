"""Duels to a given regret with and without response times: in a crowd choices alone never get there."""

import numpy as np
import pandas as pd

from nashsim import PreferenceGame
from nashsim.equilibrium import solve_cvxpy, solve_newton
from nashsim.figures import Experiment, Finding
from nashsim.logspace import kl, log_normalise
from nashsim.online import BradleyTerryEstimate, DriftEstimate, Duels
from nashsim.plots import PALETTE, legend_below
from nashsim.preferences import AnnotatorPreference
from nashsim.solutions import solutions
from nashsim.theory import mean_band

#: Most like a by a little, a few hate it: choices rank a, c, b and mean utilities b, c, a.
CROWD, SHARES = np.array([[1.0, 0.0, 0.5], [-5.0, 1.0, -2.0]]), np.array([0.8, 0.2])
#: One person of the same mean utilities.
PERSON = SHARES @ CROWD
TAU, BOUNDARY, ENOUGH = 0.1, 1.0, 0.02
LINES = {"times": ("choices and times", "blue"), "choices": ("choices alone", "vermilion")}


def _game(who: str) -> PreferenceGame:
    if who == "crowd":
        return PreferenceGame(
            AnnotatorPreference(CROWD, SHARES), tau=TAU, labels=["a", "b", "c"], name="crowd"
        )
    return PreferenceGame(AnnotatorPreference(PERSON[None]), tau=TAU, labels=["a", "b", "c"], name="person")


def _log_policy(utilities) -> np.ndarray:
    return log_normalise(np.asarray(utilities) / TAU)


def compute(quick: bool) -> pd.DataFrame:
    """Fit drifts, or a Bradley-Terry reward, to uniform pairs; charge what pi ∝ exp(u/tau) loses in mean utility."""
    most, seeds = (4000, 4) if quick else (30_000, 16)
    sizes = np.unique(np.geomspace(50, most, 10 if quick else 20).astype(int))
    rows = []
    for who in ("crowd", "person"):
        game = _game(who)
        # utilities in units of the drift: v = (r_y - r_z)/(2 a)
        best = _log_policy(PERSON / (2 * BOUNDARY))
        apart = np.abs(solve_cvxpy(game).probabilities - solve_newton(game).probabilities).sum()
        rows.append({"who": who, "metric": "cvxpy_distance", "value": apart})
        for seed in range(seeds):
            duels = Duels(game, seed, times=True, boundary=BOUNDARY)
            rng = np.random.default_rng([seed, 1])
            drift, choice = DriftEstimate(3, BOUNDARY), BradleyTerryEstimate(3)
            for before, after in zip([0, *sizes], sizes, strict=False):
                first = rng.integers(3, size=after - before)
                second = (first + rng.integers(1, 3, size=after - before)) % 3
                answers = duels.duel(first, second)
                drift.add(first, second, *answers)
                choice.add(first, second, answers.choices)
                for how, found in (("times", drift.utilities), ("choices", choice.rewards / (2 * BOUNDARY))):
                    # max_q w(q) - tau KL(q || mu) less that of the policy
                    regret = TAU * float(kl(_log_policy(found), best))
                    rows.append(
                        {
                            "who": who,
                            "how": how,
                            "seed": seed,
                            "duels": after,
                            "metric": "regret",
                            "value": regret,
                        }
                    )
    return pd.DataFrame(rows)


def _curve(frame, who, how):
    mine = frame[(frame.metric == "regret") & (frame.who == who) & (frame.how == how)]
    table = mine.pivot(index="seed", columns="duels", values="value")
    return table.columns.to_numpy(), table.to_numpy()


def _budget(frame, who, how) -> float:
    """Return the duels from which on the mean regret stays below ENOUGH; infinite if it does not."""
    duels, values = _curve(frame, who, how)
    above = np.flatnonzero(values.mean(axis=0) > ENOUGH)
    after = 0 if not above.size else above[-1] + 1
    return float(duels[after]) if after < len(duels) else np.inf


def draw(frame: pd.DataFrame):
    """Draw the regret of the policy after so many duels, for the crowd and for one person."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(8.8, 3.9), layout="constrained", sharey=True)
    titles = {"crowd": "two kinds of people, 4:1", "person": "one person of the same mean utilities"}
    for ax, (who, title) in zip(axes, titles.items(), strict=True):
        for how, (label, colour) in LINES.items():
            duels, values = _curve(frame, who, how)
            mean, low, high = mean_band(values, least=0)
            ax.plot(duels, mean, color=PALETTE[colour], label=label)
            ax.fill_between(
                duels, np.maximum(low, 1e-6), high, color=PALETTE[colour], alpha=0.18, linewidth=0
            )
        ax.axhline(ENOUGH, color="black", linestyle=":", linewidth=1, label=f"regret {ENOUGH:g}")
        ax.set(xscale="log", yscale="log", xlabel="duels")
        ax.set_title(title)
    axes[0].set_ylabel("regret of π ∝ exp(û/τ) in mean utility")
    seeds = frame.seed.nunique()
    note = f"Uniform pairs, a = {BOUNDARY:g}, τ = {TAU:g}; mean over {seeds} seeds, bands 95% by Student's t."
    legend_below(figure, axes[0].get_legend_handles_labels()[0], note, columns=3)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Duels to the given regret, with and without times, and where choices alone end."""
    found = []
    crowd = {how: _budget(frame, "crowd", how) for how in LINES}
    most = int(_curve(frame, "crowd", "times")[0].max())
    found.append(
        Finding(
            f"crowd: duels to a regret of {ENOUGH:g} with times, and by choices alone",
            f"{crowd['times']:.0f}, "
            + ("never" if np.isinf(crowd["choices"]) else f"{crowd['choices']:.0f}"),
            f"reached within {most:,}; never by choices, which rank a first",
            bool(np.isfinite(crowd["times"]) and np.isinf(crowd["choices"])),
        )
    )
    person = {how: _budget(frame, "person", how) for how in LINES}
    found.append(
        Finding(
            f"one person: duels to a regret of {ENOUGH:g} with times, and by choices alone",
            ", ".join("not reached" if np.isinf(one) else f"{one:.0f}" for one in person.values()),
            f"both within {most:,}",
            bool(np.isfinite(list(person.values())).all()),
        )
    )
    values = _curve(frame, "crowd", "choices")[1]
    mean, low, _ = mean_band(values, least=0)
    # a reward fitted to all of the crowd's choices, at the tau that drifts of half its size stand for
    limit = solutions(_game("crowd"), 2 * BOUNDARY * TAU, concepts=["rlhf"]).probabilities["rlhf"][0]
    limit = TAU * float(kl(np.log(limit), _log_policy(PERSON / (2 * BOUNDARY))))
    found.append(
        Finding(
            "crowd: regret of choices alone at the end",
            f"{mean[-1]:.3f}",
            f"{limit:.3f} ± 20%, its limit",
            abs(mean[-1] - limit) <= 0.2 * limit,
        )  # fmt: skip
    )
    return found


EXPERIMENT = Experiment("response-times", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
