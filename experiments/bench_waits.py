"""What a user waits for: many runs, Newton, a run over its engine, games at once, the first result."""

from __future__ import annotations

# ruff: noqa: E402
import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # before NumPy loads: one thread for everybody

import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from unittest.mock import patch

import numpy as np
import pandas as pd
from _native import Native
from bench_engine import Engine, Work, native_variants, random_skew, run_whole, say
from benchmarking import QUIET, machine, quiet_rounds, ratio

from nashsim import PreferenceGame
from nashsim.engine import run_many
from nashsim.equilibrium import solve_newton
from nashsim.figures import Experiment, Finding
from nashsim.plots import PALETTE, legend_below

TAU, ACTIONS, GAMES = 0.1, 10, 1000
#: The processor's time over all threads, so that other processes on a busy machine count only as far as they slow it.
CLOCK = time.process_time
#: Seconds, or a ratio to the way beside it, that are aimed at.
SECONDS = {"run_many, 2000 queries": 0.35, "run_many, 20000 queries": 0.7, "Newton, 1000 games": 0.05}
FIRST = {"first result, warm caches": 0.8, "first result, cold caches": 6.0}
OVER_ENGINE, OVER_C = 1.1, 1.1
#: Actions and tau of large games, with the seconds that are aimed at.
LARGE, SMALL_TAUS, SOLVED = 2000, (1e-4, 1e-6), 5.0
SIZES = (3, 10, 100, 1000)
KINDS = {1: "one call", 2: "two calls"}


def many_games(count: int) -> list[PreferenceGame]:
    """Return random games of ten actions and random references."""
    mu = np.random.default_rng(1).dirichlet(np.ones(ACTIONS), count)
    return [
        PreferenceGame(0.5 + skew, row, tau=TAU)
        for skew, row in zip(random_skew(ACTIONS, count), mu, strict=True)
    ]


