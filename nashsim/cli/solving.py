"""``nashsim solutions``: the answers of several solution concepts to one game, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ..errors import NashsimError
from ..game import PreferenceGame
from ..policies import few
from ..progress import waiting
from .options import (
    Alpha,
    Json,
    LoaderOptions,
    Reference,
    Regulariser,
    Samples,
    Source,
    Tau,
    with_loader_options,
)
from .output import as_text, print_facts, print_json, print_table, print_wide_table
from .source import is_catalogue_name, open_with_data, with_reference

#: Responses of which the table has the probabilities.
_SHOWN = 12


@with_loader_options
def solutions(
    source: Source,
    options: LoaderOptions,
    tau: Tau = None,
    reference: Reference = None,
    regulariser: Regulariser = None,
    concept: Annotated[
        list[str] | None, typer.Option(help="A solution to show, repeatable; default: all.", metavar="NAME")
    ] = None,
    beta: Annotated[
        float | None, typer.Option(help="Sharpness of the proportional one; default: 1/tau.", metavar="B")
    ] = None,
    tau_follower: Annotated[
        float | None,
        typer.Option(help="Regularisation of the Stackelberg follower; default: tau.", metavar="T"),
    ] = None,
    tau_leader: Annotated[
        float | None,
        typer.Option(help="Regularisation of the Stackelberg leader; default: tau.", metavar="T"),
    ] = None,
    samples: Samples = None,
    alpha: Alpha = None,
    criterion: Annotated[
        list[str] | None,
        typer.Option(help="A further SOURCE, repeatable: add the Blackwell winner.", metavar="SOURCE"),
    ] = None,
    utilities: Annotated[
        bool, typer.Option("--utilities", help="SOURCE is a table of utilities, a row a user.")
    ] = False,
    json: Json = False,
) -> None:
    """Put solution concepts side by side: lottery, Nash, RLHF, Borda, Copeland, Stackelberg, proportional, ...

    Examples: nashsim solutions comal --tau 0.1;  nashsim solutions battles.csv --tau 0.1 --concept rlhf --concept nash;
    nashsim solutions condorcet-annotators --tau 0.1 --samples 3 --alpha 0.2;
    nashsim solutions helpful.csv --criterion short.csv --tau 0.1;
    nashsim solutions users.csv --utilities --tau 0.1 --samples 2
    """
    from ..solutions import solutions as solve_all

    how = {"tau": tau, "reference": reference, "regulariser": regulariser}
    game, saved = _open_crowd(source, how) if utilities else _open(source, options, how)
    if tau is None and not saved:
        raise NashsimError("tau: solutions need --tau T with T > 0, the regularisation of Nash and RLHF")
    criteria = [_of_labels(_open(one, options, {})[0], game, one) for one in criterion or ()]
    with waiting(f"solving {game.name}"):
        found = solve_all(game, concepts=concept, beta=beta, tau_follower=tau_follower, tau_leader=tau_leader,
                          samples=samples, alpha=alpha, criteria=criteria)  # fmt: skip
    result = found.to_dict()
    if json:
        return print_json(result)
    policies, rates = found.policies, found.win_rates
    order = sorted(
        policies[next(iter(policies))].index, key=lambda label: -max(p[label] for p in policies.values())
    )
    shown = order[:_SHOWN]
    welfare = found.welfare
    rows = [
        (name, f"{part['worst_win_rate']:.4f}", *([f"{welfare[name]:.4f}"] if welfare else ()),
         *(f"{policies[name][label]:.4f}" for label in shown))
        for name, part in result["solutions"].items()
    ]  # fmt: skip
    extra = ("worst win rate", *(["welfare"] if welfare else ()))
    print_wide_table("Policies", ("solution", *extra, *shown), rows)
    if order[_SHOWN:]:
        most = max(p[label] for p in policies.values() for label in order[_SHOWN:])
        print(f"({len(order) - _SHOWN} more responses, {most:.4f} or less of every policy; all with --json)")
    print()
    numbers = [str(k) for k in range(1, len(rates) + 1)]
    rows = [
        (f"{number} {name}", *(f"{rate:.3f}" for rate in row))
        for number, name, row in zip(numbers, rates.index, rates.to_numpy(), strict=True)
    ]
    print_wide_table("Win rates of the row against the column", ("", *numbers), rows)
    print()
    facts = {
        name: " ".join(
            filter(None, (f"{part['definition']}.", part.get("note"), as_text(found.facts.get(name, ""))))
        )
        for name, part in result["solutions"].items()
    }
    print_facts(facts | {"conventions": ", ".join(f"{k} = {v}" for k, v in found.conventions.items())})


def _open(source: str, options: LoaderOptions, how: dict) -> tuple[PreferenceGame, bool]:
    """Return the game of SOURCE, and whether it was saved with a tau of its own."""
    game, data = open_with_data(source, options, **how)
    return game, data is None and not is_catalogue_name(source)


def _open_crowd(source: str, how: dict) -> tuple[PreferenceGame, bool]:
    from ..solutions import crowd_game, load_utilities

    labels, known, shares = load_utilities(source)
    given = {name: value for name, value in how.items() if value is not None and name != "reference"}
    game = crowd_game(known, 1.0, shares, labels=labels, name=Path(source).name, **given)
    return with_reference(game, how["reference"]), False


def _of_labels(criterion: PreferenceGame, game: PreferenceGame, source: str) -> PreferenceGame:
    """Return a criterion with its responses in the order of the game's."""
    if set(criterion.labels) != set(game.labels):
        raise NashsimError(
            f"criterion: {source!r} must have the responses of SOURCE, {few(game.labels)}, found"
            f" {few(criterion.labels)}"
        )
    order = [criterion.labels.index(label) for label in game.labels]
    wins = criterion.probabilities[0][np.ix_(order, order)]
    return PreferenceGame(wins, labels=game.labels, name=criterion.name)


def axioms(
    tau: Annotated[float, typer.Option(help="Regularisation > 0 of those that take one.", metavar="T")] = 0.1,
    concept: Annotated[
        list[str] | None, typer.Option(help="A solution, repeatable; default: all.", metavar="NAME")
    ] = None,
    axiom: Annotated[
        list[str] | None, typer.Option(help="An axiom, repeatable; default: all.", metavar="NAME")
    ] = None,
    evaluations: Annotated[int, typer.Option(help="Instances measured for each pair.", metavar="N")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the search.", metavar="S")] = 0,
    json: Json = False,
) -> None:
    """Search counterexamples to axioms of social choice for every solution concept.

    Examples: nashsim axioms;  nashsim axioms --concept lottery --axiom monotonicity --json
    """
    from ..solutions import axioms as search

    found = search(concept or None, axiom or None, tau=tau, evaluations=evaluations, seed=seed)
    if json:
        return print_json(found.to_dict())
    sizes = found.violations
    rows = [
        (name, *("-" if found.holds(one, name) else f"{row[one]:.3f}" for one in sizes.columns))
        for name, row in sizes.iterrows()
    ]
    print_table("Largest violation found", ("solution", *sizes.columns), rows, list(sizes.columns))
    print()
    print_facts(found.definitions)
    print(f"-: no counterexample among {evaluations} instances at tau = {tau:g}, which is no proof")
