"""What a run leaves behind: the recorded steps, and the object that carries them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..errors import NashsimError
from ..game import PreferenceGame
from ..rules import Rule

if TYPE_CHECKING:
    import pandas as pd


def record_steps(steps: int, record: str | int | Iterable[int] = "log") -> np.ndarray:
    """Return the iterations at which a run of ``steps`` iterations is recorded, 0 and ``steps`` among them.

    Parameters
    ----------
    steps : int
    record : "log", int or iterable of int
        ``"log"`` spaces about 40 records a decade, an int records every so
        many iterations, an iterable names them.

    Returns
    -------
    ndarray of int, shape (records,)

    Examples
    --------
    >>> record_steps(10, 5)
    array([ 0,  5, 10])
    """
    if isinstance(record, str):
        if record != "log":
            raise NashsimError(f"record: 'log', an interval or a list of steps is needed, found {record!r}")
        count = 40 * max(1, int(np.ceil(np.log10(max(steps, 10)))))
        grid = np.geomspace(1, max(steps, 1), count)
    elif isinstance(record, int | np.integer):
        if record < 1:
            raise NashsimError(f"record: the interval must be at least 1 step, found {record}")
        grid = np.arange(0, steps, record, dtype=float)
    else:
        grid = np.fromiter(record, dtype=float)
    whole = np.round(grid).astype(np.int64)
    return np.unique(np.concatenate([[0], whole[(whole >= 0) & (whole <= steps)], [steps]]))


@dataclass(frozen=True, eq=False)
class Run:
    """One rule on one game from one start.

    Attributes
    ----------
    game : PreferenceGame
    rule : Rule
    seed : int
    step : ndarray of int, shape (records,)
        Whole iterations done at each record.
    queries : ndarray of int, shape (records,)
        Payoff vectors P(. ≻ opponent) asked for so far.
    metrics : dict of str to ndarray, shape (records,)
    log_policy : ndarray, shape (contexts, actions)
        The last iterate.
    average_policy : ndarray, shape (contexts, actions)
        Mean of the played policies, as probabilities.
    log_equilibrium : ndarray or None, shape (contexts, actions)
        The exact equilibrium that the run was measured against.
    status : str
        A sentence that says how the run ended and what to do.
    log_policies : ndarray or None, shape (records, contexts, actions)
        The iterate at each record, where it was asked for.
    """

    game: PreferenceGame
    rule: Rule
    seed: int
    step: np.ndarray
    queries: np.ndarray
    metrics: dict[str, np.ndarray]
    log_policy: np.ndarray
    average_policy: np.ndarray
    log_equilibrium: np.ndarray | None
    status: str
    log_policies: np.ndarray | None = field(default=None, repr=False)

    @property
    def policy(self) -> pd.Series:
        """The last iterate with its labels: a Series by action, or by (context, action)."""
        return self.game.label_policy(self.log_policy)

    def frame(self) -> pd.DataFrame:
        """Return the records as a tidy DataFrame: game, rule, seed, step, queries, metric, value."""
        import pandas as pd

        records = len(self.step)
        return pd.DataFrame(
            {
                "game": self.game.name,
                "rule": self.rule.name,
                "seed": self.seed,
                "step": np.tile(self.step, len(self.metrics)),
                "queries": np.tile(self.queries, len(self.metrics)),
                "metric": np.repeat(list(self.metrics), records),
                "value": np.concatenate([*self.metrics.values(), np.empty(0)]),
            }
        )

    def __repr__(self) -> str:
        return f"Run(game={self.game.name!r}, rule={self.rule!r}, queries={self.queries[-1]}, status={self.status!r})"


def describe(rule: Rule, tau: float | None, queries: int, gaps: np.ndarray | None, finite: bool) -> str:
    """Return the status sentence of a run from the recorded gaps that its rule is meant to close.

    Parameters
    ----------
    rule : Rule
    tau : float or None
    queries : int
    gaps : ndarray or None, shape (records,)
        The rule's target metric; ``None`` where it was not recorded.
    finite : bool
        Whether the last policy is.
    """
    if not finite:
        return f"overflowed: the policy is no longer finite; take a step inside {rule.condition}"
    if gaps is None or len(gaps) < 2:
        return f"done: {queries} queries"
    name = rule.target.replace("_", " ").replace("average", "average iterate's")
    reached = f"{name} {gaps[-1]:.2g} after {queries} queries"
    if gaps[-1] <= 1e-12:
        return f"converged: {reached}"
    # Cycling does not shrink the best gap of the later half below that of the earlier.
    middle = len(gaps) // 2
    if gaps[middle:].min() > 0.5 * gaps[:middle].min():
        inside = "" if rule.admits(tau) else f"; take a step inside {rule.condition}"
        return f"not converging: {reached}, no lower than half-way{inside}"
    return f"still converging: {reached}; ask for more queries to go on"
