"""Methods on fixed logs, side by side: what each one's policy is worth in the game that the log came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..data import PreferenceData
from ..equilibrium import lottery, unregularised_gap
from ..equilibrium.certificate import average
from ..errors import NashsimError, unknown_name
from ..game import PreferenceGame
from ..online.duels import DuelLog, Duels
from .dpo import offline_dpo
from .logs import pair_policies, votes_log
from .pepo import pepo
from .plug_in import plug_in, true_gap

if TYPE_CHECKING:
    import pandas as pd

#: DPO's beta over tau: log-odds of a preference are about 4 (P - 1/2) [derived].
BETA = 4.0
#: Pessimism of the method of that name, in standard deviations of a fair coin.
CAUTION = 1.0


def _nash(**how) -> Callable:
    def fit(log: DuelLog, game: PreferenceGame, seed: int) -> np.ndarray:
        how_ = {"regulariser": game.regulariser, **how}
        return plug_in(log, game.log_reference, game.require_tau(), **how_).log_policy

    return fit


def _lottery(log: DuelLog, game: PreferenceGame, seed: int) -> np.ndarray:
    fitted = plug_in(log, game.log_reference, game.require_tau()).game
    return lottery(fitted).log_policy


def _dpo(log: DuelLog, game: PreferenceGame, seed: int) -> np.ndarray:
    return offline_dpo(log, game.log_reference, BETA * game.require_tau())


def _pepo(log: DuelLog, game: PreferenceGame, seed: int) -> np.ndarray:
    members = min(5, len(log.won))
    return pepo(log, game.log_reference, BETA * game.require_tau(), members=members, seed=seed)


#: Methods by name: ``method(log, game, seed)`` returns log-probabilities, and reads of the game its reference, tau and
#: regulariser alone.
METHODS: dict[str, Callable[[DuelLog, PreferenceGame, int], np.ndarray]] = {
    "plug-in": _nash(),
    "pessimistic": _nash(pessimism=CAUTION),
    "bradley-terry": _nash(model="bradley-terry"),
    "low-rank": _nash(model="low-rank"),
    "lottery": _lottery,
    "dpo": _dpo,
    "pepo": _pepo,
}


def run_offline(
    game: PreferenceGame,
    methods: str | Sequence[str] = ("plug-in", "pessimistic", "dpo", "pepo"),
    *,
    duels: int | Sequence[int] = 1000,
    pairs: str = "uniform",
    seeds: int = 20,
    votes: PreferenceData | None = None,
    log: DuelLog | None = None,
) -> pd.DataFrame:
    """Fit fixed logs by several methods and say what their policies are worth in the true game.

    Parameters
    ----------
    game : PreferenceGame
        True game with tau set; a method reads its reference, tau and regulariser alone.
    methods : str or sequence of str
        Keys of ``METHODS``.
    duels : int or sequence of int
        Lengths of the logs; a longer log of a seed begins with the shorter one.
    pairs : str
        Word of :func:`~nashsim.offline.pair_policies`, whom the logs pair; of votes ``"votes"`` is all that there is.
    seeds : int
        Number of logs.
    votes : PreferenceData or None
        Real votes that the logs are taken from, without putting back, in place of sampled duels.
    log : DuelLog or None
        The one log that there is, in place of both; ``seeds`` is 1 then.

    Returns
    -------
    DataFrame
        Tidy: game, method, pairs, duels, seed, metric, value, with the metrics ``duality_gap`` at tau and
        ``unregularised_gap`` at tau = 0.

    Raises
    ------
    NashsimError
        For a word that is not there, numbers that are none, or more duels than votes.

    Examples
    --------
    >>> from nashsim import games
    >>> frame = run_offline(games.get("biased-rps").replace(tau=0.2), "plug-in", duels=[100, 10_000], seeds=4)
    >>> gap = frame[frame.metric == "duality_gap"].groupby("duels").value.mean()
    >>> bool(gap[10_000] < gap[100])
    True
    """
    import pandas as pd

    methods = [methods] if isinstance(methods, str) else list(methods)
    for name in methods:
        if name not in METHODS:
            raise unknown_name("method", str(name), METHODS)
    lengths = sorted({int(n) for n in np.atleast_1d(duels)})
    if lengths[0] < 1 or seeds != int(seeds) or seeds < 1:
        raise NashsimError(f"duels, seeds: whole numbers >= 1 are needed, found {duels!r} and {seeds!r}")
    sampled = votes is None and log is None
    if log is not None and (seeds != 1 or lengths[-1] > len(log.won)):
        raise NashsimError(
            f"log: one seed and at most its {len(log.won)} duels are needed, found {seeds} and {lengths[-1]}"
        )
    if sampled:
        first, second = pair_policies(game, pairs)
    rows: list[tuple] = []
    for seed in range(int(seeds)):
        if sampled:
            whole = Duels(game, seed).round(first, second, size=lengths[-1])
        elif log is not None:
            whole = log
        else:
            whole = votes_log(votes, seed, lengths[-1])
        for n in lengths:
            part = DuelLog(*(array[:n] for array in whole))
            for name in methods:
                log_policy = METHODS[name](part, game, seed)
                gaps = true_gap(game, log_policy), average(game, unregularised_gap(game, log_policy))
                for metric, value in zip(("duality_gap", "unregularised_gap"), gaps, strict=True):
                    rows.append(
                        (
                            game.name,
                            name,
                            pairs if sampled else "votes" if log is None else "log",
                            n,
                            seed,
                            metric,
                            value,
                        )
                    )
    columns = ["game", "method", "pairs", "duels", "seed", "metric", "value"]
    return pd.DataFrame(rows, columns=columns)
