"""Runs held against the independent witness: the equilibrium that CVXPY finds from the definition of the game."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..equilibrium import check_agreement, solve_cvxpy, solve_newton
from ..game import PreferenceGame
from .checkpoint import fingerprint, identity
from .record import Run


@dataclass(frozen=True)
class WitnessCheck:
    """How far a run's last iterate is from the CVXPY equilibrium.

    Attributes
    ----------
    distance : float
        Largest sum |pi - pi_cvxpy| over the contexts.
    accuracy : float
        The same distance of pi_cvxpy from pi*, as the witness certifies it.
    """

    distance: float
    accuracy: float


#: Witnesses that are kept, by what their game is made of; one takes a tenth of a second or more.
_KEPT = 64
_witnesses: dict[str, tuple[np.ndarray, float]] = {}


def checked_witness(game: PreferenceGame) -> tuple[np.ndarray, float]:
    """Return the CVXPY equilibrium of a game and its accuracy, once Newton has agreed with it.

    A game of the same entries, reference, tau and regulariser, by whichever name, is not solved again.

    Returns
    -------
    log_policy : ndarray, shape (contexts, actions)
    accuracy : float
        Largest certified sum |pi_cvxpy - pi*| over the contexts.

    Raises
    ------
    EquilibriumDisagreement
        If the witness and Newton's answer differ by more than both certify.
    """
    key = fingerprint(game.tau, game.regulariser, *identity(game.preference), game.log_reference)
    if key not in _witnesses:
        witness = solve_cvxpy(game)
        check_agreement(solve_newton(game), witness)
        if len(_witnesses) == _KEPT:
            del _witnesses[next(iter(_witnesses))]
        _witnesses[key] = witness.log_policy, float(np.max(witness.accuracy))
    return _witnesses[key]


def check_runs(runs: Sequence[Run]) -> list[WitnessCheck]:
    """Hold the last iterate of every run against the CVXPY equilibrium of its game, solved once a game.

    Parameters
    ----------
    runs : sequence of Run

    Returns
    -------
    list of WitnessCheck

    Raises
    ------
    EquilibriumDisagreement
        If the witness and Newton's answer differ by more than both certify.
    """
    witnesses = [checked_witness(run.game) for run in runs]
    return [
        WitnessCheck(float(np.abs(np.exp(run.log_policy) - np.exp(log_policy)).sum(axis=1).max()), accuracy)
        for run, (log_policy, accuracy) in zip(runs, witnesses, strict=True)
    ]


def runs_frame(runs: Sequence[Run], check: bool = False):
    """Return the records of many runs as one tidy DataFrame: game, rule, seed, step, queries, metric, value.

    Parameters
    ----------
    runs : sequence of Run
    check : bool
        Add, at each run's last step, the metrics ``cvxpy_distance`` and
        ``cvxpy_accuracy`` of ``check_runs``.

    Returns
    -------
    pandas.DataFrame
    """
    import pandas as pd

    frames = [run.frame() for run in runs]
    if check:
        for run, found in zip(runs, check_runs(runs), strict=True):
            last = {"game": run.game.name, "rule": run.rule.name, "seed": run.seed}
            last |= {"step": run.step[-1], "queries": run.queries[-1]}
            values = {"cvxpy_distance": found.distance, "cvxpy_accuracy": found.accuracy}
            frames.append(
                pd.DataFrame([{**last, "metric": name, "value": value} for name, value in values.items()])
            )
    return pd.concat(frames, ignore_index=True)
