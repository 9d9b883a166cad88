"""Mutations of the package's own sources, and whether the tests of the file notice them: ``tests/mutations.json``.

``python -m tests.mutations [--rooms theory ...] [--count 50] [--seed 0]`` draws from every constant, comparison, sum,
product, ``min`` and ``max`` of the rooms, adds the named ones, and tries each in a copy of the tree by the tests that
belong to its file. What survives stands in the outcome by file, line, before and after; what was noticed before is not
tried again, so that a run that was cut off goes on.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "tests/mutations.json"
ROOMS = ("theory", "testing", "equilibrium", "online")
OUTCOMES = ("noticed", "survives", "out of time")
#: Seconds that the tests of one mutation may take; an endless loop is noticed too.
LIMIT = 300

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
    ("theory/climbing.py", "max(size / 1.5, 1e-4)", "max(size, 1e-4)"),
    ("theory/climbing.py", "min(1.5 * size, 1.0)", "min(size, 1.0)"),
    ("theory/fits.py", "max(blocks - 2, 1)", "max(blocks - 1, 1)"),
    ("theory/rates.py", " / rule.queries_per_step)", ")"),
)

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


def drawn(rooms, count: int, seed: int) -> list[tuple[str, str, str, int]]:
    """Return (file, source, mutated, line) of the named mutations of the rooms and of ``count`` drawn ones."""
    tried = []
    for file, before, after in NAMED:
        if file.split("/")[0] in rooms:
            source = (ROOT / "nashsim" / file).read_text(encoding="utf-8")
            assert source.count(before) >= 1, f"{file}: {before!r} stands there no more"
            mutated = source.replace(before, after, 1)
            tried.append((file, source, mutated, source[: source.index(before)].count("\n") + 1))
    pool = []
    for room in rooms:
        for path in sorted((ROOT / "nashsim" / room).rglob("*.py")):
            source = path.read_text(encoding="utf-8")
            pool += [(path.relative_to(ROOT / "nashsim").as_posix(), source, *site) for site in sites(source)]
    for file, source, first, last, text in random.Random(seed).sample(pool, min(count, len(pool))):
        mutated = source[:first] + text + source[last:]
        tried.append((file, source, mutated, source[:first].count("\n") + 1))
    return tried


def tests_of(file: str) -> list[str]:
    """Return what pytest is given to try a mutation of a file: the tests that belong to it."""
    room, name = file.split("/")[0], Path(file).stem
    if room != "theory":
        return [f"tests/{room}"]
    if "/proofs/" in file:
        names = {"certificate": "certificates", "designing": "design", "search": "known_factors"}
        own = f"tests/theory/proofs/test_{names.get(name, name)}.py"
        return [own if (ROOT / own).is_file() else "tests/theory/proofs"]
    if "/claims/" in file:
        module = importlib.import_module(f"nashsim.theory.claims.{name}".removesuffix(".__init__"))
        ids = [claim.id for claim in getattr(module, "CLAIMS", ())] if name != "__init__" else []
        stands = "tests/theory/test_claims.py::test_a_claim_stands_and_its_control_does_not"
        chosen = [f"{stands}[{one}]" for one in ids] or ["tests/theory/test_claims.py"]
        strong = not ids or name in ("nlhf", "inpo", "identities", "verification")
        return [*chosen, *["tests/theory/test_strength.py"] * strong]
    by_name = {"falsify": "falsify", "climbing": "falsify", "report": "verify", "svg": "verify"}
    own = f"tests/theory/test_{by_name.get(name, name)}.py"
    if name == "verification":
        return ["tests/theory/test_strength.py", "tests/theory/test_verify.py"]
    return [own]


def outcome(tree: Path, file: str, source: str, mutated: str) -> str:
    """Return ``noticed`` where a test of a file fails on its mutation, ``survives``, or ``out of time``."""
    path = tree / "nashsim" / file
    path.write_text(mutated, encoding="utf-8")
    try:
        given = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-m", "not slow", *tests_of(file)]
        env = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(given, cwd=tree, env=env, timeout=LIMIT, capture_output=True, text=True)
        if done.returncode not in (0, 1, 2):
            raise RuntimeError(f"{file}: {done.stdout[-500:]}{done.stderr[-500:]}")
        return "noticed" if done.returncode else "survives"
    except subprocess.TimeoutExpired:
        return "out of time"
    finally:
        path.write_text(source, encoding="utf-8")


def main() -> None:
    """Try them, and write what was noticed after each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rooms", nargs="+", choices=ROOMS, default=list(ROOMS))
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args()
    tried = drawn(chosen.rooms, chosen.count, chosen.seed)
    named = sum(file.split("/")[0] in chosen.rooms for file, _, _ in NAMED)
    known = json.loads(chosen.out.read_text(encoding="utf-8"))["mutations"] if chosen.out.is_file() else []
    noticed = {(row["file"], row["before"], row["after"]) for row in known if row["outcome"] == "noticed"}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        for part in ("nashsim", "tests", "llm_bridge", "docs", "figures", "pyproject.toml"):
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
            tree.mkdir(exist_ok=True)
            copy(ROOT / part, tree / part)
        for k, (file, source, mutated, line) in enumerate(tried):
            row = {"file": file, "line": line, "named": k < named}
            row |= {
                "before": source.splitlines()[line - 1].strip(),
                "after": mutated.splitlines()[line - 1].strip(),
            }
            kept = (file, row["before"], row["after"]) in noticed
            rows.append(row | {"outcome": "noticed" if kept else outcome(tree, file, source, mutated)})
            counts = {name: sum(r["outcome"] == name for r in rows) for name in OUTCOMES}
            report = {
                "rooms": chosen.rooms,
                "seed": chosen.seed,
                "drawn": len(tried),
                **counts,
                "mutations": rows,
            }
            chosen.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            print(f"{k + 1}/{len(tried)} {rows[-1]['outcome']}: {file}:{line}", flush=True)


if __name__ == "__main__":
    main()
