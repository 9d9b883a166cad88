"""Regret against 1/tau on instance A: a wrong guess starves greedy play, an adversary corrects it, replay is needed."""

import numpy as np
import pandas as pd
from _regret import REGRET, curves, thinned

from nashsim import games
from nashsim.figures import Experiment, Finding
from nashsim.online import run_regret
from nashsim.online.learners.enpo import ENPOOracle
from nashsim.online.learners.minimax import MinimaxAdversary, MinimaxSelf
from nashsim.plots import PALETTE, legend_below, mean_line
from nashsim.theory import Estimate, power_of_rounds, slope_in_inverse_tau

#: Ten imagined duels that b won against c, where c always wins.
WRONG = ((1, 2, 10.0),)
#: Learner, inverse temperatures, colour, dashes, label.
LINES = {
    "greedy-wrong": (
        MinimaxSelf(prior=WRONG),
        range(8, 21, 2),
        *("vermilion", "solid", "greedy, from the wrong guess"),
    ),
    "greedy": (MinimaxSelf(), range(8, 21, 2), "sky", (0, (4, 2)), "greedy, neutral prior"),
    "adversary": (
        MinimaxAdversary(),
        *((5, 8, 12, 16, 20, 25, 30, 33), "purple", "solid", "minimax, adversary"),
    ),
    "oracle": (ENPOOracle(), (5, 8, 12, 16, 20, 25, 30, 33), "blue", "solid", "ENPO with the oracle"),
}
#: Inverse temperature at which growth with the rounds is shown.
AT = 20
FORGETFUL = "oracle-no-replay"
PREDICTED = 0.5
#: Slopes that theory may mean: of a sure belief, and of ten imagined duels shrunken to 21/22.
PREDICTIONS = {"1/2": PREDICTED, "5/11": 5 / 11}
#: The larger of the inverse temperatures that start from the wrong guess.
LATE = 14


def compute(quick: bool) -> pd.DataFrame:
    """Keep the regret at the end; of the oracle with and without replay, at one tau, the whole curve."""
    rounds, seeds = (20_000, 16) if quick else (100_000, 48)
    how = {"rounds": rounds, "seeds": seeds, "jobs": 2, "check": True}
    frames = []
    for name, (learner, inverses, *_) in LINES.items():
        frame = run_regret(games.get("hard-a"), learner, taus=[1 / inverse for inverse in inverses], **how)
        whole = (name == "oracle") & (np.round(1 / frame.tau) == AT)
        frames.append(frame[whole | (frame.rounds == frame.rounds.max())].assign(learner=name))
    frame = run_regret(games.get("hard-a"), ENPOOracle(replay=False), taus=[1 / AT], **how)
    frames.append(frame.assign(learner=FORGETFUL))
    frame = pd.concat(frames, ignore_index=True)
    frame = frame[frame.metric.isin(("regret", "cvxpy_distance"))].drop(columns="setting")
    return thinned(frame.assign(inverse_tau=np.round(1 / frame.tau, 9)))


def _at_the_end(frame: pd.DataFrame, learner: str) -> tuple[np.ndarray, np.ndarray]:
    mine = frame[(frame.metric == "regret") & (frame.learner == learner)]
    return curves(mine[mine.rounds == mine.rounds.max()], "inverse_tau")


def _late_slope(frame: pd.DataFrame) -> Estimate:
    """The slope of log regret from the wrong guess in 1/tau over the larger of its 1/tau."""
    inverse, values = _at_the_end(frame, "greedy-wrong")
    late = inverse >= LATE
    return slope_in_inverse_tau(1 / inverse[late], values[:, late])


def _held(slope: Estimate) -> str:
    """The predictions that lie in an interval, in words."""
    inside = [name for name, value in PREDICTIONS.items() if slope.low <= value <= slope.high]
    return " and ".join(inside) or "neither"


def _growth(frame: pd.DataFrame, learner: str) -> pd.DataFrame:
    return frame[(frame.metric == "regret") & (frame.learner == learner) & (frame.inverse_tau == AT)]


def _oracle_laws(frame: pd.DataFrame) -> tuple[float, float]:
    """The power of 1/tau and the slope of the logarithm in 1/tau, both for 1/tau >= 12."""
    inverse, values = _at_the_end(frame, "oracle")
    late = inverse >= 12
    logs = np.log(values.mean(axis=0)[late])
    power, slope = (float(np.polyfit(x, logs, 1)[0]) for x in (np.log(inverse[late]), inverse[late]))
    return power, slope


