"""What a property is tried on: one small game with a first policy, and the problems that every check goes through."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..equilibrium import solve_newton
from ..game import PreferenceGame
from ..regularisers import Regulariser

#: What a callable is given as ``game``: arrays of one game, under the names of PreferenceGame's properties.
#: ``probabilities`` (actions, actions), ``reference`` and ``log_reference`` (actions,), ``tau``; numba takes it too.
GameArrays = namedtuple("GameArrays", ["probabilities", "reference", "log_reference", "tau"])


@dataclass(frozen=True, eq=False)
class Problem:
    """A game, its reference and tau, and the policy to start from.

    Attributes
    ----------
    probabilities : ndarray, shape (actions, actions)
        P(y ≻ y') with y the row.
    reference, start : ndarray, shape (actions,)
        mu and pi_0, as probabilities.
    tau : float
    regulariser : str or Regulariser
    """

    probabilities: np.ndarray
    reference: np.ndarray
    start: np.ndarray
    tau: float
    regulariser: str | Regulariser = "kl"

    @property
    def actions(self) -> int:
        """Number of actions."""
        return len(self.reference)

    @cached_property
    def game(self) -> PreferenceGame:
        """The game of the problem."""
        kind = self.regulariser
        return PreferenceGame(
            self.probabilities, self.reference, tau=self.tau, name="example", regulariser=kind
        )

    @property
    def arrays(self) -> GameArrays:
        """The game as a callable sees it; fresh copies."""
        with np.errstate(divide="ignore"):
            log_reference = np.log(self.reference)
        return GameArrays(self.probabilities.copy(), self.reference.copy(), log_reference, float(self.tau))

    @property
    def log_start(self) -> np.ndarray:
        """log pi_0, shape (actions,)."""
        with np.errstate(divide="ignore"):
            return np.log(self.start)

    @cached_property
    def log_equilibrium(self) -> np.ndarray:
        """log pi* of the regularised game, shape (actions,)."""
        return solve_newton(self.game).log_policy[0]

    def replace(self, **changes) -> Problem:
        """Return the problem with some attributes changed.

        Parameters
        ----------
        **changes
            Any of the attributes.
        """
        return replace(self, **changes)

    def permute(self, order: np.ndarray) -> Problem:
        """Return the problem with its actions in another order.

        Parameters
        ----------
        order : ndarray of int, shape (actions,)
        """
        return self.replace(
            probabilities=self.probabilities[np.ix_(order, order)],
            reference=self.reference[order],
            start=self.start[order],
        )

    def __str__(self) -> str:
        def numbers(values):
            return "[" + ", ".join(f"{value:.6g}" for value in values) + "]"

        rows = ",\n     ".join(numbers(row) for row in self.probabilities)
        return (
            f"P = [{rows}]\nreference = {numbers(self.reference)}\n"
            f"policy    = {numbers(self.start)}\ntau = {self.tau:.6g}"
            + ("" if self.game.kl_regularised else f"\nregulariser = {self.game.regulariser.word}")
        )


def generic(tau: float | None = None, seed: int = 0, count: int = 12) -> list[Problem]:
    """Return random problems in general position, 2 to 6 actions; tau cycles through 1, 0.5, 2, 0.2 unless given.

    Parameters
    ----------
    tau : float or None
    seed, count : int
    """
    found = []
    for k in range(count):
        rng = np.random.default_rng(np.random.SeedSequence([seed, k]))
        n = 2 + k % 5
        upper = np.triu(rng.uniform(-0.45, 0.45, (n, n)), 1)
        mu, start = (0.9 * rng.dirichlet(np.ones(n)) + 0.1 / n for _ in range(2))
        found.append(Problem(upper - upper.T + 0.5, mu, start, tau or (1.0, 0.5, 2.0, 0.2)[k % 4]))
    return found


def extreme_tau() -> list[Problem]:
    """Return problems whose tau is tiny or huge."""
    return [problem.replace(tau=tau) for problem in generic(count=3) for tau in (1e-3, 1e3)]


def degenerate() -> list[Problem]:
    """Return one action; twins; indifference; sure preferences; rare actions in the reference or the start."""
    one = np.ones(1)
    third = np.full(3, 1 / 3)
    cycle = 0.5 + 0.5 * np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]])
    ladder = 0.5 + 0.5 * np.sign(np.arange(3)[::-1][:, None] - np.arange(3)[::-1])
    rare = np.array([1 - 2e-12, 1e-12, 1e-12])
    twins = np.array([[0.5, 0.5, 0.9], [0.5, 0.5, 0.9], [0.1, 0.1, 0.5]])
    skewed = np.array([0.7, 0.2, 0.1])
    return [
        Problem(np.full((1, 1), 0.5), one, one, 1.0),
        Problem(twins, third, skewed, 0.5),
        Problem(np.full((3, 3), 0.5), skewed, third, 0.5),
        Problem(cycle, skewed, third, 0.5),
        Problem(ladder, third, skewed, 0.5),
        Problem(cycle, rare, third, 0.5),
        Problem(ladder, third, rare, 0.5),
    ]
