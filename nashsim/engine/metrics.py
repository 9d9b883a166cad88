"""What a run records about its policy: closed forms of the game, one number a context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..equilibrium import duality_gap, exploitability, unregularised_gap
from ..errors import unknown_name
from ..game import PreferenceGame
from ..logspace import kl, span


@dataclass(frozen=True)
class Snapshot:
    """A stack of games at one recorded step.

    Attributes
    ----------
    game : PreferenceGame
    log_policy, log_average : ndarray, shape (contexts, actions)
        The current policy and the average iterate.
    log_equilibrium : ndarray or None, shape (contexts, actions)
    """

    game: PreferenceGame
    log_policy: np.ndarray
    log_average: np.ndarray
    log_equilibrium: np.ndarray | None


@dataclass(frozen=True)
class Metric:
    """A recorded number.

    Attributes
    ----------
    name, label : str
        The name in frames, and the text with mathematics for an axis.
    compute : callable
        From a Snapshot to an array of shape (contexts,).
    needs_equilibrium : bool
    worst : bool
        Whether contexts are combined by their maximum rather than by the game's weights.
    """

    name: str
    label: str
    compute: Callable[[Snapshot], np.ndarray]
    needs_equilibrium: bool = False
    worst: bool = False

    def combine(self, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return one number a record, shape (records,), from the contexts' values, shape (records, contexts)."""
        return values.max(axis=1) if self.worst else values @ weights


def _span_to_equilibrium(at: Snapshot) -> np.ndarray:
    difference = np.full(at.log_policy.shape, np.nan)
    np.subtract(at.log_policy, at.log_equilibrium, out=difference, where=at.game.support)
    return span(difference)


#: Every metric the engine can record, by name.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "duality_gap",
            "regularised duality gap  2τ KL(π ‖ BR(π))",
            lambda at: duality_gap(at.game, at.log_policy),
        ),
        Metric(
            "exploitability",
            "exploitability  τ KL(π ‖ BR(π))",
            lambda at: exploitability(at.game, at.log_policy),
        ),
        Metric(
            "unregularised_gap",
            "unregularised duality gap  2 max P(y ≻ π) − 1",
            lambda at: unregularised_gap(at.game, at.log_policy),
        ),
        Metric(
            "kl_to_equilibrium",
            "KL(π* ‖ π) [nats]",
            lambda at: kl(at.log_equilibrium, at.log_policy),
            needs_equilibrium=True,
        ),
        Metric("span", "span(log π − log π*)", _span_to_equilibrium, needs_equilibrium=True, worst=True),
        Metric("kl_to_reference", "KL(π ‖ μ) [nats]", lambda at: kl(at.log_policy, at.game.log_reference)),
        Metric(
            "average_duality_gap",
            "regularised duality gap of the average iterate",
            lambda at: duality_gap(at.game, at.log_average),
        ),
        Metric(
            "average_unregularised_gap",
            "unregularised duality gap of the average iterate",
            lambda at: unregularised_gap(at.game, at.log_average),
        ),
    )
}


def get_metrics(names) -> tuple[Metric, ...]:
    """Return metrics by name; ``None`` means all of them. An unknown name raises NashsimError."""
    names = tuple(METRICS) if names is None else tuple(names)
    for name in names:
        if name not in METRICS:
            raise unknown_name("metric", name, METRICS)
    return tuple(METRICS[name] for name in names)