def draw(frame: pd.DataFrame):
    """Draw regret against 1/tau, and against duels with and without replay."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10.2, 4.4), layout="constrained", width_ratios=(1.35, 1)
    )
    for name, (_, _, colour, dashes, label) in LINES.items():
        mine = frame[(frame.metric == "regret") & (frame.learner == name)]
        line = {"color": PALETTE[colour], "linestyle": dashes, "label": label}
        mean_line(
            left, mine[mine.rounds == mine.rounds.max()], "inverse_tau", marker="o", markersize=3, **line
        )
    inverse, values = _at_the_end(frame, "greedy-wrong")
    slope = slope_in_inverse_tau(1 / inverse, values)
    line = 2.5 * values.mean(axis=0)[-1] * np.exp(PREDICTED * (inverse - inverse[-1]))
    left.plot(inverse, line, "k:", linewidth=1.2, label=r"$e^{1/(2\tau)}$")
    power, log_slope = _oracle_laws(frame)
    late = _late_slope(frame)
    text = (
        "wrong guess: slope in 1/τ predicted as 1/2, as 5/11 for a belief of 21/22;\n"
        f"found {slope.value:.2f} [{slope.low:.2f}, {slope.high:.2f}], which holds {_held(slope)},\n"
        f"from 1/τ = {LATE} on {late.value:.2f} [{late.low:.2f}, {late.high:.2f}], which holds {_held(late)}\n"
        f"oracle: power {power:.2f} of 1/τ, slope {log_slope:.3f} in 1/τ (1/τ ≥ 12)"
    )
    left.set(
        yscale="log",
        xlabel="1/τ",
        ylabel=REGRET,
        title="instance A: a wrong guess costs an exponential in 1/τ",
    )
    left.text(0.98, 0.46, text, transform=left.transAxes, fontsize=8, va="top", ha="right", linespacing=1.35)
    for name, colour, label in (
        (FORGETFUL, "green", "ENPO with the oracle, no replay"),
        ("oracle", "blue", "ENPO with the oracle"),
    ):
        mine = _growth(frame, name)
        mean_line(right, mine[mine.rounds >= 10], color=PALETTE[colour], label=label)
        last = power_of_rounds(*curves(mine), decades=1)
        rounds, values = curves(mine)
        right.annotate(
            f"$T^{{{last.value:.2f}}}$",
            (rounds[-1], values.mean(axis=0)[-1]),
            (4, -3),
            textcoords="offset points",
            annotation_clip=False,
            fontsize=10,
        )
    right.set(
        xscale="log", yscale="log", xlabel="duels T", title=f"1/τ = {AT}: without replay ENPO is linear"
    )
    handles = [*left.get_legend_handles_labels()[0], right.lines[0]]
    note = (
        f"b ≻ a ≻ c ≻ b surely, μ uniform; {int(frame.rounds.max()):,} duels, charged is the play of the main agent."
        " The wrong guess: ten imagined duels that b won against c.\n"
        f"Mean over {frame.seed.nunique()} seeds, bands: 95% by Student's t. Powers of T: of the last decade."
    )
    legend_below(figure, handles, note, columns=3)
    return figure


def findings(frame: pd.DataFrame) -> list[Finding]:
    """The exponential of a wrong guess, and who escapes it."""
    inverse, values = _at_the_end(frame, "greedy-wrong")
    slope = slope_in_inverse_tau(1 / inverse, values)
    late = _late_slope(frame)
    found = [
        Finding(
            "greedy from the wrong guess: slope of log regret in 1/τ, 8 to 20",
            f"{slope.value:.3f} [{slope.low:.3f}, {slope.high:.3f}], which holds {_held(slope)}",
            "exponential, within 25% of 1/2; 5/11 for a belief of 21/22",
            abs(slope.value - PREDICTED) <= 0.25 * PREDICTED,
        ),
        Finding(
            f"the same, {LATE} to 20",
            f"{late.value:.3f} [{late.low:.3f}, {late.high:.3f}], which holds {_held(late)}",
            "steeper: the exponential has not been reached at the smallest 1/τ",
            late.value > slope.value,
        ),
    ]
    for name in ("greedy", "adversary"):
        most = float(_at_the_end(frame, name)[1].mean(axis=0).max())
        found.append(
            Finding(f"{name}: largest mean regret over the taus", f"{most:.2f}", "below 5", most < 5)
        )
    power, log_slope = _oracle_laws(frame)
    found += [
        Finding("enpo-oracle: power of 1/τ, 1/τ ≥ 12", f"{power:.2f}", "at most 3", power <= 3),
        Finding(
            "enpo-oracle: slope of log regret in 1/τ, 1/τ ≥ 12",
            f"{log_slope:.3f}",
            "at most 0.15",
            log_slope <= 0.15,
        ),
    ]
    forgetful, whole = (
        power_of_rounds(*curves(_growth(frame, name)), decades=1) for name in (FORGETFUL, "oracle")
    )
    found.append(
        Finding(
            f"enpo-oracle without replay at 1/τ = {AT}: power of T, last decade",
            f"{forgetful.value:.2f} [{forgetful.low:.2f}, {forgetful.high:.2f}] ({whole.value:.2f} with it)",
            "above 0.9 and above that with replay",
            forgetful.value > max(0.9, whole.value),
        )
    )
    return found


EXPERIMENT = Experiment("regret-guess", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
