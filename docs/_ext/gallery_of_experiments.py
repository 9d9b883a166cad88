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

PAGE = '''r"""
{name}
{rule}

{said}

Drawn from the numbers that are stored in ``figures/{name}.csv``; ``{again}`` computes them again.
"""

# sphinx_gallery_start_ignore
import os

os.chdir({root!r})
# sphinx_gallery_end_ignore
import pandas as pd
from {module} import EXPERIMENT

from nashsim.plots import style

frame = pd.read_csv("figures/{name}.csv")
with style():
    figure = EXPERIMENT.draw(frame)

# %%
# What it shows, beside what theory expects:

for finding in EXPERIMENT.findings(frame):
    verdict = "holds" if finding.holds else "DOES NOT HOLD"
    print(f"{{finding.finding}}: {{finding.measured}} (expected {{finding.expected}}): {{verdict}}")

# %%
# The script
# ----------
#
# ``experiments/{module}.py`` runs alone.
#
# .. literalinclude:: /../experiments/{module}.py
#    :language: python
'''


def scripts() -> dict[str, list[Path]]:
    """Return the scripts with a figure of their own that is stored, by section."""
    found = {section: [] for section in SECTIONS}
    for path in sorted(EXPERIMENTS.glob("[a-z]*.py")):
        if (FIGURES / f"{name_of(path)}.csv").is_file() and "\nEXPERIMENT = " in path.read_text("utf-8"):
            starts = (s for s, (_, words) in SECTIONS.items() if words and path.stem.startswith(words))
            found[next(starts, "rules")].append(path)
    return found


def name_of(path: Path) -> str:
    """Return the name of a script's figure."""
    return path.stem.replace("_", "-")


def page(path: Path) -> str:
    """Return a script's page of the gallery: what it says of itself, its figure, its findings, its code."""
    from nashsim.cli.reproducing import find_experiments

    name = name_of(path)
    again = f"nashsim reproduce {name}" if name in find_experiments() else f"python experiments/{path.name}"
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return PAGE.format(
        name=name, rule="=" * len(name), said=said, again=again, module=path.stem, root=str(HERE.parent)
    )


def write(app=None) -> None:
    """Write the scripts where sphinx-gallery looks for them."""
    folder = HERE / "_generated" / "gallery"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    intro = "Gallery\n=======\n\nEvery script of ``experiments/`` with the figure that it draws;"
    intro += " papers' own experiments, with verdicts, have :doc:`a page of their own </papers>`.\n"
    (folder / "GALLERY_HEADER.rst").write_text(intro, encoding="utf-8")
    for number, (section, paths) in enumerate(scripts().items()):
        below = folder / f"{number}-{section}"
        below.mkdir()
        title = SECTIONS[section][0]
        (below / "GALLERY_HEADER.rst").write_text(f"{title}\n{'-' * len(title)}\n", encoding="utf-8")
        for path in paths:
            if section != "language" or importlib.util.find_spec("torch"):
                (below / f"{path.stem}.py").write_text(page(path), encoding="utf-8")
    sys.path.append(str(EXPERIMENTS))


def setup(app):
    """Write before sphinx-gallery reads."""
    app.connect("builder-inited", write, priority=10)
    return {"parallel_read_safe": True}
