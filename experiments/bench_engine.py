"""The engine against the best C, NumPy, JAX and OpenSpiel: time of an iteration, side by side on one thread."""

from __future__ import annotations

# ruff: noqa: E402
import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # before NumPy loads: one thread for everybody

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from _native import LANES, Native, library
from _peers import JaxScan, NumpyLoop, OpenSpielMMD, missing
from benchmarking import machine, ratio, rounds

from nashsim import PreferenceGame
from nashsim.figures import Experiment, Finding
from nashsim.files import to_json, write_text
from nashsim.plots import PALETTE, legend_below
from nashsim.rules import EGPO, OMD

TAU = 0.1
RULES = {1: OMD(), 2: EGPO()}
KINDS = {1: "one call", 2: "two calls"}
GAMES = 1000
#: The processor's time over all threads: a busy machine does not count, a second thread would.
CLOCK = time.process_time
#: Every contestant must agree with the NumPy loop after as many iterations, in every log-policy.
CHECKED, TOLERANCE = 200, 1e-12
#: Engine over C at most, by work (n, games), for both kinds.
TARGETS = {(3, 1): 1.2, (10, 1): 1.15, (100, 1): 1.2, (1000, 1): 1.05, (10, GAMES): 1.15}
#: A peer over the engine at least, where it is expected.
EXPECTED = {"jax": 2.5, "numpy": 100.0, "openspiel": 5000.0}
#: OpenSpiel's matrix game is a tree of n^2 leaves and a dictionary of sequences: minutes at n = 1000.
LARGEST_OPENSPIEL = 100
LABELS = {
    "engine": "engine",
    "run_many": "run_many",
    "numpy": "NumPy",
    "jax": "JAX",
    "openspiel": "OpenSpiel MMD, per player",
}
#: Colour and marker; shapes differ too.
MARKS = {
    "engine": ("blue", "o"),
    "run_many": ("sky", "d"),
    "jax": ("green", "s"),
    "numpy": ("orange", "^"),
    "openspiel": ("purple", "P"),
}


@dataclass
class Contestant:
    """Something that iterates.

    Attributes
    ----------
    advance : callable
        ``advance(steps)``.
    log_policy : callable or None
        Its log-policies after that; ``None`` keeps no state between calls.
    players : int
        Policies that one iteration updates in each game.
    slow : bool
        Whether it is Python at every iteration, so that a turn has few.
    """

    advance: Callable[[int], None]
    log_policy: Callable[[], np.ndarray] | None
    players: int = 1
    slow: bool = False


class Engine:
    """The package's engine as a run drives it, with exact feedback and no records between.

    The one place to change when the engine's drive changes.
    """

    def __init__(self, game: PreferenceGame, rule, start: np.ndarray):
        from nashsim.engine.drive import choose_drive
        from nashsim.engine.feedback import Feedback

        streams = np.zeros((1, game.contexts), dtype=np.uint64)
        starts = start.reshape(1, game.contexts, -1).copy()
        self._drive = choose_drive(game, rule, Feedback())(game, rule, starts, Feedback(), streams)
        self._t = 0

    def advance(self, steps: int) -> None:
        """Do ``steps`` iterations."""
        self._drive.advance(self._t, self._t + steps)
        self._t += steps

    def log_policy(self) -> np.ndarray:
        """Return the log-policies, shape (contexts, actions)."""
        return self._drive.state()[0][0]


def say(line: str) -> None:
    """Say on stderr what is being measured, and what is not."""
    print(line, file=sys.stderr, flush=True)


def random_skew(n: int, count: int) -> np.ndarray:
    """Return A = -A^T with uniform entries of [-1/2, 1/2], shape (n, n) or (count, n, n)."""
    upper = np.triu(np.random.default_rng(n + count).uniform(-0.5, 0.5, (count, n, n)), 1)
    skew = upper - upper.transpose(0, 2, 1)
    return skew[0] if count == 1 else skew


def run_whole(game: PreferenceGame, rule, start: np.ndarray, steps: int) -> None:
    """Run through the front door: table, drive and the metrics of two records."""
    from nashsim.engine import run_many

    queries = rule.queries_per_step * steps
    run_many([game], rule, queries=queries, start=start, record=[0, steps], metrics=["duality_gap"])


@dataclass(frozen=True)
class Work:
    """One row of the table: a rule kind on one random game, or on many side by side.

    Attributes
    ----------
    n, games, calls : int
        Actions, games, queries an iteration.
    """

    n: int
    games: int
    calls: int

    @property
    def rule(self):
        """The rule at its default step."""
        return RULES[self.calls]

    @property
    def game(self) -> PreferenceGame:
        """The game, or the stack of games."""
        return PreferenceGame(0.5 + random_skew(self.n, self.games), tau=TAU)

    @property
    def problem(self) -> tuple:
        """The arguments of the C and its peers: A, log mu, log pi_0, rho, eta, calls; everything starts uniform."""
        skew = random_skew(self.n, self.games)
        uniform = np.full(skew.shape[:-1], -np.log(self.n))
        eta = self.rule.steps(TAU, 0)[0].eta
        return skew, uniform, uniform.copy(), 1 - eta * TAU, eta, self.calls

    def steps(self, slow: bool) -> int:
        """Return the iterations of a call: milliseconds of compiled work, or a handful of Python."""
        if slow:
            return 2 if self.n == 100 or self.games > 1 else 10
        return max(100, int(4e6 / (self.games * (12 + self.n + 0.05 * self.n**2))))


