"""``nashsim offline``: policies of fixed logs, sampled or of real votes, and what they are worth."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import typer

from ..errors import NashsimError
from .options import (
    Json,
    LoaderOptions,
    Reference,
    Regulariser,
    Source,
    Tau,
    whole_number,
    with_loader_options,
)
from .output import print_facts, print_json, print_table, say
from .source import is_catalogue_name, open_with_data

_CHOSEN = ("plug-in", "pessimistic", "dpo", "pepo")


@with_loader_options
def offline(
    source: Source,
    options: LoaderOptions,
    tau: Tau = None,
    reference: Reference = None,
    regulariser: Regulariser = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="plug-in, pessimistic, bradley-terry, low-rank, lottery, dpo or pepo; repeat for more.",
            metavar="NAME",
        ),
    ] = None,
    duels: Annotated[
        int | None,
        typer.Option(help="Duels of a log; default: 1000, of votes half.", metavar="N", parser=whole_number),
    ] = None,
    pairs: Annotated[
        str | None,
        typer.Option(
            help="Whom a log pairs: uniform, reference, unilateral[:share], single-policy; or votes, the recorded"
            " ones, the default where SOURCE has some.",
            metavar="WORD",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Number of logs, seeds 0 to K - 1.", metavar="K")] = 20,
    log: Annotated[
        str | None,
        typer.Option(help="Saved log to fit in place of all that (DuelLog.save).", metavar="FILE.npz"),
    ] = None,
    json: Json = False,
) -> None:
    """Fit fixed logs of duels by several methods and say what their policies are worth in the true game.

    The true game is SOURCE; a log is sampled from it, or is a part of its recorded votes, each vote once.

    Examples: nashsim offline rps --tau 0.1;  nashsim offline battles.csv --tau 0.1 --method plug-in --method pepo;
    nashsim offline hard-b --tau 0.1 --pairs single-policy --duels 1e4
    """
    from ..offline import METHODS, concentrability, pair_policies, pair_shares, population_floor, run_offline
    from ..offline import votes_log as take_votes
    from ..offline.logs import read_log, wins_of
    from ..online import DuelLog
    from ..theory import mean_band

    game, data = open_with_data(
        source, options, tau=tau, reference=reference, regulariser=regulariser, seed=0
    )
    if tau is None and not (data is None and not is_catalogue_name(source)):
        raise NashsimError("tau: fits of a log need --tau T with T > 0")
    has_votes = data is not None and data.wins is not None
    pairs = pairs or ("votes" if has_votes else "uniform")
    if pairs == "votes" and not has_votes:
        raise NashsimError(
            f"pairs: votes need a file of counted comparisons, found {source!r}; choose uniform"
        )
    chosen = list(dict.fromkeys(method or _CHOSEN))
    total, saved = None, None
    if log is not None:
        saved, _ = read_log(DuelLog.load(log), game.log_reference)
        pairs, duels, seeds = "log", len(saved.won), 1
        wins = wins_of(saved, game.log_reference.shape)
        shares = (wins + np.swapaxes(wins, 1, 2)) / duels
    elif pairs == "votes":
        total = len(take_votes(data).won)
        duels = max(total // 2, 1) if duels is None else duels
        counts = np.asarray(data.counts)
        shares = (counts / np.triu(counts, 1).sum())[None]
    else:
        duels = 1000 if duels is None else duels
        shares = pair_shares(game, *pair_policies(game, pairs))
    votes = data if pairs == "votes" else None
    frame = run_offline(game, chosen, duels=duels, pairs=pairs, seeds=seeds, votes=votes, log=saved)
    whole = saved if saved is not None else _log(game, votes, pairs, duels)
    covered = concentrability(game, shares)
    methods = {}
    for name in chosen:
        mine = frame[frame.method == name]
        part: dict = {"policy": game.label_policy(METHODS[name](whole, game, 0)).to_dict()}
        for metric, key in (("duality_gap", "gap"), ("unregularised_gap", "unregularised_gap")):
            band = mean_band(mine[mine.metric == metric].value.to_numpy(), least=0)
            part |= {f"{key}_{end}": float(v) for end, v in zip(("mean", "low", "high"), band, strict=True)}
        if name in ("bradley-terry", "low-rank"):
            part["misspecification"], part["floor"] = population_floor(game, shares, name)
        methods[name] = part
    result = {
        "game": game.name,
        "tau": game.tau,
        **({} if regulariser is None else {"regulariser": game.regulariser.word}),
        "pairs": pairs,
        "duels": duels,
        **({} if total is None else {"votes": total}),
        "seeds": seeds,
        "coverage": {
            "unilateral": covered.unilateral,
            "single_policy": covered.single_policy,
            # votes are drawn without putting back: what is left over is not missed
            "predicted_gap": 2 * covered.constant * (1 / duels - (1 / total if total else 0)),
        },
        "methods": methods,
    }
    if json:
        return print_json(result)
    _print(result)


def _log(game, votes, pairs: str, duels: int):
    """Return the log that the policies shown are fits of: all votes, or that of seed 0."""
    from ..offline import pair_policies, votes_log
    from ..online import Duels

    if votes is not None:
        return votes_log(votes)
    return Duels(game, 0).round(*pair_policies(game, pairs), size=duels)


def _print(result: dict) -> None:
    methods, labels = result["methods"], list(next(iter(result["methods"].values()))["policy"])
    most = {label: max(part["policy"][label] for part in methods.values()) for label in labels}
    shown = sorted(labels, key=lambda label: -most[label])[:12]
    rows = [(label, *(f"{part['policy'][label]:.4f}" for part in methods.values())) for label in shown]
    taken = {"votes": f" of {result.get('votes')} votes", "log": ""}.get(
        result["pairs"], f", {result['pairs']} pairs"
    )
    logs = "a log" if result["seeds"] == 1 else f"{result['seeds']} logs"
    title = f"{result['game']}, tau = {result['tau']:g}, {logs} of {result['duels']} duels{taken}"
    print(title)
    print_table("", ("action", *methods), rows, numbers=tuple(methods))
    print()
    rows = [
        (
            name,
            f"{part['gap_mean']:.3g}",
            f"[{part['gap_low']:.3g}, {part['gap_high']:.3g}]" if result["seeds"] > 1 else "",
            f"{part['floor']:.3g}" if "floor" in part else "",
        )
        for name, part in methods.items()
    ]
    columns = ("method", "duality gap", "95%", "with infinitely many duels")
    print_table("", columns, rows, numbers=columns[1:])
    print_facts(
        {
            "coverage": f"unilateral {result['coverage']['unilateral']:.3g},"
            f" single-policy {result['coverage']['single_policy']:.3g}",
            "gap predicted": f"{result['coverage']['predicted_gap']:.3g}, of the plug-in as duels grow",
        }
    )
    whole = "all votes" if "votes" in result else "the first log"
    say(
        f"policies are fits of {whole}; the gap is that of the true game at tau, mean and 95% over logs (Student's t)"
    )
