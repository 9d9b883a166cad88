"""``nashsim solutions``: the answers of several solution concepts to one game, side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import NashsimError
from .options import Json, LoaderOptions, Reference, Regulariser, Source, Tau, with_loader_options
from .output import print_facts, print_json, print_table
from .source import is_catalogue_name, open_with_data


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
    json: Json = False,
) -> None:
    """Put solution concepts side by side: lottery, Nash, RLHF, Borda, Copeland, Stackelberg, proportional, ...

    Examples: nashsim solutions comal --tau 0.1;  nashsim solutions battles.csv --tau 0.1 --concept rlhf --concept nash
    """
    from ..solutions import solutions as solve_all

    game, data = open_with_data(source, options, tau=tau, reference=reference, regulariser=regulariser)
    saved = data is None and not is_catalogue_name(source)
    if tau is None and not saved:
        raise NashsimError("tau: solutions need --tau T with T > 0, the regularisation of Nash and RLHF")
    found = solve_all(game, concepts=concept, beta=beta, tau_follower=tau_follower, tau_leader=tau_leader)
    result = found.to_dict()
    if json:
        return print_json(result)
    policies, rates = found.policies, found.win_rates
    order = sorted(
        policies[next(iter(policies))].index, key=lambda label: -max(p[label] for p in policies.values())
    )
    shown = order[:12]
    rows = [
        (name, *(f"{policies[name][label]:.4f}" for label in shown), f"{part['worst_win_rate']:.4f}")
        for name, part in result["solutions"].items()
    ]
    columns = ("solution", *map(str, shown), "worst win rate")
    print_table("Policies", columns, rows, columns[1:])
    print()
    numbers = [str(k) for k in range(1, len(rates) + 1)]
    rows = [
        (f"{number} {name}", *(f"{rate:.3f}" for rate in row))
        for number, name, row in zip(numbers, rates.index, rates.to_numpy(), strict=True)
    ]
    print_table("Win rates of the row against the column", ("", *numbers), rows, numbers)
    print()
    facts = {
        name: f"{part['definition']}. {part.get('note', '')}" for name, part in result["solutions"].items()
    }
    print_facts(facts | {"conventions": ", ".join(f"{k} = {v}" for k, v in found.conventions.items())})


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
