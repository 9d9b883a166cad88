"""The gallery's scripts: those of experiments/, which here draw from the CSV that is stored and compute nothing."""

from __future__ import annotations

import ast
import importlib.util
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
EXPERIMENTS, FIGURES = HERE.parent / "experiments", HERE.parent / "figures"
#: Sections of the gallery by what their scripts' names begin with.
SECTIONS = {
    "rules": ("Rules on known games", ()),
    "duels": ("Learning from duels", ("regret",)),
    "language": ("Language models", ("llm",)),
    "benchmarks": ("Benchmarks", ("bench",)),
}

_IGNORE = "# sphinx_gallery_start_ignore", "# sphinx_gallery_end_ignore"
_DRAW = """

# %%
# Drawn from the numbers that are stored in ``{table}``; ``nashsim reproduce`` computes them again.

import pandas as pd
from nashsim.plots import style

# sphinx_gallery_start_ignore
import os
os.chdir(r"{root}")
# sphinx_gallery_end_ignore
frame = pd.read_csv("{table}")
with style():
    figure = EXPERIMENT.draw(frame)
{findings}"""
_FINDINGS = """
# %%
# What it shows, beside what theory expects:

for finding in EXPERIMENT.findings(frame):
    print(f"{finding.finding}: {finding.measured} (expected {finding.expected}): " + (
        "holds" if finding.holds else "DOES NOT HOLD"))
"""


def scripts() -> dict[str, list[Path]]:
    """Return the scripts with a figure of their own that is stored, by section."""
    found = {section: [] for section in SECTIONS}
    for path in sorted(EXPERIMENTS.glob("[a-z]*.py")):
        if not (FIGURES / f"{name_of(path)}.csv").is_file() or "EXPERIMENT = " not in path.read_text("utf-8"):
            continue
        section = next(
            (s for s, (_, starts) in SECTIONS.items() if path.stem.startswith(starts or "?")), "rules"
        )
        found[section].append(path)
    return found


def name_of(path: Path) -> str:
    """Return the name of a script's figure."""
    return path.stem.replace("_", "-")


def page(path: Path) -> str:
    """Return a script as a page of the gallery: its docstring, its code, and drawing from what is stored."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    said = ast.get_docstring(tree)
    body = "\n".join(text.splitlines()[tree.body[0].end_lineno :])
    body = body.split('\nif __name__ == "__main__":')[0].strip("\n")
    lines = body.splitlines()
    # sphinx-gallery has no __file__; one that is read inside of a function is not reached by drawing.
    first = next(
        (at for at, line in enumerate(lines) if "__file__" in line and not line.startswith(" ")), None
    )
    if first is not None:
        lines[first:first] = [_IGNORE[0], f"__file__ = {str(path)!r}", _IGNORE[1]]
        body = "\n".join(lines)
    title = name_of(path)
    table = f"figures/{title}.csv"
    head = f'r"""\n{title}\n{"=" * len(title)}\n\n{said}\n\n``experiments/{path.name}``\n"""\n\n'
    draw = _DRAW.format(table=table, root=HERE.parent, findings=_FINDINGS)
    return head + "# %%\n# How it is computed, drawn and summed up:\n\n" + body + draw


def write(app=None) -> None:
    """Write the scripts where sphinx-gallery looks for them."""
    folder = HERE / "_generated" / "gallery"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    intro = "Gallery\n=======\n\nEvery script of ``experiments/`` with the figure that it draws.\n"
    (folder / "GALLERY_HEADER.rst").write_text(intro, encoding="utf-8")
    for number, (section, paths) in enumerate(scripts().items()):
        below = folder / f"{number}-{section}"
        below.mkdir()
        title = SECTIONS[section][0]
        (below / "GALLERY_HEADER.rst").write_text(f"{title}\n{'-' * len(title)}\n", encoding="utf-8")
        for path in paths:
            if section != "language" or importlib.util.find_spec("torch"):
                (below / f"{path.stem}.py").write_text(page(path), encoding="utf-8")
    # Benchmarks and peers import what stands beside them.
    sys.path.append(str(EXPERIMENTS))


def setup(app):
    """Write before sphinx-gallery reads."""
    app.connect("builder-inited", write, priority=10)
    return {"parallel_read_safe": True}
