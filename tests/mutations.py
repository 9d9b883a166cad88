"""Mutations of the package's own sources, and whether the tests of the file notice them: ``tests/mutations.json``.

``python -m tests.mutations [--rooms theory ...] [--count 20] [--seed 0]`` tries the named mutations, and of each room
so many that are drawn from every constant, comparison, sum, product, ``min`` and ``max``, in a copy of the tree by the
tests that belong to the file. What was tried stays in the outcome as long as its line stands, and counts among the
drawn. What survives is tried again, until a test notices it or its row has a ``reason``, written there by hand, why no
result that a user sees changes.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "tests/mutations.json"
ROOMS = ("theory", "testing", "equilibrium", "online")
OUTCOMES = ("noticed", "survives", "out of time")
#: Seconds of a processor that the tests of one mutation may take; an endless loop is noticed too.
LIMIT = 100

#: Mutations that an audit found to survive: file, what stands there, what is put in its place.
NAMED = (
    ("theory/claims/nlhf.py", "bound = 8 / (stack.tau**2", "bound = 80 / (stack.tau**2"),
    ("theory/claims/nlhf.py", "found.bound + 2 * eta**2", "found.bound + 20 * eta**2"),
    ("theory/claims/spo_onpo.py", "bound = 4 * np.sqrt(np.log", "bound = 8 * np.sqrt(np.log"),
    ("theory/claims/spo_onpo.py", "(eta * horizons) + eta / 4", "(eta * horizons) * 2 + eta / 2"),
    ("theory/claims/identities.py", "(len(stack), 1), 1 / stack.tau", "(len(stack), 1), 2 / stack.tau"),
    ("theory/claims/egpo.py", "1 - share * largest(tau) * tau", "1 - share * largest(tau) * tau / 2"),
    ("theory/claims/nash_mp.py", "return 1 / (1 + 2 * tau * share)", "return 1 / (1 + tau * share)"),
    ("theory/claims/nash_mp.py", "np.exp(-2 * rate * path.steps)", "np.exp(-rate * path.steps)"),
    ("theory/claims/comal.py", "_OUTER, _FACTORS = 12, 72", "_OUTER, _FACTORS = 12, 7"),
    ("theory/claims/rounding.py", "return 8 * EPS", "return 8e4 * EPS"),
    ("theory/verification.py", "if self.worst_ratio <= 1 ", "if self.worst_ratio <= 1.01 "),
    ("theory/climbing.py", "list(np.clip(-values", "list(np.clip(values"),
    ("theory/climbing.py", "abs(value) else idle + 1", "abs(value) else idle"),
    ("theory/fits.py", "max(blocks - 2, 1)", "max(blocks - 1, 1)"),
    ("theory/rates.py", " / rule.queries_per_step)", ")"),
    ("equilibrium/newton.py", "return np.sqrt(2.0 * divergence)", "return np.sqrt(divergence)"),
    ("equilibrium/newton.py", "rounding = 4 * np.finfo", "rounding = 4e4 * np.finfo"),
    ("equilibrium/lottery.py", "residual=float(gains.max())", "residual=float(gains.mean())"),
    ("equilibrium/agreement.py", "(distance <= allowed)", "(distance <= 2 * allowed)"),
    ("equilibrium/pivoting.py", "if not np.linalg.norm(inverse) * zero < 1.0:", "if False:"),
    ("equilibrium/pivoting.py", "min(initial=np.inf) > zero else", "min(initial=np.inf) > -1 else"),
    ("equilibrium/skew.py", "_ZERO = 1e-11", "_ZERO = 1e-7"),
    (
        "engine/stack.py",
        "kl=average(game, kl(log_equilibrium, log_start))",
        "kl=kl(log_equilibrium, log_start).mean()",
    ),
    ("engine/stack.py", "average(game, -log_start.min(axis=1))", "float(-log_start.min(axis=1).mean())"),
    ("engine/record.py", "if gaps[-1] <= 1e-12:", "if gaps[-1] <= 1e-6:"),
    ("online/arena.py", "copeland = (a > 0)", "copeland = (a >= 0)"),
    ("online/estimates/counts.py", "math.log(2 / tail", "math.log(1 / tail"),
    (
        "online/learners/iterative.py",
        "NashMD().steps(tau, np.arange(t0,",
        "NashMD().steps(tau, 1 + np.arange(t0,",
    ),
    ("online/learners/minimax_kernel.py", "fine = tolerance / math.sqrt(t + 2.0)", "fine = tolerance"),
    ("testing/properties.py", "_ROUNDING = 1e-9", "_ROUNDING = 1e-7"),
    ("testing/properties.py", "return error * np.sqrt(2 * div", "return 100 * error * np.sqrt(2 * div"),
)

#: The tests that belong to a file, by the stem of its name; where none stand, ``test_`` and the stem, or the room's.
TESTS = {
    "testing": {
        "check_learner": ("test_check_learner.py", "-k", "not package and not passes"),
        "plays": ("test_check_learner.py", "-k", "not package"),
        "strategies": ("test_strategies.py",),
        "": ("test_check_rule.py",),
    },
    "equilibrium": {
        "agreement": ("test_thresholds.py", "test_witness.py"),
        "certificate": ("test_certificate.py", "test_links.py"),
        "double_double": ("test_small_tau.py", "test_certificate.py"),
        "exact": ("test_thresholds.py", "test_lottery.py"),
        "fixed_point": ("test_newton.py", "test_small_tau.py"),
        "link_witness": ("test_links.py",),
        "lottery": ("test_thresholds.py", "test_lottery.py"),
        "max_entropy": ("../test_rankings.py", "-k", "entropy"),
        "newton": ("test_thresholds.py", "test_newton.py"),
        "pivoting": ("test_thresholds.py", "test_lottery.py"),
        "pivoting_kernel": ("test_thresholds.py", "test_lottery.py"),
        "products": ("test_certificate.py", "test_krylov.py"),
        "result": ("test_newton.py", "test_witness.py"),
        "skew": ("test_thresholds.py", "test_lottery.py"),
        "systems": ("test_krylov.py", "test_newton.py"),
    },
    "online": {
        "arena": ("test_constants.py", "test_duels.py", "test_bandits.py"),
        "bandits_kernel": ("test_bandits.py", "test_double_thompson.py"),
        "beta_kernel": ("test_bandits.py",),
        "bilinear": ("test_estimates.py",),
        "bradley_terry": ("test_estimates.py",),
        "counts": ("test_constants.py", "test_estimates.py"),
        "drifts": ("test_response_times.py",),
        "duels_kernel": ("test_duels.py",),
        "enpo": ("test_enpo.py", "test_exploration.py"),
        "enpo_kernel": ("test_enpo.py", "test_exploration.py"),
        "estimate": ("test_estimates.py",),
        "estimate_kernel": ("test_minimax.py", "test_estimates.py"),
        "gradient_kernel": ("test_gradient.py",),
        "iterative": ("test_constants.py", "test_iterative.py"),
        "iterative_kernel": ("test_iterative.py",),
        "learner": ("test_study.py", "test_iterative.py"),
        "links_kernel": ("test_links.py",),
        "logistic_kernel": ("test_rewards.py",),
        "minimax_kernel": ("test_constants.py", "test_minimax.py"),
        "pairs_kernel": ("test_bandits.py", "test_double_thompson.py"),
        "play": ("test_study.py", "test_bandits.py", "test_iterative.py"),
        "regression_kernel": ("test_iterative.py", "test_estimates.py"),
        "rewards_kernel": ("test_rewards.py",),
        "round_kernel": ("test_iterative.py", "test_bandits.py"),
        "sparring": ("test_bandits.py",),
        "sparring_kernel": ("test_bandits.py",),
        "times": ("test_response_times.py",),
        "times_kernel": ("test_response_times.py",),
        "votes": ("test_duels.py",),
    },
    "engine": {"": ("test_weights_and_starts.py",)},
}

_SWAPS = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">",
}  # fmt: skip
_SIGNS = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip


def sites(source: str) -> list[tuple[int, int, str]]:
    """Return (first, last, text): what may be put in place of ``source[first:last]``."""
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    coded, found = source.encode(), []

    def at(line, column):
        return len(coded[: starts[line - 1] + column].decode())

    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            first, last = at(node.lineno, node.col_offset), at(node.end_lineno, node.end_col_offset)
            found.append((first, last, repr(node.value * 2 if node.value not in (0, 1) else node.value + 1)))
        elif isinstance(node, ast.BinOp) and type(node.op) in _SWAPS:
            found += _between(source, node.left, node.right, node.op, at)
        elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _SWAPS:
            found += _between(source, node.left, node.comparators[0], node.ops[0], at)
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            other = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum"}.get(name)
            if other:
                last = at(node.func.end_lineno, node.func.end_col_offset)
                found.append((last - len(name), last, other))
    return sorted(set(found))


def _between(source, left, right, op, at):
    first, last = at(left.end_lineno, left.end_col_offset), at(right.lineno, right.col_offset)
    place = source.find(_SIGNS[type(op)], first, last)
    return [(place, place + len(_SIGNS[type(op)]), _SWAPS[type(op)])] if place >= 0 else []


def key(row: dict) -> tuple[str, str, str]:
    """Return what tells one mutation from another: its file, and its line before and after."""
    return row["file"], row["before"], row["after"]


def a_row(file: str, source: str, first: int, last: int, text: str, named: bool) -> dict:
    """Return the mutation that puts ``text`` in place of ``source[first:last]``, one line of a file."""
    line = source[:first].count("\n")
    mutated = source[:first] + text + source[last:]
    before, after = (one.splitlines()[line].strip() for one in (source, mutated))
    return {"file": file, "line": line + 1, "named": named, "before": before, "after": after}


def read(file: str) -> str:
    """Return the source of a file of the package."""
    return (ROOT / "nashsim" / file).read_text(encoding="utf-8")


def chosen_rows(known: list[dict], rooms, count: int, seed: int) -> list[dict]:
    """Return the rows of the outcome: those known whose line stands, the named ones, and drawn ones up to ``count``."""
    rows = {key(row): row for row in known if row["before"] in map(str.strip, read(row["file"]).splitlines())}
    for file, before, after in NAMED:
        source = read(file)
        assert before in source, f"{file}: {before!r} stands there no more"
        first = source.index(before)
        row = a_row(file, source, first, first + len(before), after, named=True)
        rows.setdefault(key(row), row)
    for room in rooms:
        left = count - sum(not row["named"] and row["file"].startswith(room) for row in rows.values())
        files = [p.relative_to(ROOT / "nashsim").as_posix() for p in (ROOT / "nashsim" / room).rglob("*.py")]
        pool = [(file, read(file), *site) for file in sorted(files) for site in sites(read(file))]
        for place in random.Random(seed).sample(pool, len(pool)) if left > 0 else ():
            row = a_row(*place, named=False)
            if left > 0 and key(row) not in rows:
                rows[key(row)], left = row, left - 1
    return list(rows.values())


def mutated(source: str, row: dict) -> str:
    """Return a source with the mutation of a row, whose number of the line is renewed."""
    lines = source.splitlines(keepends=True)
    places = [k for k, line in enumerate(lines) if line.strip() == row["before"]]
    at = min(places, key=lambda k: abs(k + 1 - row["line"]))
    row["line"], lines[at] = at + 1, lines[at].replace(row["before"], row["after"])
    return "".join(lines)


def tests_of(file: str) -> list[str]:
    """Return what pytest is given to try a mutation of a file: the tests that belong to it."""
    room, name = file.split("/")[0], Path(file).stem
    if room != "theory":
        folder, own = f"tests/{room}", f"test_{name}.py"
        there = (own,) if (ROOT / folder / own).is_file() else (".",)
        chosen = TESTS[room].get(name) or TESTS[room].get("") or there
        return [f"{folder}/{one}" if one == "." or one.endswith(".py") else one for one in chosen]
    if "/proofs/" in file:
        names = {"certificate": "certificates", "designing": "design", "search": "known_factors"}
        own = f"tests/theory/proofs/test_{names.get(name, name)}.py"
        return [own if (ROOT / own).is_file() else "tests/theory/proofs"]
    if "/claims/" in file:
        module = importlib.import_module(f"nashsim.theory.claims.{name}".removesuffix(".__init__"))
        ids = [claim.id for claim in getattr(module, "CLAIMS", ())] if name != "__init__" else []
        stands = "tests/theory/test_claims.py::test_a_claim_stands_and_its_control_does_not"
        chosen = [f"{stands}[{one}]" for one in ids] or ["tests/theory/test_claims.py"]
        strong = not ids or name in ("nlhf", "inpo", "identities", "offline")
        strength = "tests/theory/test_strength.py"
        return [
            strength if strong else f"{strength}::test_no_range_is_narrower_than_the_conditions_say",
            *chosen,
        ]
    by_name = {"falsify": "falsify", "climbing": "falsify", "report": "verify", "svg": "verify"}
    own = f"tests/theory/test_{by_name.get(name, name)}.py"
    if name == "verification":
        return ["tests/theory/test_strength.py", "tests/theory/test_verify.py"]
    return [own]


def preload() -> None:
    """Import what does not change from one mutation to the next, for all of them at once."""
    for name in ("hypothesis", "numba", "pandas", "pytest", "scipy.optimize", "scipy.stats"):
        importlib.import_module(name)


class First:
    """The pytest plugin that keeps the name of the first test that fails."""

    def __init__(self, file: Path):
        self.file = file

    def pytest_runtest_logreport(self, report):
        """Keep it."""
        if report.failed:
            self.file.write_text(report.nodeid, encoding="utf-8")

    def pytest_collectreport(self, report):
        """Keep a file whose tests cannot be collected."""
        self.pytest_runtest_logreport(report)


def attempt(tree: Path, chosen: list[str], compiled: bool) -> None:
    """Run tests in a tree and leave with pytest's code: the body of one process."""
    import numba
    import pytest

    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT, LIMIT))
    for name in [name for name in sys.modules if name.partition(".")[0] in ("nashsim", "tests")]:
        del sys.modules[name]
    os.chdir(tree)
    os.environ |= {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    sys.path[0], sys.dont_write_bytecode = str(tree), True
    with tempfile.TemporaryDirectory() as cache, open(os.devnull, "w") as quiet:
        if compiled:  # what calls a kernel of another file is not compiled anew for it
            numba.config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"] = cache
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            given = ["-q", "-x", "-p", "no:cacheprovider", "-m", "not slow", *chosen]
            code = int(pytest.main(given, plugins=[First(tree / "first")]))
    os._exit(code)


def run(tree: Path, chosen: list[str], compiled: bool) -> int:
    """Return the exit status of tests in a process of their own; below 0 the signal that ended it."""
    process = multiprocessing.get_context("fork").Process(target=attempt, args=(tree, chosen, compiled))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def outcome(tree: Path, row: dict) -> dict:
    """Return the outcome of a mutation, and by which test it is noticed: one that passes without it."""
    path, first, tests = tree / "nashsim" / row["file"], tree / "first", tests_of(row["file"])
    source = path.read_text(encoding="utf-8")
    compiled, times = "njit" in source, (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    first.unlink(missing_ok=True)
    path.write_text(mutated(source, row), encoding="utf-8")
    try:
        status = run(tree, tests, compiled)
    finally:
        path.write_text(source, encoding="utf-8")
        os.utime(path, ns=times)
    if status == 0:
        return {"outcome": "survives"}
    if first.is_file():
        by = first.read_text(encoding="utf-8")
        if run(tree, [by], compiled=False):
            raise RuntimeError(f"{by} fails without {row['file']}:{row['line']} too")
        return {"outcome": "noticed", "by": by}
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        return {"outcome": "out of time"}
    if status < 0:
        return {"outcome": "noticed", "by": f"the end of the process by {signal.Signals(-status).name}"}
    raise RuntimeError(f"{row['file']}: pytest left with {status} of {tests}")


def main() -> None:
    """Try them, and write what was noticed after each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rooms", nargs="+", choices=ROOMS, default=list(ROOMS))
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args()
    known = json.loads(chosen.out.read_text(encoding="utf-8"))["mutations"] if chosen.out.is_file() else []
    rows = chosen_rows(known, chosen.rooms, chosen.count, chosen.seed)
    others = {row["file"].split("/")[0] for row in rows} - set(ROOMS)
    tried = [row for row in rows if row["file"].split("/")[0] in (*chosen.rooms, *others)]
    tried = [row for row in tried if "by" not in row and "reason" not in row]
    preload()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        for part in ("nashsim", "tests", "llm_bridge", "docs", "figures", "pyproject.toml"):
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
            copy(ROOT / part, tree / part)
        for k, row in enumerate(tried):
            row |= outcome(tree, row)
            write(chosen.out, chosen.seed, [row for row in rows if "outcome" in row])
            said = f"{k + 1}/{len(tried)} {row['outcome']}: {row['file']}:{row['line']} {row.get('by', '')}"
            print(said, flush=True)


def write(out: Path, seed: int, rows: list[dict]) -> None:
    """Write the outcome, by room in the order of ``ROOMS``, with what was counted."""
    rooms = [*ROOMS, *sorted({row["file"].split("/")[0] for row in rows} - set(ROOMS))]
    rows = sorted(rows, key=lambda row: (rooms.index(row["file"].split("/")[0]), not row["named"]))
    counts = {name: sum(row["outcome"] == name for row in rows) for name in OUTCOMES}
    report = {"rooms": rooms, "seed": seed, "tried": len(rows), **counts, "mutations": rows}
    out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
