"""Recipes by name: the YAML files of the package, and every algorithm on each task whose answers are exact."""

from __future__ import annotations

from pathlib import Path

RECIPES = Path(__file__).parent
#: Tasks that bring their model, prompts and judge: ``_TASK.yaml`` has what fits share, ``_TASK-climb.yaml`` what is
#: shared by algorithms of one optimiser step an iteration.
TASKS = ("enumerable", "styled")


def recipes() -> list[str]:
    """Return the names of the recipes, those that others extend left out."""
    from ..algorithms import algorithms

    files = {path.stem for path in RECIPES.glob("[!_]*.yaml")}
    return sorted(files | {f"{task}-{algorithm}" for task in TASKS for algorithm in algorithms()})


def recipe(name: str) -> str | None:
    """Return the YAML of a recipe: of its file, or of ``TASK-ALGORITHM`` for any algorithm; None where there is none.

    Parameters
    ----------
    name : str
        Name of a recipe, or of one that others extend.

    Examples
    --------
    >>> print(recipe("enumerable-egpo"))
    extends: _enumerable-climb
    algorithm: {name: egpo}
    """
    from ..algorithms import algorithms, get_algorithm

    path = RECIPES / f"{name}.yaml"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    task, _, algorithm = name.partition("-")
    if task not in TASKS or algorithm not in algorithms():
        return None
    base = f"_{task}-climb" if get_algorithm(algorithm).one_step else f"_{task}"
    return f"extends: {base}\nalgorithm: {{name: {algorithm}}}"
