"""Recipes by name: the YAML files of the package, and every algorithm on each exact task and on data that it takes."""

from __future__ import annotations

from pathlib import Path

from nashsim.errors import NashsimError

RECIPES = Path(__file__).parent
#: Tasks that bring their model, prompts and judge: ``_TASK.yaml`` has what fits share, ``_TASK-climb.yaml`` what is
#: shared by algorithms of one optimiser step an iteration.
TASKS = ("enumerable", "styled")
#: Prefix of the recipes on given pairs or marks, one for every algorithm that trains on them.
GIVEN = "given"


def recipes() -> list[str]:
    """Return the names of the recipes, those that others extend left out."""
    from ..algorithms import algorithms

    files = {path.stem for path in RECIPES.glob("[!_]*.yaml")}
    made = {f"{task}-{algorithm}" for task in TASKS for algorithm in algorithms()}
    return sorted(
        files | made | {f"{GIVEN}-{algorithm}" for algorithm in algorithms() if _takes_given(algorithm)}
    )


def _takes_given(name: str) -> bool:
    """Whether an algorithm trains on responses that others gave."""
    from ..algorithms import get_algorithm
    from ..training.given import check_offline

    try:
        check_offline(get_algorithm(name))
    except NashsimError:
        return False
    return True


def recipe(name: str) -> str | None:
    """Return the YAML of a recipe: its file, ``TASK-ALGORITHM`` or ``given-ALGORITHM``; None where there is none.

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
    if task not in (*TASKS, GIVEN) or algorithm not in algorithms():
        return None
    if task == GIVEN:
        return f"extends: _given\nalgorithm: {{name: {algorithm}}}" if _takes_given(algorithm) else None
    base = f"_{task}-climb" if get_algorithm(algorithm).one_step else f"_{task}"
    return f"extends: {base}\nalgorithm: {{name: {algorithm}}}"
