"""The commands ``nashsim regret`` and ``nashsim learners``: learning from duels, and what it is charged."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Annotated

import typer

from ..errors import NashsimError
from ..files import to_json, versions, write_frame, write_text
from ..progress import progress_bar
from .names import complete_learner, require_learner
from .options import (
    Json,
    LoaderOptions,
    Reference,
    Regulariser,
    Source,
    Tau,
    whole_number,
    with_loader_options,
)  # fmt: skip
from .output import print_facts, print_json, print_table, say
from .source import open_game

#: Seconds between two writes of a checkpoint.
INTERVAL = 5.0


def learners(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="One learner; default: all.",
            autocompletion=complete_learner,
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """List the learners: update, duels of an iteration, source.

    Examples: nashsim learners;  nashsim learners inpo-online
    """
    from ..online import LEARNERS

    chosen = name and require_learner(name)
    listed = [
        {
            "name": cls.name,
            "update": cls.update,
            "duels_per_iteration": cls.labels,
            "source": cls.source,
            "tag": cls.tag,
        }
        for cls in LEARNERS
        if chosen in (None, cls.name)
    ]
    if json:
        return print_json(listed)
    for learner in listed:
        print_facts(
            {
                learner["name"]: learner["update"],
                "  duels": f"{learner['duels_per_iteration']} an iteration",
                "  source": f"{learner['source']}  [{learner['tag']}]",
            }
        )
        print()


@with_loader_options
def regret(
    source: Source,
    options: LoaderOptions,
    more: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="More learners, after --learner.")
    ] = None,
    learner: Annotated[
        list[str] | None,
        typer.Option(
            help="A learner of `nashsim learners`; repeat for more.",
            metavar="NAME",
            autocompletion=complete_learner,
        ),
    ] = None,
    tau: Tau = 0.1,
    rounds: Annotated[
        int, typer.Option(help="Duels each seed may buy.", metavar="N", parser=whole_number)
    ] = "100000",
    seeds: Annotated[int, typer.Option(help="Number of seeds, 0 to K - 1.", metavar="K")] = 20,
    noise: Annotated[
        float, typer.Option(help="Probability that an observed label is flipped.", metavar="P")
    ] = 0.0,
    mean_utility: Annotated[
        bool,
        typer.Option(
            "--mean-utility",
            help="Charge regret in the game of the crowd's mean utilities; SOURCE is one of annotators.",
        ),
    ] = False,
    until: Annotated[
        float | None,
        typer.Option(help="Say from which duel on mean regret a round stays at most this.", metavar="R"),
    ] = None,
    reference: Reference = None,
    regulariser: Regulariser = None,
    jobs: Annotated[int, typer.Option(help="Threads over seeds; the result is the same.", metavar="N")] = 1,
    out: Annotated[
        str | None, typer.Option(help="Folder for the records and the summary.", metavar="DIR")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the killed run in --out DIR.")] = False,
    json: Json = False,
) -> None:
    """Let learners play a game from duels and say what regret they are charged.

    Examples: nashsim regret rps --learner inpo-online --tau 0.1;
    nashsim regret hard-b --learner inpo-online nash-md-online --tau 0.05 --rounds 1e6 --out regret;
    nashsim regret two-opinions --learner minimax-times minimax-adversary --mean-utility --until 0.02
    """
    from ..online import mean_utility_game, play_learner
    from .running import checkpoint_folder

    if until is not None and not (math.isfinite(until) and until > 0):
        raise NashsimError(f"until: a finite regret a round > 0 is needed, found {until:g}")
    game = open_game(source, options, tau=tau, reference=reference, seed=0, regulariser=regulariser)
    people = game if mean_utility else None
    game = mean_utility_game(game) if mean_utility else game
    chosen = _chosen([*(learner or []), *(more or [])], game)
    folder = checkpoint_folder(out, resume)
    plays = []
    with progress_bar(f"{len(chosen)} learners on {game.name}", not json) as tell:
        for number, one in enumerate(chosen):
            how = {"rounds": rounds, "seeds": seeds, "noise": noise, "jobs": jobs, "interval": INTERVAL}
            how["people"] = people
            how["checkpoint"] = None if folder is None else folder / f"{one.name}.npz"
            how["progress"] = lambda done, total, at=number: tell(at * total + done, len(chosen) * total)
            plays.append(play_learner(game, one, **how))
    summary = [_summary(play, until) for play in plays]
    if out is not None:
        arguments = {"source": source, "tau": game.tau, "rounds": rounds, "seeds": seeds, "noise": noise}
        _save(
            plays,
            summary,
            {
                **arguments,
                "reference": reference,
                "regulariser": game.regulariser.word,
                "mean_utility": mean_utility,
            },
            Path(out),
        )
    if json:
        return print_json(summary)
    _print(game.name, summary)
    for row in summary if until is not None else ():
        reached = "never" if row["duels_until"] is None else f"from {row['duels_until']} duels on"
        say(f"{row['learner']}: mean regret a round at most {until:g} {reached}")
    say(f"regret: {summary[0]['definition']}")
    if out is not None:
        say(f"all records in {out}/records.csv, the summary in {out}/regret.json")


def _chosen(names: list[str], game) -> list:
    """Return the learners named, every one of them ready to play the game."""
    from ..online import get_learner

    if not names:
        raise NashsimError("learner: name at least one by --learner NAME (see `nashsim learners`)")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise NashsimError(f"learner: {twice!r} is there more than once; give each learner once")
    chosen = [get_learner(require_learner(name)) for name in names]
    for one in chosen:
        one.check(game)
    return chosen


def _summary(play, until: float | None = None) -> dict:
    """Return what one play came to: its regret, the power of T at which it grew, the duels until it is small."""
    from ..online import DEFINITIONS
    from ..online.play import REGRET_OF_OTHERS
    from ..theory import mean_band, power_of_rounds

    curves = play.values["regret"]
    mean, low, high = (float(value) for value in mean_band(curves[:, -1], least=0))
    exponent = power_of_rounds(play.rounds, curves)
    budget = {}
    if until is not None:
        above = (curves.mean(axis=0) / play.rounds > until).nonzero()[0]
        first = above[-1] + 1 if len(above) else 0
        reached = int(play.rounds[first]) if first < len(play.rounds) else None
        budget = {"until": until, "duels_until": reached}
    return {
        "learner": play.learner.name,
        "tau": play.game.tau,
        "rounds": int(play.rounds[-1]),
        "seeds": len(play.seeds),
        "regret_mean": mean,
        "regret_low": low,
        "regret_high": high,
        "exponent": exponent.value,
        "exponent_low": exponent.low,
        "exponent_high": exponent.high,
        **budget,
        "definition": DEFINITIONS["regret"],
        **(
            {}
            if play.game.kl_regularised
            else {"definition": REGRET_OF_OTHERS, "regulariser": play.game.regulariser.word}
        ),
    }


def _save(plays: list, summary: list[dict], arguments: dict, folder: Path) -> None:
    """Write ``records.csv``, ``summary.csv`` and ``regret.json`` (summary, definitions, configuration, versions).

    The checkpoints have served their purpose then.
    """
    import pandas as pd

    from ..online import DEFINITIONS

    write_frame(folder / "records.csv", pd.concat([play.frame() for play in plays], ignore_index=True))
    write_frame(folder / "summary.csv", pd.DataFrame(summary))
    configuration = {
        **arguments,
        "game": plays[0].game.name,
        "learners": [repr(play.learner) for play in plays],
        "intervals": "95% over seeds: Student's t of means, jackknife of powers of T",
        "versions": versions(),
    }
    result = {"results": summary, "definitions": DEFINITIONS, "configuration": configuration}
    write_text(folder / "regret.json", to_json(result, indent=2) + "\n")
    shutil.rmtree(folder / "checkpoint", ignore_errors=True)


def _print(game: str, summary: list[dict]) -> None:
    """Print a row a learner, intervals beside the numbers."""
    rows = [
        (
            row["learner"],
            f"{row['regret_mean']:.4g}",
            f"[{row['regret_low']:.4g}, {row['regret_high']:.4g}]",
            f"{row['exponent']:.3f}",
            f"[{row['exponent_low']:.3f}, {row['exponent_high']:.3f}]",
        )
        for row in summary
    ]
    columns = ("learner", "regret", "95%", "power of T", "95% over seeds")
    title = f"Regret on {game}, tau = {summary[0]['tau']:g}, {summary[0]['seeds']} seeds, {summary[0]['rounds']} rounds"
    print_table(title, columns, rows, numbers=columns[1:])