def contestants(work: Work) -> dict[str, Contestant]:
    """Return everybody who can do this work here, from one start; say who cannot and why."""
    problem, game = work.problem, work.game
    skew, _, start, _, eta, _ = problem
    found = {
        name: _stateful(Native(*problem, **options)) for name, options in native_variants(work.n).items()
    }
    engine = Engine(game, work.rule, start)
    found["engine"] = Contestant(engine.advance, engine.log_policy)
    found["run_many"] = Contestant(partial(run_whole, game, work.rule, np.exp(start)), None)
    found["numpy"] = _stateful(NumpyLoop(*problem), slow=True)
    if not missing("jax"):
        found["jax"] = _stateful(JaxScan(*problem))
    if not missing("pyspiel") and work.calls == 1 and work.games == 1 and work.n <= LARGEST_OPENSPIEL:
        found["openspiel"] = _stateful(OpenSpielMMD(skew, TAU, eta), players=2, slow=True)
    return found


def skipped() -> list[str]:
    """Return a sentence for everybody who cannot take part here."""
    reasons = []
    try:
        library(LANES[0])
    except RuntimeError as reason:
        reasons.append(str(reason))
    for name, package in (("JAX", "jax"), ("OpenSpiel", "pyspiel")):
        if why := missing(package):
            reasons.append(f"{name} is skipped: {why}")
    return reasons


def native_variants(n: int) -> dict[str, dict]:
    """Return the variants of the C: both widths; n at compile time where the source has it; without the average."""
    found = {}
    try:
        library(LANES[0])
    except RuntimeError:
        return found
    for lanes in LANES:
        found[f"c/{lanes}"] = {"lanes": lanes}
        found[f"c-last-iterate/{lanes}"] = {"lanes": lanes, "average": False}
        if n in (3, 10):
            found[f"c-generic/{lanes}"] = {"lanes": lanes, "fixed": False}
    return found


def _stateful(own, **options) -> Contestant:
    return Contestant(own.advance, lambda: own.log_policy, **options)


def verify(work: Work, found: dict[str, Contestant]) -> dict[str, float]:
    """Return each contestant's largest distance in log-policies from a NumPy loop after the same iterations.

    Raises
    ------
    RuntimeError
        If one exceeds the tolerance: a fast wrong answer is no answer.
    """
    distance = {}
    for name, contestant in found.items():
        if contestant.log_policy is not None:
            steps = 4 if name == "openspiel" else CHECKED if work.n <= 100 else CHECKED // 4
            loop = NumpyLoop(*work.problem)
            loop.advance(steps)
            contestant.advance(steps)
            reached = np.asarray(contestant.log_policy()).reshape(loop.log_policy.shape)
            distance[name] = float(np.abs(reached - loop.log_policy).max())
            if not distance[name] <= TOLERANCE:
                raise RuntimeError(
                    f"{name} on {work} is {distance[name]:.1e} from NumPy, at most {TOLERANCE:g}"
                )
    return distance


def measure(work: Work, quick: bool) -> list[dict]:
    """Return a row a contestant: nanoseconds of one policy's iteration, and ratios of medians within rounds."""
    found = contestants(work)
    distance = verify(work, found)
    calls, unit = {}, {}
    for name, contestant in found.items():
        steps = work.steps(contestant.slow)
        calls[name] = partial(contestant.advance, steps)
        unit[name] = 1e9 / (steps * work.games * contestant.players)
    taken = rounds(calls, repeats=3 if quick else 11, seconds=0.001 if quick else 0.05, clock=CLOCK)
    taken = {name: seconds * unit[name] for name, seconds in taken.items()}
    for kind, of in {
        "c-last-iterate": (),
        "c-generic": (),
        "c": ("c-generic",),
    }.items():  # the fastest variant counts
        own = {f"{name}/{lanes}" for name in (kind, *of) for lanes in LANES}
        widths = {name: np.median(seconds) for name, seconds in taken.items() if name in own}
        if widths:
            best = min(widths, key=widths.get)
            taken[kind], distance[kind] = taken[best], distance[best]
    rows = []
    for name, seconds in taken.items():
        low, median, high = np.quantile(seconds, (0.25, 0.5, 0.75))
        row = {"n": work.n, "games": work.games, "calls": work.calls, "contestant": name}
        row |= {"ns": median, "ns_low": low, "ns_high": high, "rounds": len(seconds)}
        row["over_c"] = ratio(taken, name, "c") if "c" in taken else np.nan
        row["over_engine"] = ratio(taken, name, "engine")
        row["distance"] = distance.get(name, np.nan)
        rows.append(row)
    line = ", ".join(f"{row['contestant']} {row['ns']:.4g}" for row in rows if "/" not in row["contestant"])
    say(f"n = {work.n}, {work.games} game{'s' * (work.games > 1)}, {KINDS[work.calls]}, ns: {line}")
    return rows


