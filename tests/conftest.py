"""`--results FILE` leaves the outcomes of a run as JSON, for checks too slow to repeat at every change.

Outcomes that are there already are kept where this run has none, if machine and versions are the same.
"""

import json
import os
import platform
import sys
from pathlib import Path

from nashsim.files import to_json, versions, write_text


def pytest_addoption(parser):
    parser.addoption(
        "--results", metavar="FILE", help="write every test's outcome and seconds to FILE as JSON"
    )


def pytest_configure(config):
    """Lay off the trace function of coverage while Numba compiles: it watches no line there, and costs two fifths."""
    if not config.getoption("cov_source", None):
        return
    from numba.core import compiler

    compile_extra = compiler.compile_extra

    def untraced(*arguments, **options):
        traced = sys.gettrace()
        sys.settrace(None)
        try:
            return compile_extra(*arguments, **options)
        finally:
            sys.settrace(traced)

    compiler.compile_extra = untraced


def pytest_terminal_summary(terminalreporter, config):
    path = config.getoption("--results")
    if path is None:
        return
    reports = [
        report
        for outcome in ("passed", "failed", "skipped")
        for report in terminalreporter.stats.get(outcome, [])
        if report.when == "call" or outcome == "skipped"
    ]
    tests = {r.nodeid: {"outcome": r.outcome, "seconds": round(r.duration, 2)} for r in reports}
    about = {"machine": platform.machine(), "processors": os.cpu_count(), "system": platform.system()}
    about["versions"] = versions()
    if Path(path).exists():
        before = json.loads(Path(path).read_text(encoding="utf-8"))
        if before.items() >= about.items():
            tests = before["tests"] | tests
    write_text(Path(path), to_json({**about, "tests": tests}, indent=1) + "\n")
