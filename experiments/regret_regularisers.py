"""Regret against 1/tau under KL, chi2 and mixed: implicit exploration pays e^(1/2tau), about 1/tau, and less."""

import numpy as np
import pandas as pd
from _regret import curves

from nashsim import PreferenceGame
from nashsim.equilibrium import exploitability
from nashsim.figures import Experiment, Finding
from nashsim.online import play_learner, run_regret
from nashsim.plots import PALETTE, legend_below, mean_line
from nashsim.regularisers import get_regulariser
from nashsim.theory import slope_in_inverse_tau

WORDS = {"kl": "black", "chi2": "orange", "mixed": "blue"}
NAMES = {"kl": "KL", "chi2": "χ²/2", "mixed": "KL + χ²/2"}
IMPLICIT, EXPLICIT, BY_REFERENCE = "minimax-self", "minimax-adversary", "minimax-reference"
#: P(c ≻ b) of the second game, and the label that is wrong with the rest.
BETTER = 0.7
#: Where one label is enough to drop its loser under chi2: f'(2) - f'(0) = 2 <= 1/(4 tau).
DROPS_FROM = 8


def rare(word: str, tau: float) -> PreferenceGame:
    """P(c ≻ b) = 1 and pi* = (1/2, 1/2): mu solves f'(1/(2 mu(c))) - f'(1/(2 mu(b))) = 1/(2 tau)."""
    from scipy.optimize import brentq

    link = get_regulariser(word).link

    def excess(depth):
        rarity = np.exp(-depth)
        return link(0.5 / rarity) - link(0.5 / (1 - rarity)) - 0.5 / tau

    depth = brentq(excess, np.log(2), 1 / tau + 1, xtol=1e-14)
    log_reference = np.array([np.log(-np.expm1(-depth)), -depth])
    return PreferenceGame(
        [[0.5, 0.0], [1.0, 0.5]], labels=["b", "c"], log_reference=log_reference, tau=tau, regulariser=word,
        name="rare-winner",
    )  # fmt: skip


def predicted(word: str, tau: float) -> float:
    """Return gap(mu)/(2 mu(b) mu(c)): what is expected to be charged until b and c are first drawn together."""
    game = rare(word, tau)
    return float(exploitability(game, game.log_reference)[0] / (2 * game.reference[0].prod()))


def _ends(inverse: tuple, rounds: int, seeds: int) -> pd.DataFrame:
    """Whether a play ends on the worse of two responses that mu likes equally, P(c ≻ b) = .7."""
    frames = []
    for word in WORDS:
        for learner in (IMPLICIT, BY_REFERENCE):
            for one in inverse:
                game = PreferenceGame(
                    [[0.5, 1 - BETTER], [BETTER, 0.5]], tau=1 / one, regulariser=word, name="first-label"
                )
                play = play_learner(game, learner, rounds=rounds, seeds=seeds, jobs=2)
                worse = np.exp(play.log_policy[:, 0, 1]) < 0.5
                frames.append(
                    pd.DataFrame({"seed": play.seeds, "value": worse * 1.0}).assign(
                        game=game.name,
                        learner=learner,
                        tau=game.tau,
                        inverse_tau=one,
                        rounds=rounds,
                        regulariser=word,
                        metric="ends_on_worse",
                    )  # fmt: skip
                )
    return pd.concat(frames, ignore_index=True)


def compute(quick: bool) -> pd.DataFrame:
    """Play both games; with ``quick`` fewer duels, seeds and taus."""
    inverse, rounds, seeds = (
        ((4, 8, 11, 14), 3000, 12) if quick else ((4, 6, 8, 10, 12, 14, 16, 18), 20_000, 24)
    )
    frames = []
    for word in WORDS:
        for learner in (IMPLICIT, EXPLICIT):
            frame = run_regret(
                lambda tau, word=word: rare(word, tau), learner, taus=[1 / one for one in inverse], rounds=rounds,
                seeds=seeds, jobs=2, check=True,
            )  # fmt: skip
            frame = frame[
                (frame.rounds == frame.rounds.max()) & frame.metric.isin(("regret", "cvxpy_distance"))
            ]
            frames.append(frame.assign(regulariser=word))
    played = pd.concat(frames, ignore_index=True).drop(columns="setting")
    played = played.assign(inverse_tau=np.round(1 / played.tau).astype(int))
    return pd.concat([played, _ends(inverse, *((300, 40) if quick else (1000, 100)))], ignore_index=True)


def _of(frame, word, learner, metric="regret"):
    return frame[(frame.metric == metric) & (frame.regulariser == word) & (frame.learner == learner)]


def _share(frame, word, learner):
    """Return 1/tau and the share of plays that end on the worse response, with Wilson's 95% interval."""
    from statistics import NormalDist

    z = NormalDist().inv_cdf(0.975)
    inverse, ends = curves(_of(frame, word, learner, "ends_on_worse"), "inverse_tau")
    n, share = len(ends), ends.mean(axis=0)
    centre, spread = (share + z**2 / (2 * n)) / (1 + z**2 / n), z / (1 + z**2 / n)
    half = spread * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return inverse, share, np.minimum(centre - half, share), np.maximum(centre + half, share)


