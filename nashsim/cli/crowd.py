"""``nashsim crowd``: users clustered by their votes, and whom each solution serves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import NashsimError
from .options import Alpha, Json, Samples, Tau
from .output import print_facts, print_json, print_table


def crowd(
    votes: Annotated[str, typer.Argument(metavar="FILE", help="CSV of battles with a column of who voted.")],
    user: Annotated[str, typer.Option(help="Column that names who voted.", metavar="COLUMN")] = "judge",
    clusters: Annotated[int, typer.Option(help="Number of clusters of users.", metavar="K")] = 2,
    tau: Tau = None,
    columns: Annotated[
        str | None, typer.Option(help="Columns of a battle: A,B,WINNER.", metavar="A,B[,WINNER]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random starts.", metavar="S")] = 0,
    samples: Samples = None,
    alpha: Alpha = None,
    json: Json = False,
) -> None:
    """Cluster users by their votes, and say what each solution is worth to each cluster.

    Examples: nashsim crowd arena.csv --user judge --clusters 2 --tau 0.1;
    nashsim crowd arena.csv --user judge --clusters 3 --tau 0.1 --samples 2 --alpha 0.3
    """
    import pandas as pd

    from ..solutions import cluster_users, solutions, votes_by_user, welfare_by_group

    if tau is None:
        raise NashsimError("tau: solutions need --tau T with T > 0, the regularisation of Nash and RLHF")
    if not Path(votes).is_file():
        raise NashsimError(f"FILE: there is no file {votes!r}")
    try:
        table = pd.read_csv(votes, dtype={user: str})
    except (ValueError, UnicodeDecodeError) as error:
        raise NashsimError(
            f"{Path(votes).name}: no CSV that can be read ({error})".replace("\n", " ")
        ) from None
    how = {} if columns is None else {"columns": tuple(part.strip() for part in columns.split(","))}
    names, labels, wins = votes_by_user(table, user, **how)
    found = cluster_users(wins, clusters, users=names, labels=labels, seed=seed)
    solved = solutions(found.game(tau=tau, name=Path(votes).name), samples=samples, alpha=alpha)
    groups, said = welfare_by_group(solved), solved.to_dict()
    result = {
        "game": said["game"],
        "tau": tau,
        "users": len(names),
        "bic": found.bic,
        "clusters": [
            {"share": float(share), "rewards": dict(zip(labels, map(float, rewards), strict=True))}
            for share, rewards in zip(found.shares, found.rewards, strict=True)
        ],
        "solutions": {
            name: {**part, "welfare_by_cluster": groups[name].tolist()}
            for name, part in said["solutions"].items()
        },
        "cluster_of": found.of_user,
    }
    if json:
        return print_json(result)
    rows = [
        (
            str(k),
            f"{one['share']:.3f}",
            ", ".join(sorted(labels, key=lambda label: -one["rewards"][label])[:3]),
        )
        for k, one in enumerate(result["clusters"])
    ]
    print_table(
        f"{clusters} clusters of {len(names)} users", ("cluster", "share", "likes best"), rows, ["share"]
    )
    print()
    columns_ = ("solution", "welfare", *(f"cluster {k}" for k in range(clusters)))
    rows = [
        (name, f"{part['welfare']:.3f}", *(f"{one:.3f}" for one in part["welfare_by_cluster"]))
        for name, part in result["solutions"].items()
    ]
    print_table("Mean reward of each solution (log-odds, mean 0 a cluster)", columns_, rows, columns_[1:])
    print_facts({"bic": f"{found.bic:.1f} (smaller is better: try other numbers of clusters)"})
