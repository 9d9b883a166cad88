"""Runs held against the independent witness: the equilibrium that CVXPY finds from the definition of the game."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..equilibrium import check_agreement, solve_cvxpy, solve_newton
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
    witnesses = {}
    for run in runs:
        if id(run.game) not in witnesses:
            witness = solve_cvxpy(run.game)
            check_agreement(solve_newton(run.game), witness)
            witnesses[id(run.game)] = witness
    return [
        WitnessCheck(
            float(np.abs(np.exp(run.log_policy) - np.exp(witness.log_policy)).sum(axis=1).max()),
            float(np.max(witness.accuracy)),
        )
        for run in runs
        for witness in [witnesses[id(run.game)]]
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
