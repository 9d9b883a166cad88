"""What a run records about its policy: closed forms of the game, one number a context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..equilibrium import lottery, lottery_in_reach, solve_newton
from ..equilibrium.certificate import unchecked_exploitability
from ..errors import unknown_name
from ..game import PreferenceGame
from ..logspace import kl, span
from ..rules import Rule


class Exact:
    """The exact answers of a stack of games, each found when first asked for.

    Parameters
    ----------
    game : PreferenceGame
    """

    def __init__(self, game: PreferenceGame):
        self.game = game

    @cached_property
    def log_equilibrium(self) -> np.ndarray:
        """log pi* of the regularised game, shape (contexts, actions)."""
        return solve_newton(self.game).log_policy

    @cached_property
    def log_lottery(self) -> np.ndarray:
        """The log of the maximal lottery, shape (contexts, actions); NaN where there are several."""
        found = lottery(self.game)
        return np.where(np.array(found.unique)[:, None], found.log_policy, np.nan)


@dataclass(frozen=True)
class Snapshot:
    """A stack of games at one recorded step.

    Attributes
    ----------
    game : PreferenceGame
    log_policy, log_average : ndarray, shape (contexts, actions)
        The current policy and the average iterate.
    exact : Exact
    """

    game: PreferenceGame
    log_policy: np.ndarray
    log_average: np.ndarray
    exact: Exact

    @cached_property
    def payoff(self) -> np.ndarray:
        """P(. ≻ pi) - 1/2 of the current policy, shape (contexts, actions); several metrics share what is kept."""
        return self.game.margin(self.log_policy)

    @cached_property
    def average_payoff(self) -> np.ndarray:
        """The same of the average iterate."""
        return self.game.margin(self.log_average)

    @cached_property
    def exploitability(self) -> np.ndarray:
        """Exploitability of the current policy, shape (contexts,)."""
        return unchecked_exploitability(self.game, self.log_policy, self.payoff)


@dataclass(frozen=True)
class Metric:
    """A recorded number.

    Attributes
    ----------
    name, label : str
        The name in frames, and the text with mathematics for an axis.
    compute : callable
        Function from a Snapshot to an array of shape (contexts,).
    needs : "tau", "equilibrium" or "lottery", or ""
        What it is measured with beside the game; the equilibrium needs tau too.
    worst : bool
        Whether contexts are combined by their maximum rather than by the game's weights.
    """

    name: str
    label: str
    compute: Callable[[Snapshot], np.ndarray]
    needs: str = "tau"
    worst: bool = False

    def combine(self, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return one number from the values of a game's contexts, shape (...), from two arrays (..., contexts).

        A context of weight 0 takes no part.
        """
        present = weights > 0
        if not present.all():
            values = np.where(present, values, 0.0)
        if self.worst:
            return values.max(axis=-1)
        # rows of their own: a product by BLAS may round a record differently among others than alone
        return np.add.reduce(np.multiply(values, weights, order="C"), axis=-1)


def _span_to_equilibrium(at: Snapshot) -> np.ndarray:
    difference = np.full(at.log_policy.shape, np.nan)
    there = at.game.support
    if at.game.regulariser.floor > -np.inf:  # over what both play: the others differ by more than any number
        there = there & (at.log_policy > -np.inf) & (at.exact.log_equilibrium > -np.inf)
    np.subtract(at.log_policy, at.exact.log_equilibrium, out=difference, where=there)
    return span(difference)


#: Every metric the engine can record, by name.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "duality_gap",
            "regularised duality gap  2τ KL(π ‖ BR(π))",
            lambda at: 2.0 * at.exploitability,
        ),
        Metric(
            "exploitability",
            "exploitability  τ KL(π ‖ BR(π))",
            lambda at: at.exploitability,
        ),
        Metric(
            "unregularised_gap",
            "unregularised duality gap  2 max P(y ≻ π) − 1",
            lambda at: 2.0 * at.payoff.max(axis=-1),
            needs="",
        ),
        Metric(
            "kl_to_equilibrium",
            "KL(π* ‖ π) [nats]",
            lambda at: kl(at.exact.log_equilibrium, at.log_policy),
            needs="equilibrium",
        ),
        Metric(
            "divergence_to_equilibrium",
            "D(π*, π) of the regulariser",
            lambda at: at.game.divergence(at.exact.log_equilibrium, at.log_policy),
            needs="equilibrium",
        ),
        Metric("span", "span(log π − log π*)", _span_to_equilibrium, needs="equilibrium", worst=True),
        Metric(
            "kl_to_lottery",
            "KL(lottery ‖ π) [nats]",
            lambda at: kl(at.exact.log_lottery, at.log_policy),
            needs="lottery",
        ),
        Metric(
            "kl_to_reference",
            "KL(π ‖ μ) [nats]",
            lambda at: kl(at.log_policy, at.game.log_reference),
            needs="",
        ),
        Metric(
            "average_duality_gap",
            "regularised duality gap of the average iterate",
            lambda at: 2.0 * unchecked_exploitability(at.game, at.log_average, at.average_payoff),
        ),
        Metric(
            "average_unregularised_gap",
            "unregularised duality gap of the average iterate",
            lambda at: 2.0 * at.average_payoff.max(axis=-1),
            needs="",
        ),
    )
}


def get_metrics(names, rule: Rule, game: PreferenceGame) -> tuple[Metric, ...]:
    """Return metrics by name.

    ``None`` means all that the game allows: those of the regularised game where tau is set, the distance to the lottery
    for rules that seek it, where it is in reach, and the regulariser's own divergence where that is not KL.

    Parameters
    ----------
    names : iterable of str or None
    rule : Rule
    game : PreferenceGame

    Raises
    ------
    NashsimError
        For an unknown name.
    """
    if names is None:
        absent = set() if game.tau is not None else {"tau", "equilibrium"}
        seeks = rule.target != "duality_gap" and lottery_in_reach(game)
        absent |= set() if seeks else {"lottery"}
        doubled = "divergence_to_equilibrium" if game.kl_regularised else ""
        return tuple(m for m in METRICS.values() if m.needs not in absent and m.name != doubled)
    for name in names:
        if name not in METRICS:
            raise unknown_name("metric", name, METRICS)
    return tuple(METRICS[name] for name in names)
