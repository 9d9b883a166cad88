"""What a run leaves behind: the recorded steps, and the object that carries them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..errors import NashsimError, unknown_name
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
    whole = np.sort(np.concatenate([[0], whole[(whole >= 0) & (whole <= steps)], [steps]]))
    return whole[np.diff(whole, prepend=-1) > 0]


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
    log_start : ndarray or None, shape (contexts, actions)
        The first policy, pi_0.
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
    log_start: np.ndarray | None = field(default=None, repr=False)

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

    def bound(self, metric: str = "kl_to_equilibrium") -> np.ndarray | None:
        """Return the proved bound on a metric at each record, from this start, or None where nothing is proved.

        Parameters
        ----------
        metric : str
            Metric that the theorem bounds.

        Returns
        -------
        ndarray, shape (records,), or None
            Right-hand side of the rule's tightest theorem; ``None`` without one, outside its step-size condition, and
            for a regulariser other than KL.
        """
        from ..equilibrium import lottery, solve_newton
        from .metrics import METRICS
        from .stack import start_facts

        if metric not in METRICS:
            raise unknown_name("metric", metric, METRICS)
        if self.log_start is None or not self.game.kl_regularised:
            return None
        if METRICS[metric].needs == "lottery" or self.game.tau is None:
            exact = lottery(self.game).log_policy
        else:
            exact = (
                solve_newton(self.game).log_policy if self.log_equilibrium is None else self.log_equilibrium
            )
        facts = start_facts(self.game, self.log_start, exact)
        return self.rule.bound(metric, self.game.tau, self.step, facts)

    def plot(self, metric: str | None = None, *, bounds: bool = False, ax=None):
        """Plot a recorded metric against queries; see :func:`nashsim.plots.convergence`.

        Parameters
        ----------
        metric : str or None
            Recorded metric; ``None`` is what the rule is to bring to zero or, with ``bounds``, what is bounded.
        bounds : bool
            Whether to draw the proved bound, dotted.
        ax : matplotlib Axes or None
            Axes to draw on; ``None`` makes a figure.

        Returns
        -------
        matplotlib Axes
        """
        from ..plots import convergence

        if metric is None:
            bounded = [theorem.metric for theorem in self.rule.theorems if theorem.bound] if bounds else []
            wanted = [name for name in (*bounded, self.rule.target) if name in self.metrics]
            metric = (wanted or list(self.metrics) or [self.rule.target])[0]
        return convergence(self, metric, bounds=bounds, ax=ax)

    def _repr_html_(self) -> str:
        from ..html import by_context, card, policy_table

        facts = {"rule": repr(self.rule), "game": self.game.name, "tau": self.game.tau, "seed": self.seed}
        facts |= {"queries": int(self.queries[-1]), "status": self.status}
        facts |= {name.replace("_", " "): values[-1] for name, values in self.metrics.items() if len(values)}
        policies, heads = np.exp(self.log_policy), by_context(self.game.contexts)
        return card("Run", facts, policy_table(self.game.labels, policies, heads))

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
