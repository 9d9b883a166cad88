"""What ``nashsim reproduce`` does: find the figure scripts, run them side by side, gather what they show."""

from __future__ import annotations

import ast
import importlib.util
import sys
import time
from dataclasses import asdict
from pathlib import Path

from ..errors import NashsimError, unknown_name
from ..progress import progress_bar
from .output import say


def experiments_folder() -> Path:
    """Return the folder of the figure scripts: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package.parent / "experiments", package / "_experiments"):
        if (folder / "convergence.py").exists():
            return folder
    raise NashsimError("reproduce: the experiments folder is missing; install from a checkout or a wheel")


#: Scripts that are run by hand: they take many minutes, need data that are not here, or are there to be read.
BY_HAND = ("falsification", "nash_md_one_file", "proved_rates", "smollm_preferences")


def find_experiments() -> dict[str, Path]:
    """Return the figure scripts by the name of their figure; benchmarks and long searches are not among them."""
    return {
        path.stem.replace("_", "-"): path
        for path in sorted(experiments_folder().glob("*.py"))
        if not path.stem.startswith(("_", "bench", *BY_HAND))
    }


def figure_titles() -> dict[str, str]:
    """Return what every figure shows by its name: the first line of its script, which is not run."""
    found = {}
    for name, path in find_experiments().items():
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        found[name] = text.partition("\n")[0]
    return found


def load_experiment(path: Path):
    """Return the ``EXPERIMENT`` that a script declares."""
    return load_module(path).EXPERIMENT


def load_module(path: Path):
    """Return a script as a module, under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"nashsim_experiment_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    if (
        folder := str(path.parent)
    ) not in sys.path:  # as where the script runs alone: benchmarks share a module
        sys.path.append(folder)
    spec.loader.exec_module(module)
    return module


def draw_one(name: str, path: Path, out: str, quick: bool, full: bool = False) -> dict:
    """Draw one figure and return its name, seconds and findings."""
    began = time.perf_counter()
    findings = [asdict(finding) for finding in load_experiment(path).reproduce(out, quick, full)]
    return {"figure": name, "seconds": time.perf_counter() - began, "findings": findings}


def reproduce_figures(
    names: list[str], *, quick: bool, full: bool, out: str | None, jobs: int, quiet: bool
) -> list[dict]:
    """Draw the named figures (all when none is named) and return one row a finding.

    Each runs in a process of its own, so the files do not depend on ``jobs``. With ``full`` and no names, those are
    drawn whose paper's length takes minutes.
    """
    from joblib import delayed

    from ..engine.sweeps.processes import on_processes
    from ..figures.experiment import check_length, figures_folder

    check_length(quick, full)

    known = find_experiments()
    for name in names:
        if name not in known:
            raise unknown_name("figure", name, known)
    if jobs < 1:
        raise NashsimError(f"jobs: at least 1 is needed, found {jobs}")
    chosen = {name: known[name] for name in (names or known)}
    if not _has_llm_extra():
        for name in [name for name in chosen if name.startswith(("llm-", "smollm"))]:
            say(f"{name}: skipped; it needs the llm extra: pip install 'nashsim[llm]'")
            del chosen[name]
    if full:
        longer = [name for name, path in chosen.items() if load_experiment(path).compute_full]
        if short := [name for name in chosen if names and name not in longer]:
            raise NashsimError(
                f"full: {', '.join(short)}: the paper's length is drawn without it; leave --full out"
            )
        chosen = {name: chosen[name] for name in longer}
    out = str(
        Path(out or figures_folder(full)).resolve()
    )  # a worker process may have been started in another folder
    work = [delayed(draw_one)(name, path, out, quick, full) for name, path in chosen.items()]
    drawn = {done["figure"]: done for done in _followed(on_processes(jobs, work), len(work), quiet)}
    if not quiet:
        say(f"{len(chosen)} figures as PNG, PDF and CSV in {out}")
    return [{"figure": name, **finding} for name in chosen for finding in drawn[name]["findings"]]


def _has_llm_extra() -> bool:
    return all(importlib.util.find_spec(package) for package in ("torch", "transformers"))


def _followed(results, total: int, quiet: bool):
    """Yield results as they come, with a progress bar on a terminal and a line each elsewhere."""
    with progress_bar("drawing figures", not quiet) as tell:
        for count, done in enumerate(results, 1):
            tell(count, total, f"drew {done['figure']}")
            if not quiet and not sys.stderr.isatty():
                say(f"[{count}/{total}] {done['figure']}: {done['seconds']:.0f} s")
            yield done
