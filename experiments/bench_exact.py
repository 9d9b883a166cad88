"""Exact answers against the peers: equilibria and CVXPY, lotteries and linear programming, and the first result."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from benchmarking import interleave, machine, rounds

from nashsim import certify, games, lottery, solve
from nashsim.figures import Experiment, Finding
from nashsim.files import to_json, write_text
from nashsim.plots import PALETTE, legend_below

#: Newton's least speed-up over the fastest CVXPY solver, by the number of actions.
SPEED_UP = {10: 20.0, 100: 50.0, 500: 100.0}
#: A solver has solved a game if its policy's residual is below this; Newton's is at most 1e-13.
SOLVED = 1e-3
RESIDUAL = 1e-13
#: Up to here a problem is also compiled, which at 500 x 500 parameters takes CVXPY minutes.
COMPILED = 100
TIGHT = {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12, "max_iter": 200}
SOLVERS = {
    "ECOS": ("ECOS", {}),
    "CLARABEL": ("CLARABEL", {}),
    "CLARABEL 1e-12": ("CLARABEL", TIGHT),
    "SCS": ("SCS", {}),
}
#: Those that take seconds and not minutes at n = 500.
LARGE_SOLVERS = ("ECOS", "CLARABEL")
#: From easy to hard: few actions in play, many, and many at a small tau.
EQUILIBRIA = (("dial:dial=0.5", 0.1), ("uniform", 0.1), ("sign", 0.1), ("sign", 0.02))
LOTTERIES = ("dial:dial=0.5", "sparse", "uniform", "sign", "low-rank")
#: What of CVXPY is timed: its modelling and solver, a compiled problem with new numbers, the solver's own code.
PARTS = {"anew": "a new problem", "again": "compiled before", "core": "its compiled code alone"}
#: Works that are held to seconds rather than to a peer: seconds, residual.
LIMITS = {
    "low rank": (3.0, 1e-12),
    "± skew": (2.0, 1e-13),
    "first result, warm caches": (1.5, None),
    "first result, cold": (10.0, None),
}
FIRST_RESULT = "import sys; from nashsim.cli import main; main(['run', 'rps'])"


def named(family: str, n: int, seed: int):
    """Return a game of the catalogue from its family with parameters."""
    return games.get(f"{family}{',' if ':' in family else ':'}n={n},seed={seed}")


def tell(line: str) -> None:
    """Say on stderr what is being measured."""
    print(line, file=sys.stderr, flush=True)


def conic_problem(n: int, log_mu: np.ndarray, margins):
    """Return CVXPY's variable and problem, max over pi of min over pi' of J_tau(pi, pi')/tau, from A^T/tau.

    The inner minimum is a log-sum-exp by Gibbs' variational principle [derived].
    """
    import cvxpy as cp

    policy = cp.Variable(n, nonneg=True)
    worst_case = -cp.log_sum_exp(log_mu - margins @ policy)
    divergence = -cp.sum(cp.entr(policy)) - log_mu @ policy
    return policy, cp.Problem(cp.Maximize(worst_case - divergence), [cp.sum(policy) == 1])


def residual_of(game, policy) -> float:
    """Return max|pi - BR_tau(pi)| of a solver's output, scaled to sum 1; nan where there is none."""
    if policy is None or not np.isfinite(policy).all():
        return np.nan
    policy = np.maximum(policy, 1e-300)
    return certify(game, np.log(policy / policy.sum())).residual


def probe_solver(game, name: str) -> dict:
    """Solve once; return the residual, the solver's own report of its seconds, and the calls to time.

    ``anew`` models a new problem, canonicalised and all; ``again`` gives a problem compiled once, with the margins as
    its parameter, the next game's margins; ``core`` hands finished data to the solver, which is less than any user
    of CVXPY gets away with. None starts warm: the next game is another one.
    """
    import cvxpy as cp

    solver, options = SOLVERS[name]
    if solver not in cp.installed_solvers():
        tell(f"{solver} is not installed and left out")
        return {"solver": name, "note": "not installed"}
    scaled, log_mu = game.preference.dense()[0].T / game.tau, game.log_reference[0]
    margins = cp.Parameter(scaled.shape) if game.actions <= COMPILED else cp.Constant(scaled)
    policy, compiled = conic_problem(game.actions, log_mu, margins)

    def anew():
        conic_problem(game.actions, log_mu, scaled)[1].solve(solver=solver, **options)

    def again():
        if isinstance(margins, cp.Parameter):
            margins.value = scaled
        compiled.solve(solver=solver, warm_start=False, **options)
        return policy.value

    def core():
        return chain.solve_via_data(compiled, data, warm_start=False, solver_opts=options)

    try:
        residual = residual_of(game, again())
        reported = compiled.solver_stats.solve_time
        data, chain, _ = compiled.get_problem_data(solver) if game.actions <= COMPILED else (None,) * 3
    except cp.SolverError as error:
        return {"solver": name, "note": " ".join(str(error).split())}
    return {
        "solver": name,
        "residual": residual,
        "reported": reported,
        "calls": (anew, again, core) if game.actions <= COMPILED else (anew,),
    }


def equilibria(quick: bool) -> list[dict]:
    """Newton beside every conic solver; those within three times the fastest take turns with it.

    Of the others the time stands that they report themselves.
    """
    rows = []
    for n in (10, 100) if quick else SPEED_UP:
        for family, tau in EQUILIBRIA[:2] if quick else EQUILIBRIA[1:2] if n == 500 else EQUILIBRIA:
            for seed in range(1 if quick or n == 500 else 2):
                game = named(family, n, seed).replace(tau=tau)
                rows += beside_solvers(game, 3 if quick or n == 500 else 5)
    return rows


def beside_solvers(game, repeats: int) -> list[dict]:
    """Return one row a solver of one game: seconds and ratios to Newton, from turns taken in the same rounds."""
    probes = [probe_solver(game, name) for name in (SOLVERS if game.actions <= COMPILED else LARGE_SOLVERS)]
    solved = [probe for probe in probes if probe.get("residual", np.nan) < SOLVED]
    fastest = min(probe["reported"] for probe in solved)
    works = {"Newton": lambda: solve(game)}
    for probe in solved:
        if probe["reported"] < 3 * fastest:
            works |= {(probe["solver"], call.__name__): call for call in probe["calls"]}
    taken = rounds(works, repeats, 0.02)
    about = {"work": "equilibrium", "n": game.actions, "family": game.name, "tau": game.tau}
    newton = taken["Newton"]
    rows = [{**about, "solver": "Newton", "seconds": np.median(newton), "residual": solve(game).residual}]
    for probe in probes:
        shared = {**about, **{key: probe[key] for key in ("solver", "residual", "note") if key in probe}}
        parts = {part: taken[probe["solver"], part] for part in PARTS if (probe["solver"], part) in taken}
        if not parts and "reported" in probe:
            parts = {"core": probe["reported"]}
        for part, seconds in parts.items():
            timed = {"part": part, "seconds": np.median(seconds), "ratio": np.median(seconds / newton)}
            rows.append({**shared, **timed})
        if "note" in probe:
            rows.append(shared)
    tell(
        f"equilibrium of {game.name}, tau = {game.tau:g}: Newton {1e3 * np.median(newton):.3g} ms,"
        f" CVXPY {1e3 * fastest:.3g} ms"
    )
    return rows


def programme(skew: np.ndarray, method: str) -> np.ndarray:
    """Return SciPy's answer to min v subject to A p <= v, p on the simplex."""
    from scipy.optimize import linprog

    n = len(skew)
    found = linprog(
        np.append(np.zeros(n), 1.0),
        A_ub=np.column_stack([skew, -np.ones(n)]),
        b_ub=np.zeros(n),
        A_eq=np.append(np.ones(n), 0.0)[None],
        b_eq=[1.0],
        bounds=[(0, None)] * n + [(None, None)],
        method=method,
    )
    return found.x[:n]


def highs_directly(skew: np.ndarray, solver: str):
    """Return a call that solves the same programme in HiGHS, with the model already passed."""
    import highspy

    n = len(skew)
    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    model.setOptionValue("solver", solver)
    p = [model.addVariable(lb=0.0) for _ in range(n)]
    v = model.addVariable(lb=-highspy.kHighsInf, obj=1.0)
    columns = np.arange(n + 1, dtype=np.int32)
    for row in skew:
        model.addRow(-highspy.kHighsInf, 0.0, n + 1, columns, np.append(row, -1.0))
    model.addRow(1.0, 1.0, n, columns[:n], np.ones(n))
    assert len(p) == v.index

    def call() -> np.ndarray:
        model.clearSolver()
        model.run()
        return np.array(model.getSolution().col_value[:n])

    return call


def lottery_peers(skew: np.ndarray) -> tuple[dict, list[str]]:
    """Return calls by name, each giving an optimal policy, and what is not installed."""
    peers = {
        "SciPy HiGHS": lambda: programme(skew, "highs-ds"),
        "SciPy HiGHS-ipm": lambda: programme(skew, "highs-ipm"),
    }
    missing = []
    try:
        peers["HiGHS"] = highs_directly(skew, "simplex")
        peers["HiGHS-ipm"] = highs_directly(skew, "ipm")
    except ImportError:
        missing.append("highspy")
    try:
        from quantecon.optimize import minmax
    except ImportError:
        missing.append("quantecon")
    else:
        peers["QuantEcon minmax"] = lambda: minmax(skew)[2]
    return peers, missing


def lotteries(quick: bool) -> list[dict]:
    """The maximal lottery, decided unique or of least norm, beside programmes that return any one."""
    rows, absent = [], set()
    for n in (100,) if quick else (100, 500):
        for family in LOTTERIES[:3] if quick else LOTTERIES:
            for seed in range(1 if quick or n == 500 else 3):
                game = named(family, n, seed)
                skew = np.ascontiguousarray(game.preference.dense()[0])
                peers, missing = lottery_peers(skew)
                absent.update(missing)
                found = lottery(game)
                works = {"nashsim": lambda g=game: lottery(g), **peers}
                taken = rounds(works, 3 if quick or n == 500 else 7, 0.01)
                residuals = {"nashsim": found.residual}
                residuals |= {name: max(float((skew @ peer()).max()), 0.0) for name, peer in peers.items()}
                about = {"work": "lottery", "n": n, "family": game.name, "unique": found.unique[0]}
                rows += [
                    {**about, "solver": name, "seconds": np.median(mine), "residual": residuals[name],
                     "ratio": np.median(mine / taken["nashsim"])}
                    for name, mine in taken.items()
                ]  # fmt: skip
                tell(f"lottery of {game.name}: {1e3 * np.median(taken['nashsim']):.3g} ms")
    for name in sorted(absent):
        tell(f"{name} is not installed and left out: pip install 'nashsim[bench]'")
    return rows


def large_equilibria(quick: bool) -> list[dict]:
    """A million actions of low rank, and the hardest family at the smallest tau."""
    n = 10_000 if quick else 1_000_000
    first, second = list(LIMITS)[:2]
    ranks = ((2, 0), (8, 0)) if quick else ((2, 0), (2, 1), (8, 0))
    cases = [(first, f"low-rank:n={n},rank={rank},seed={k}", 0.02) for rank, k in ranks]
    cases += [(second, f"sign:n={100 if quick else 500},seed={k}", 0.001) for k in range(1 if quick else 5)]
    rows = []
    for work, name, tau in cases:
        game = games.get(name).replace(tau=tau)
        seconds = interleave({"solve": lambda g=game: solve(g)}, 1 if quick else 3, 0.0)["solve"]
        rows.append({"work": work, "n": game.actions, "family": name, "tau": tau, "solver": "Newton",
                     "seconds": seconds, "residual": solve(game).residual})  # fmt: skip
        tell(f"equilibrium of {name}, tau = {tau:g}: {seconds:.3g} s")
    return rows


def cpu_of_children() -> float:
    """Return the processor seconds of all ended child processes: what a shared machine does not stretch."""
    times = os.times()
    return times.children_user + times.children_system


def first_results(quick: bool) -> list[dict]:
    """``nashsim run rps`` in a new process, with an empty folder for compiled code and then with a full one."""
    rows, works, command = [], list(LIMITS)[2:], [sys.executable, "-c", FIRST_RESULT]
    for _ in range(1):
        cache = tempfile.mkdtemp()
        try:
            for again in range(2 if quick else 6):
                before, began = cpu_of_children(), time.perf_counter()
                subprocess.run(
                    command, env={**os.environ, "NUMBA_CACHE_DIR": cache}, check=True, capture_output=True
                )
                rows.append({"work": works[not again], "solver": "nashsim", "seconds": time.perf_counter() - began,
                             "cpu": cpu_of_children() - before})  # fmt: skip
        finally:
            shutil.rmtree(cache)
        tell(f"first result: {rows[-1]['seconds']:.2f} s warm")
    return rows


def compute(quick: bool) -> pd.DataFrame:
    """Measure every row of the table, the works of a row side by side."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # solvers warn of what their residual states
        rows = equilibria(quick) + lotteries(quick) + large_equilibria(quick) + first_results(quick)
    return pd.DataFrame(rows)


def best_ratios(frame: pd.DataFrame, work: str, own: str, part: str | None = None) -> pd.DataFrame:
    """Return, a row a game, how many times longer the fastest peer that solved it took, and which it was."""
    peers = frame[(frame.work == work) & (frame.solver != own) & (frame.residual < SOLVED)]
    if part is not None:
        peers = peers[peers.part == part]
    return peers.loc[peers.groupby(["n", "family", "tau"], dropna=False).ratio.idxmin()]


def described(work: str, rows: pd.DataFrame) -> str:
    """Return a work's name with the size and the tau it was measured at."""
    if rows.tau.isna().all():
        return work
    return f"{work}, n = {rows.n.iloc[0]:g}, τ = {rows.tau.iloc[0]:g}"


def findings(frame: pd.DataFrame) -> list[Finding]:
    """Every row of the table against its target."""
    found = []
    newton = frame[(frame.work == "equilibrium") & (frame.solver == "Newton")]
    for part, meaning in PARTS.items():
        for n, mine in best_ratios(frame, "equilibrium", "Newton", part).groupby("n"):
            residual, target = newton[newton.n == n].residual.max(), SPEED_UP[int(n)]
            text = f"{mine.ratio.median():.3g}x ({mine.ratio.min():.2g} to {mine.ratio.max():.3g}), residual"
            text += f" {residual:.0e}, solver's {mine.residual.median():.0e}"
            found.append(Finding(f"Newton against the fastest CVXPY solver, {meaning}, n = {n:.0f}", text,
                                 f"≥ {target:.0f}x at ≤ 1e-13",
                                 bool(mine.ratio.median() >= target and residual <= RESIDUAL)))  # fmt: skip
    for (n, unique), mine in best_ratios(frame, "lottery", "nashsim").groupby(["n", "unique"]):
        kind = "" if unique else ", several optimal: least norm against any"
        spread = f"({1 / mine.ratio.max():.2f} to {1 / mine.ratio.min():.2f})"
        found.append(Finding(f"lottery's time over the best programme's, n = {n:.0f}{kind}",
                             f"{1 / mine.ratio.median():.2f} {spread}", "≤ 1",
                             bool(mine.ratio.median() >= 1)))  # fmt: skip
    for work, (limit, least) in LIMITS.items():
        mine = frame[frame.work == work]
        text, target = f"{mine.seconds.median():.2g} s, at most {mine.seconds.max():.2g} s", f"≤ {limit:g} s"
        holds = mine.seconds.median() <= limit
        if mine.cpu.notna().any():
            text += f" (processor {mine.cpu.median():.2f} s)"
        if least is not None:
            text, target = f"{text}, residual {mine.residual.max():.0e}", f"{target} at ≤ {least:.0e}"
            holds &= mine.residual.max() <= least
        found.append(Finding(described(work, mine), text, target, bool(holds)))
    return found


#: Colour and marker of every peer: told apart by either.
MARKS = {
    "ECOS": ("blue", "o"),
    "CLARABEL": ("orange", "s"),
    "CLARABEL 1e-12": ("vermilion", "D"),
    "SCS": ("green", "^"),
    "QuantEcon minmax": ("purple", "o"),
    "HiGHS": ("sky", "s"),
    "HiGHS-ipm": ("blue", "D"),
    "SciPy HiGHS": ("orange", "^"),
    "SciPy HiGHS-ipm": ("vermilion", "v"),
}


def draw(frame: pd.DataFrame):
    """Draw how many times longer every peer takes, game by game, and the seconds of the rest; targets are marked."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        1, 4, figsize=(11, 3.9), layout="constrained", width_ratios=(1.1, 1.1, 1.1, 1.0)
    )
    solved = frame[(frame.work == "equilibrium") & (frame.residual < SOLVED)]
    for ax, part in zip(axes, ("anew", "again"), strict=False):
        draw_ratios(ax, solved[solved.part == part], SPEED_UP)
        ax.set_title(f"equilibrium, CVXPY:\n{PARTS[part]}")
    draw_ratios(axes[2], frame[(frame.work == "lottery") & (frame.solver != "nashsim")], {100: 1.0, 500: 1.0})
    axes[2].set_title("maximal lottery")
    axes[0].set_ylabel("time of the peer / time of nashsim")
    draw_limits(axes[3], frame)
    handles = [
        plt.Line2D([], [], color=PALETTE[colour], marker=marker, linestyle="", markersize=4.5, label=name)
        for name, (colour, marker) in MARKS.items()
        if (frame.solver == name).any()
    ]
    others = (
        ("o", "none", "hollow: of several lotteries nashsim gives the least norm"),
        ("X", "black", "nashsim, its own seconds (right)"),
    )
    handles += [
        plt.Line2D(
            [],
            [],
            color="black",
            marker=marker,
            markerfacecolor=face,
            linestyle="",
            markersize=4.5,
            label=text,
        )
        for marker, face, text in others
    ]
    handles.append(plt.Line2D([], [], color="black", linewidth=2, label="target: at least (right: at most)"))
    note = "One mark a game: median over rounds in which all take turns; above 1 nashsim is the faster."
    legend_below(figure, handles, note, columns=4)
    return figure


def draw_ratios(ax, rows: pd.DataFrame, targets: dict[int, float]) -> None:
    """Draw one mark a game and solver over the sizes, and a bar at each size's target."""
    sizes = [n for n in targets if (rows.n == n).any()]
    names = [name for name in MARKS if (rows.solver == name).any()]
    for at, n in enumerate(sizes):
        ax.plot([at - 0.42, at + 0.42], [targets[n]] * 2, color="black", linewidth=2, zorder=1)
        for k, name in enumerate(names):
            mine = rows[(rows.n == n) & (rows.solver == name)]
            colour, marker = MARKS[name]
            where = at + 0.7 * ((k + 0.5) / len(names) - 0.5) + np.linspace(-0.03, 0.03, len(mine))
            several = (mine.unique == False).to_numpy() if "unique" in mine else np.zeros(len(mine), bool)  # noqa: E712
            for chosen, face in ((~several, PALETTE[colour]), (several, "none")):
                ax.plot(where[chosen], mine.ratio.to_numpy()[chosen], marker, color=PALETTE[colour],
                        markerfacecolor=face, markersize=4, linestyle="")  # fmt: skip
    ax.set(yscale="log", xlim=(-0.5, len(sizes) - 0.5))
    ax.set_xticks(range(len(sizes)), [f"n = {n}" for n in sizes])
    ax.grid(axis="x", visible=False)


def draw_limits(ax, frame: pd.DataFrame) -> None:
    """Draw the seconds of the works that are held to a limit."""
    for at, (work, (limit, _)) in enumerate(LIMITS.items()):
        mine = frame[frame.work == work]
        ax.plot(mine.seconds, np.full(len(mine), at), "X", color=PALETTE["black"], markersize=5, alpha=0.8)
        ax.plot([limit] * 2, [at - 0.3, at + 0.3], color="black", linewidth=2)
    ax.set(xscale="log", xlabel="seconds", ylim=(len(LIMITS) - 0.5, -0.5))
    ax.set_yticks(
        range(len(LIMITS)),
        [described(work, frame[frame.work == work]).replace(", ", ",\n", 1) for work in LIMITS],
        fontsize=7.5,
    )
    ax.grid(axis="y", visible=False)
    ax.set_title("absolute times")


class Benchmark(Experiment):
    """An experiment whose JSON also states the machine."""

    def reproduce(self, out="figures", quick: bool = False, redraw: bool = False) -> list[Finding]:
        """Write the files of an experiment; add the machine to the JSON, which keeps it when redrawn."""
        found = super().reproduce(out, quick, redraw=redraw)
        if redraw:
            return found
        path = Path(out) / f"{self.name}.json"
        summary = json.loads(path.read_text()) | {"machine": machine()}
        write_text(path, to_json(summary, indent=2) + "\n")
        return found


EXPERIMENT = Benchmark("bench-exact", __doc__, compute, draw, findings)


def main(out: str | Path = "figures", quick: bool = False) -> list[Finding]:
    """Run the benchmark and write its files into ``out``."""
    return EXPERIMENT.reproduce(out, quick)


if __name__ == "__main__":
    EXPERIMENT.main()