def _row_by_row(self, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Combine contexts with one small sum a record, written out: what ``Metric.combine`` did."""
    return values.max(axis=1) if self.worst else np.array([np.sum(row * weights) for row in values])


def _game_by_game(self, metric, values: np.ndarray) -> np.ndarray:
    """Combine each game's contexts by itself."""
    flat = values.reshape(-1, values.shape[-1])
    parts = [metric.combine(flat[:, part], game.weights) for _, game, part in self.parts()]
    return np.stack(parts, axis=-1).reshape(*values.shape[:-1], len(parts))


def _nobody(skew, log_reference, tau) -> list:
    """Solve no game together with others: each is then solved alone."""
    return [None] * len(skew)


def _whole(policy, sharpness) -> None:
    """Solve every linear system for all actions, whatever their mass."""


def old_way(call: Callable[[], object]) -> object:
    """Call with a small sum a record and metric, Newton a game and whole systems: as answers were come by before."""
    with ExitStack() as stack:
        for target, written in (
            ("nashsim.engine.metrics.Metric.combine", _row_by_row),
            ("nashsim.engine.stack.GameStack.combine", _game_by_game),
            ("nashsim.equilibrium.newton.equilibria_at_once", _nobody),
            ("nashsim.equilibrium.systems.DenseSystem._felt", staticmethod(_whole)),
        ):
            stack.enter_context(patch(target, written))
        return call()


def compute(quick: bool) -> pd.DataFrame:
    """Time every work beside the way that it is compared with; in a round each has its turn."""
    games = many_games(20 if quick else GAMES)
    stack = PreferenceGame(
        np.concatenate([game.probabilities for game in games]),
        np.concatenate([game.reference for game in games]),
        tau=TAU,
    )
    rows = []
    for queries in (2000, 20_000):
        call = partial(run_many, games, "egpo", queries=queries // 10 if quick else queries)
        _same(call(), old_way(call))
        rows += _timed(f"run_many, {queries} queries", {"now": call, "before": partial(old_way, call)}, quick)
    newton = partial(solve_newton, stack)
    residual = newton().certificate.residual
    if not np.array_equal(newton().log_policy, old_way(newton).log_policy):
        raise RuntimeError("games solved at once differ from games solved alone")
    found = _timed("Newton, 1000 games", {"now": newton, "before": partial(old_way, newton)}, quick)
    rows += [{**row, "residual": residual} for row in found]
    rows += _large_games(quick) + _over_engine(quick) + _games_at_once(games, quick) + _first_results(quick)
    return pd.DataFrame(rows).assign(machine=json.dumps(machine()))


def _same(one: list, other: list) -> None:
    for a, b in zip(one, other, strict=True):
        if any(not np.array_equal(a.metrics[name], b.metrics[name], equal_nan=True) for name in a.metrics):
            raise RuntimeError("runs recorded all at once differ from runs recorded one by one")


def _large_games(quick: bool) -> list[dict]:
    """Newton on a random game stored as a matrix at small tau, to the same certificate."""
    rows, actions = [], 520 if quick else LARGE
    for tau in SMALL_TAUS[:1] if quick else SMALL_TAUS:
        solve = partial(solve_newton, PreferenceGame(0.5 + random_skew(actions, 1), tau=tau))
        now, before = solve(), old_way(solve)
        apart, accuracy = np.abs(np.exp(now.log_policy) - np.exp(before.log_policy)).sum(), now.accuracy
        if apart > float((accuracy + before.accuracy)[0]):
            raise RuntimeError(f"two ways to the equilibrium at tau = {tau:g} are {apart:.1e} apart")
        ways = {"now": solve, "before": partial(old_way, solve)}
        found = _timed(f"Newton, n = {LARGE}, tau = {tau:g}", ways, quick, repeats=3)
        rows += [{**row, "residual": now.residual} for row in found]
    return rows


def _timed(
    work: str, ways: dict[str, Callable], quick: bool, seconds: float = 0.2, repeats: int = 7
) -> list[dict]:
    """Return a row a way: median seconds of a call and quartiles, and the ratio of the first way to each in a round."""
    yardstick = partial(np.sort, np.random.default_rng(0).random(50_000))
    how = {"yardstick": yardstick, "patience": 0.0 if quick else 20.0, "clock": CLOCK}
    found = quiet_rounds(ways, 3 if quick else repeats, 0.001 if quick else seconds, **how)
    taken, first, rows = found.seconds, next(iter(ways)), []
    for way, spent in taken.items():
        low, median, high = np.quantile(spent, (0.25, 0.5, 0.75))
        rows.append({"work": work, "way": way, "seconds": median, "low": low, "high": high})
        rows[-1] |= {"ratio": ratio(taken, first, way), "disturbance": found.disturbance, "rounds": found.run}
    say(f"{work}: " + ", ".join(f"{row['way']} {row['seconds']:.3g} s" for row in rows))
    return rows


def _over_engine(quick: bool) -> list[dict]:
    """``run_many`` over the engine, and the engine over the best variant of the C, in bench-engine's own settings."""
    rows = []
    for n in SIZES[: 2 if quick else None]:
        for calls, kind in KINDS.items():
            work = Work(n, 1, calls)
            steps, start = work.steps(slow=False), work.problem[2]
            engine = Engine(work.game, work.rule, start)
            whole = partial(run_whole, work.game, work.rule, np.exp(start), steps)
            ways = {"now": whole, "engine": partial(engine.advance, steps)}
            rows += _timed(f"run_many over the engine, n = {n}, {kind}", ways, quick, 0.05)
            variants = native_variants(n)
            natives = {
                name: partial(Native(*work.problem, **variants[name]).advance, steps)
                for name in variants
                if not name.startswith("c-last")
            }
            if natives:
                ways = {"now": partial(engine.advance, steps), **natives}
                found = _timed(f"engine over C, n = {n}, {kind}", ways, quick, 0.05)
                best = min(found[1:], key=lambda row: row["seconds"])
                rows += [found[0], best | {"way": "best C"}]
    return rows


def _games_at_once(games: list[PreferenceGame], quick: bool) -> list[dict]:
    """The same program on a torch device, beside the kernels: on the CPU always, on a GPU where there is one."""
    name = "games at once on a torch device"
    absent = {"way": "unmeasured", "seconds": np.nan}
    if importlib.util.find_spec("torch") is None:
        return [{"work": f"{name}, {where}", **absent} for where in ("CPU", "GPU")]
    import torch

    torch.set_num_threads(1)
    options = {"queries": 100 if quick else 2000, "metrics": ["duality_gap"], "record": [0]}

    def ways(device: str) -> dict[str, Callable]:
        kernels, on_device = (partial(run_many, games, "egpo", device=d, **options) for d in (None, device))
        apart = [
            np.abs(a.log_policy - b.log_policy).max() for a, b in zip(kernels(), on_device(), strict=True)
        ]
        if max(apart) > 1e-12:
            raise RuntimeError(f"device {device} is {max(apart):.1e} from the kernels, at most 1e-12")
        return {"now": on_device, "kernels": kernels}

    rows = _timed(f"{name}, CPU", ways("cpu"), quick)
    if not torch.cuda.is_available():
        return [*rows, {"work": f"{name}, GPU", **absent}]
    games = games if quick else many_games(100_000)
    gpu = torch.cuda.get_device_name(0)
    return rows + [{**row, "gpu": gpu} for row in _timed(f"{name}, GPU", ways("cuda"), quick)]


def _first_results(quick: bool) -> list[dict]:
    """Processor's seconds of ``nashsim run rps`` in processes of their own, with numba's caches and without.

    Bytecode is kept as on any machine, whatever the environment says.
    """
    rows = []
    with tempfile.TemporaryDirectory() as cache:
        for work, repeats in (
            ("first result, cold caches", 1),
            ("first result, warm caches", 1 if quick else 7),
        ):
            spent = [_first_result(cache) for _ in range(repeats)]
            low, median, high = np.quantile(spent, (0.25, 0.5, 0.75))
            rows.append(
                {"work": work, "way": "now", "seconds": median, "low": low, "high": high, "rounds": repeats}
            )
            say(f"{work}: {median:.3g} s")
    return rows


def _first_result(cache: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "nashsim", "run", "rps", "--json"]
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(command, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Seconds and ratios against what is aimed at; a work that was not measured holds nothing."""
    found, now = [], frame[frame.way == "now"].set_index("work")
    others = frame[~frame.way.isin(["now", "unmeasured"])].set_index("work")
    for work, most in {**SECONDS, **_aimed_at_large(now.index)}.items():
        measured = f"{now.seconds[work]:.3g} s, {1 / others.ratio[work]:.1f} times less than before"
        found.append(Finding(work, measured, f"≤ {most:g} s", bool(now.seconds[work] <= most)))
    for work, residual in now.residual.dropna().items():
        found.append(Finding(f"{work}: residual", f"{residual:.1e}", "≤ 1e-13", bool(residual <= 1e-13)))
    for work in now.index:
        most = (
            OVER_ENGINE
            if work.startswith("run_many over")
            else OVER_C
            if work.startswith("engine over")
            else None
        )
        if most is not None:
            value = others.ratio[work]
            found.append(Finding(work, f"{value:.2f}", f"≤ {most:g}", bool(value <= most)))
    for work in frame.work[frame.work.str.startswith("games at once")].unique():
        measured = work in now.index
        value = (
            f"{others.ratio[work]:.3g} of the kernels' time"
            if measured
            else "unmeasured: no such device here"
        )
        found.append(Finding(work, value, "reported", True))
    for work, most in FIRST.items():
        found.append(
            Finding(work, f"{now.seconds[work]:.3g} s", f"≤ {most:g} s", bool(now.seconds[work] <= most))
        )
    worst = frame.disturbance.max()
    quiet = bool(worst <= QUIET)
    found.append(Finding("yardstick over its least", f"{worst:.2f} times", f"≤ {QUIET:g}: quiet", quiet))
    return found


def _aimed_at_large(works) -> dict[str, float]:
    return {work: SOLVED for work in works if work.startswith(f"Newton, n = {LARGE}")}


def draw(frame: pd.DataFrame):
    """Draw seconds of every work: as it is now and as it is compared, with what is aimed at."""
    import matplotlib.pyplot as plt

    works = [work for work in frame.work.unique() if frame[frame.work == work].seconds.notna().any()]
    figure, axes = plt.subplots(figsize=(7.4, 0.3 * len(works) + 1.4), layout="constrained")
    for place, work in enumerate(works):
        for row in frame[frame.work == work].itertuples():
            colour, label = (
                ("blue", "now") if row.way == "now" else ("orange", "before, the engine, C or kernels")
            )
            axes.plot(
                row.seconds, place, "o" if row.way == "now" else "s", color=PALETTE[colour], label=label
            )
        aimed = {**SECONDS, **FIRST, **_aimed_at_large(works)}.get(work)
        if aimed:
            axes.plot([aimed] * 2, [place - 0.35, place + 0.35], color=PALETTE["black"], label="aimed at")
    axes.set_yticks(range(len(works)), works)
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="processor's seconds of a call")
    handles = dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
    legend_below(figure, list(handles.values()), columns=3)
    return figure


EXPERIMENT = Experiment("bench-waits", __doc__, compute, draw, findings)

if __name__ == "__main__":
    EXPERIMENT.main()
