"""Many learners on many games at many taus, in one tidy frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..engine.checkpoint import INTERVAL
from ..engine.witness_check import checked_witness
from ..errors import NashsimError
from ..game import PreferenceGame
from .learners import Learner, get_learner
from .play import Play, play_learner


def run_regret(
    games: PreferenceGame | Sequence[PreferenceGame] | Callable[[float], PreferenceGame],
    learners: str | Learner | Sequence[str | Learner],
    *,
    taus: Sequence[float] | None = None,
    rounds: int = 10_000,
    seeds: int | Sequence[int] = 20,
    noise: float = 0.0,
    jobs: int = 1,
    checkpoints: str | Path | None = None,
    interval: float = INTERVAL,
    progress: Callable[[int, int], None] | None = None,
    check: bool = False,
):
    """Let every learner play every game at every tau and return all records as one tidy DataFrame.

    Parameters
    ----------
    games : PreferenceGame, sequence of PreferenceGame, or callable
        A callable gives the game of a tau: for a reference that goes with it, as on the hard instances.
    learners : str, Learner, or sequence of them
    taus : sequence of float or None
        ``None`` takes every game at its own tau; a callable needs them.
    rounds, seeds, noise, jobs, interval, progress
        As for ``play_learner``, the rounds of ``progress`` counted over all plays.
    checkpoints : str, Path or None
        Folder that keeps the state of every play: a study that was killed goes on from there, to the same bits.
    check : bool
        Add, at the last round of every seed, ``cvxpy_distance``, the L1 distance of the last policy from the
        equilibrium that CVXPY finds, and ``cvxpy_accuracy``, the witness's own.

    Returns
    -------
    pandas.DataFrame
        Columns game, learner, setting (the learner with its parameters), tau, seed, rounds, metric, value.

    Raises
    ------
    NashsimError
        As ``play_learner``, and before anything is played where a learner cannot play one of the games.

    Examples
    --------
    >>> from nashsim import games
    >>> frame = run_regret(games.get("rps"), "inpo-online", taus=[0.1, 0.2], rounds=100, seeds=2)
    >>> sorted(frame.tau.unique().tolist())
    [0.1, 0.2]
    """
    import pandas as pd

    played = _at_taus(games, taus)
    learners = [learners] if isinstance(learners, str | Learner) else list(learners)
    chosen = [get_learner(one) for one in learners]
    if not played or not chosen:
        raise NashsimError("games, learners: at least one of each is needed, found none")
    for game in played:
        for learner in chosen:
            learner.check(game)
    units = [(game, learner) for game in played for learner in chosen]
    frames = []
    for number, (game, learner) in enumerate(units):

        def tell(done: int, total: int, before: int = number) -> None:
            if progress:
                progress(before * total + done, len(units) * total)

        play = play_learner(
            game,
            learner,
            rounds=rounds,
            seeds=seeds,
            noise=noise,
            jobs=jobs,
            checkpoint=None if checkpoints is None else Path(checkpoints) / f"{number:04d}.npz",
            interval=interval,
            progress=tell,
        )
        frame = play.frame()
        frame.insert(2, "setting", repr(learner))
        frames.append(frame)
        if check:
            last = frame[(frame.metric == "regret") & (frame.rounds == play.rounds[-1])]
            frames += [last.assign(metric=name, value=value) for name, value in _distances(play).items()]
    return pd.concat(frames, ignore_index=True)


def _distances(play: Play) -> dict[str, np.ndarray | float]:
    """Return how far the last policies are from the CVXPY equilibrium, once Newton has agreed with that one."""
    log_policy, accuracy = checked_witness(play.game)
    apart = np.abs(np.exp(play.log_policy) - np.exp(log_policy)).sum(axis=2).max(axis=1)
    return {"cvxpy_distance": apart, "cvxpy_accuracy": accuracy}


def _at_taus(games, taus: Sequence[float] | None) -> list[PreferenceGame]:
    if callable(games):
        if taus is None:
            raise NashsimError("taus: a callable gives the game of a tau; name the taus")
        return [games(tau) for tau in taus]
    games = [games] if isinstance(games, PreferenceGame) else list(games)
    return games if taus is None else [game.replace(tau=tau) for game in games for tau in taus]