def draw(frame: pd.DataFrame):
    """Draw regret against 1/tau, and the plays that never leave a wrong first label."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9.4, 4.2), layout="constrained", width_ratios=(1.4, 1)
    )
    for word, colour in WORDS.items():
        line = {"color": PALETTE[colour]}
        mine = _of(frame, word, IMPLICIT)
        mean_line(
            left, mine, "inverse_tau", marker="o", markersize=3.5, label=f"{NAMES[word]}: y, y' ~ π", **line
        )
        mean_line(
            left, _of(frame, word, EXPLICIT), "inverse_tau", linestyle="--", linewidth=1.2,
            label=f"{NAMES[word]}: uncertainty adversary", **line,
        )  # fmt: skip
        grid = np.linspace(mine.inverse_tau.min(), mine.inverse_tau.max(), 60)
        left.plot(grid, [predicted(word, 1 / one) for one in grid], ":", linewidth=1.4, **line)
        inverse, share, low, high = _share(frame, word, IMPLICIT)
        place = inverse + 0.25 * (list(WORDS).index(word) - 1)
        right.errorbar(
            place, share, yerr=[share - low, high - share], fmt="o", markersize=4, capsize=2, **line
        )
        inverse, share, low, high = _share(frame, word, BY_REFERENCE)
        right.plot(place, share, "x", markersize=6, **line)
    left.plot([], [], "k:", label="charged until b and c first meet, expected")
    left.set(yscale="log", xlabel="1/τ", ylabel="regret: Σ max J(·, π) − 1/2")
    left.set_title("c beats b surely; μ(c) makes π* = (½, ½)")
    right.plot([], [], "ko", markersize=4, label="y, y' ~ π")
    right.plot([], [], "kx", markersize=6, label="y ~ π, y' ~ μ")
    right.axhline(1 - BETTER, color="black", linestyle=":", linewidth=1.2)
    right.set(xlabel="1/τ", ylabel="plays that end on the worse response", ylim=(-0.03, 0.6))
    right.set_title(f"P(c ≻ b) = {BETTER}, μ = (½, ½): first label wrong with {1 - BETTER:.1f}", fontsize=9)
    right.legend(loc="upper right", fontsize=8)
    rounds, ends = (int(frame[frame.metric == name].rounds.max()) for name in ("regret", "ends_on_worse"))
    seeds, plays = (frame[frame.metric == name].seed.nunique() for name in ("regret", "ends_on_worse"))
    note = (
        f"Left: {rounds:,} duels, mean over {seeds} seeds, bands 95% by Student's t. Right: {ends:,} duels,"
        f" {plays} plays, bars 95% (Wilson). Minimax oracle on counts."
    )
    legend_below(figure, left.get_legend_handles_labels()[0], note, columns=3)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Growth in 1/tau under each regulariser, none with the adversary, and who is stuck on a wrong first label."""
    found = []
    inverse, values = curves(_of(frame, "kl", IMPLICIT), "inverse_tau")
    late = inverse >= 8
    slope = slope_in_inverse_tau(1 / inverse[late], values[:, late])
    theory = np.polyfit(inverse[late], [np.log(predicted("kl", 1 / one)) for one in inverse[late]], 1)[0]
    found.append(
        Finding(
            "KL, y, y' ~ π: slope of log regret in 1/τ, 1/τ ≥ 8",
            f"{slope.value:.3f} [{slope.low:.3f}, {slope.high:.3f}]",
            f"{theory:.3f} ± 25% (1/2 less what shrinks with τ)",
            abs(slope.value - theory) <= 0.25 * theory,
        )
    )
    for word in ("chi2", "mixed"):
        inverse, values = curves(_of(frame, word, IMPLICIT), "inverse_tau")
        power, theory = (
            np.polyfit(np.log(inverse), np.log(one), 1)[0]
            for one in (values.mean(axis=0), [predicted(word, 1 / one) for one in inverse])
        )
        found.append(
            Finding(
                f"{NAMES[word]}, y, y' ~ π: power of 1/τ in the regret",
                f"{power:.2f}",
                f"{theory:.2f} ± 25%, as of what is charged until b and c first meet",
                abs(power - theory) <= 0.25 * theory,
            )
        )
    means = frame[frame.metric == "regret"].groupby(["regulariser", "learner", "inverse_tau"]).value.mean()
    top, first = inverse.max(), inverse.min()
    ratio = means["kl", IMPLICIT, top] / means["chi2", IMPLICIT, top]
    found.append(
        Finding(f"regret under KL / under χ²/2 at 1/τ = {top:g}", f"{ratio:.0f}", "above 10", ratio > 10)
    )
    for word in WORDS:
        growth = means[word, EXPLICIT, top] / means[word, EXPLICIT, first]
        found.append(
            Finding(
                f"{NAMES[word]}, adversary: regret at 1/τ = {top:g} / at {first:g}",
                f"{growth:.2f}",
                "at most 3",
                growth <= 3,
            )
        )
    inverse, share, low, high = _share(frame, "chi2", IMPLICIT)
    stuck = inverse >= DROPS_FROM
    found.append(
        Finding(
            f"χ²/2, y, y' ~ π: plays that end on the worse response, 1/τ ≥ {DROPS_FROM}",
            f"{share[stuck].min():.2f} to {share[stuck].max():.2f}",
            f"{1 - BETTER:.1f} within the 95% interval: the first label decides for ever",
            bool(((low <= 1 - BETTER) & (high >= 1 - BETTER))[stuck].all()),
        )
    )
    most = max(_share(frame, word, BY_REFERENCE)[1].max() for word in WORDS)
    found.append(
        Finding(
            "y' ~ μ: most plays that end on the worse response",
            f"{most:.3f}",
            "0: μ's share of the pairs meets it",
            most == 0,
        )
    )
    return found


EXPERIMENT = Experiment("regret-regularisers", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
