"""Where a claim is put to the test: one instance, and a stack of instances that differ in arrays only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from ...equilibrium import lottery, solve_newton
from ...game import PreferenceGame
from ...logspace import kl
from ...preferences import DensePreference


@dataclass(frozen=True, eq=False)
class Instance:
    """A point inside the conditions of a claim: a game, a first policy and a step.

    Attributes
    ----------
    skew : ndarray, shape (actions, actions)
        P - 1/2.
    log_reference, log_start : ndarray, shape (actions,)
        log mu and log pi_0.
    tau : float
    step : float
        The forward step, as a share of the largest that the claim's condition admits.
    name : str
    """

    skew: np.ndarray
    log_reference: np.ndarray
    log_start: np.ndarray
    tau: float
    step: float = 1.0
    name: str = "instance"

    @property
    def actions(self) -> int:
        """Number of actions of the game."""
        return len(self.log_reference)

    @property
    def game(self) -> PreferenceGame:
        """The game alone, with its reference and tau."""
        return PreferenceGame(
            DensePreference(self.skew[None]), log_reference=self.log_reference, tau=self.tau, name=self.name
        )

    def replace(self, **changes) -> Instance:
        """Return the instance with some fields changed.

        Parameters
        ----------
        **changes
            Any of the attributes.
        """
        return replace(self, **changes)

    def to_dict(self) -> dict:
        """Return the instance as plain lists and numbers, for JSON."""
        return {
            "name": self.name,
            "tau": float(self.tau),
            "step": float(self.step),
            "skew": self.skew.tolist(),
            "log_reference": self.log_reference.tolist(),
            "log_start": self.log_start.tolist(),
        }

    @classmethod
    def from_dict(cls, saved: dict) -> Instance:
        """Return the instance that ``to_dict`` wrote down.

        Parameters
        ----------
        saved : dict
        """
        arrays = {name: np.array(saved[name], dtype=float) for name in ("skew", "log_reference", "log_start")}
        return cls(**arrays, tau=saved["tau"], step=saved["step"], name=saved["name"])


class Stack:
    """Instances of one size, tau and step, as one game whose contexts they are; the exact answers are found once.

    Parameters
    ----------
    instances : sequence of Instance
        Instances with the same number of actions, tau and step.

    Attributes
    ----------
    instances : tuple of Instance
    tau, step : float
    game : PreferenceGame
        The contexts are the instances.
    log_start : ndarray, shape (instances, actions)
    """

    def __init__(self, instances: Sequence[Instance]):
        self.instances = tuple(instances)
        first = self.instances[0]
        self.tau, self.step, self.actions = first.tau, first.step, first.actions
        self.game = PreferenceGame(
            DensePreference(np.stack([i.skew for i in self.instances])),
            log_reference=np.stack([i.log_reference for i in self.instances]),
            tau=first.tau,
            name=first.name if len(self.instances) == 1 else "stack",
        )
        self.log_start = np.stack([i.log_start for i in self.instances])

    def __len__(self) -> int:
        return len(self.instances)

    @property
    def skew(self) -> np.ndarray:
        """P - 1/2, shape (instances, actions, actions)."""
        return self.game.preference.dense()

    @property
    def log_reference(self) -> np.ndarray:
        """log mu, shape (instances, actions)."""
        return self.game.log_reference

    @cached_property
    def log_equilibrium(self) -> np.ndarray:
        """log pi* of the regularised games, shape (instances, actions)."""
        return solve_newton(self.game).log_policy

    @cached_property
    def lottery(self) -> np.ndarray:
        """A Nash policy of each unregularised game, shape (instances, actions), of maximal support."""
        with np.errstate(divide="ignore"):
            return np.exp(lottery(self.game).log_policy)

    @cached_property
    def kl_start(self) -> np.ndarray:
        """KL(pi* || pi_0) in nats, shape (instances,)."""
        return kl(self.log_equilibrium, self.log_start)

    @property
    def diameter(self) -> np.ndarray:
        """max_pi KL(pi || pi_0) = max_y -log pi_0(y) in nats, shape (instances,)."""
        return -self.log_start.min(axis=1)


def stacks(instances: Sequence[Instance]) -> list[tuple[list[int], Stack]]:
    """Return the instances as stacks, each with the places of its members in the sequence."""
    groups: dict[tuple, list[int]] = {}
    for i, instance in enumerate(instances):
        groups.setdefault((instance.actions, instance.tau, instance.step), []).append(i)
    return [(members, _stack(tuple(instances[i] for i in members))) for members in groups.values()]


@lru_cache(maxsize=96)
def _stack(instances: tuple[Instance, ...]) -> Stack:
    """Return one stack for all claims that are put to the test on the same instances: its exact answers are dear."""
    return Stack(instances)