def compute(quick: bool) -> pd.DataFrame:
    """Measure every work, its contestants side by side."""
    for reason in skipped():
        say(reason)
    works = [Work(n, games, calls) for calls in RULES for n, games in TARGETS]
    return pd.DataFrame([row for work in works for row in measure(work, quick)])


def findings(frame: pd.DataFrame) -> list[Finding]:
    """The engine over the C against the targets; the peers over the engine against what was expected."""
    found = []
    rows = frame.set_index(["n", "games", "calls", "contestant"])
    for (n, games), most in TARGETS.items():
        for calls, kind in KINDS.items():
            value = rows.over_c.get((n, games, calls, "engine"), np.nan)
            name = f"engine over the best C, {described(n, games)}, {kind}"
            if np.isfinite(value):
                found.append(Finding(name, f"{value:.2f}", f"≤ {most:g}", bool(value <= most)))
    for peer, least in EXPECTED.items():
        for n in (3, 10):
            value = rows.over_engine.get((n, 1, 1, peer), np.nan)
            if np.isfinite(value):
                name = f"{LABELS[peer]} over the engine, n = {n}, one call"
                found.append(Finding(name, f"{value:.3g}", f"≥ {least:g}", bool(value >= least)))
    return found


def described(n: int, games: int) -> str:
    """Return a work in words."""
    return f"n = {n}" if games == 1 else f"{games} games of n = {n}"


def draw(frame: pd.DataFrame):
    """Draw time over the best C's, a line a work, a mark a contestant, with the engine's targets."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FuncFormatter

    works = list(TARGETS)
    figure, panels = plt.subplots(1, 2, figsize=(7.4, 4.0), layout="constrained", sharex=True, sharey=True)
    for axes, (calls, kind) in zip(panels, KINDS.items(), strict=True):
        mine = frame[frame.calls == calls].set_index(["n", "games", "contestant"])
        for place, work in enumerate(works):
            axes.plot([TARGETS[work]] * 2, [place - 0.34, place + 0.34], color=PALETTE["black"], linewidth=1.4,
                      label="target of the engine" if place == 0 else None, zorder=2)  # fmt: skip
        for row, (name, (colour, marker)) in enumerate(MARKS.items()):
            shift = 0.14 * (row - (len(MARKS) - 1) / 2)
            points = [
                (mine.over_c.get((*work, name), np.nan), place + shift) for place, work in enumerate(works)
            ]
            x, y = np.array([point for point in points if np.isfinite(point[0])]).reshape(-1, 2).T
            axes.plot(x, y, marker, color=PALETTE[colour], markersize=6, label=LABELS[name], zorder=3,
                      markeredgecolor="white", markeredgewidth=0.6)  # fmt: skip
        axes.axvline(1, color=PALETTE["grey"], linewidth=0.9, zorder=1)
        for place, work in enumerate(works):
            time = mine.ns.get((*work, "c"), np.nan)
            axes.annotate(nanoseconds(time), (1, place), xytext=(-5, 0), textcoords="offset points", ha="right",
                          va="center", fontsize=7, color=PALETTE["grey"])  # fmt: skip
        axes.set(xscale="log", title=f"{kind} an iteration", xlabel="time over the best C's")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_yticks(range(len(works)), [described(*work) for work in works])
        axes.grid(axis="y", visible=False)
    panels[0].set_xlim(left=0.12)
    panels[0].invert_yaxis()
    note = "left of the line: time of the best C per policy and iteration; engine and C also sum the iterates"
    legend_below(figure, panels[0].get_legend_handles_labels()[0], note, columns=3)
    return figure


def nanoseconds(time: float) -> str:
    """Return a time with two digits and its unit."""
    if not np.isfinite(time):
        return ""
    return f"{time:.3g} ns" if time < 1000 else f"{time / 1000:.3g} µs"


@dataclass(frozen=True)
class Benchmark(Experiment):
    """An experiment whose JSON also states the machine and all the medians."""

    def reproduce(self, out: str | Path = "figures", quick: bool = False) -> list[Finding]:
        """Write the files of an experiment; add machine, works and who was skipped to the JSON."""
        found = super().reproduce(out, quick)
        path = Path(out) / f"{self.name}.json"
        works = pd.read_csv(Path(out) / f"{self.name}.csv").to_dict("records")
        summary = json.loads(path.read_text()) | {"machine": machine(), "skipped": skipped(), "works": works}
        summary["clock"] = CLOCK.__name__
        write_text(path, to_json(summary, indent=2) + "\n")
        return found


EXPERIMENT = Benchmark("bench-engine", __doc__, compute, draw, findings)


def main(out: str | Path = "figures", quick: bool = False) -> list[Finding]:
    """Run the benchmark and write its files into ``out``."""
    return EXPERIMENT.reproduce(out, quick)


if __name__ == "__main__":
    EXPERIMENT.main()
