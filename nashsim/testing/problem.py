"""What a property is tried on: one small game with a first policy, and the problems that every check goes through."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np

from ..equilibrium import solve_newton
from ..game import PreferenceGame
from ..regularisers import Regulariser

#: What a callable is given as ``game``: arrays of one game, under the names of PreferenceGame's properties.
#: ``probabilities`` (actions, actions), ``reference`` and ``log_reference`` (actions,), ``tau``; numba takes it too.
_ARRAYS = ("probabilities", "reference", "start")
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
    origin : str
        The call that built it, before it was shrunk.
    """

    probabilities: np.ndarray
    reference: np.ndarray
    start: np.ndarray
    tau: float
    regulariser: str | Regulariser = "kl"
    origin: str = ""

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
    def code(self) -> str:
        """Python that builds it to the last digit."""
        arrays = ", ".join(f"{name}=np.array({getattr(self, name).tolist()})" for name in _ARRAYS)
        kind = "" if self.game.kl_regularised else f", regulariser={self.game.regulariser.word!r}"
        return f"Problem({arrays}, tau={float(self.tau)!r}{kind})"

    @property
    def largest_log(self) -> float:
        """The largest |log| of a mass of the reference or the start."""
        masses = np.concatenate([self.reference, self.start])
        return float(np.abs(np.log(masses[masses > 0])).max())

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


@cache
def generic(tau: float | None = None, seed: int = 0, count: int = 12) -> tuple[Problem, ...]:
    """Return random problems in general position, 2 to 6 actions; tau cycles through 1, 0.5, 2, 0.2 unless given."""
    found = []
    for k in range(count):
        rng = np.random.default_rng(np.random.SeedSequence([seed, k]))
        n = 2 + k % 5
        upper = np.triu(rng.uniform(-0.45, 0.45, (n, n)), 1)
        mu, start = (0.9 * rng.dirichlet(np.ones(n)) + 0.1 / n for _ in range(2))
        origin = f"generic(tau={tau}, seed={seed})[{k}]"
        tau_here = tau or (1.0, 0.5, 2.0, 0.2)[k % 4]
        found.append(Problem(upper - upper.T + 0.5, mu, start, tau_here, origin=origin))
    return tuple(found)


#: Masses of the rarest action at the equilibria of :func:`rare`; the last is representable, its thousandth is not.
RAREST = (1e-2, 1e-3, 1e-6, 1e-9, 1e-13, 1e-20, 1e-30, 1e-60, 1e-100, 1e-150, 1e-200, 1e-300)


@cache
def rare(tau: float = 0.01, seed: int = 2) -> tuple[Problem, ...]:
    """Return problems of 3 to 5 actions whose equilibrium plays its last action with each mass of ``RAREST``.

    The reference is built from the equilibrium, mu ∝ pi* exp(-P pi*/tau); the others beat the last action, so that mu
    has more of it than pi*.
    """
    found = []
    for k, least in enumerate(RAREST):
        rng = np.random.default_rng(np.random.SeedSequence([seed, k]))
        n = 3 + k % 3
        upper = np.triu(rng.uniform(-0.1, 0.1, (n, n)), 1)
        upper[:, -1] = np.append(rng.uniform(0.1, 0.2, n - 1), 0.0)
        probabilities = upper - upper.T + 0.5
        common, start = (0.8 * rng.dirichlet(np.ones(m)) + 0.2 / m for m in (n - 1, n))
        equilibrium = np.append((1 - least) * common, least)
        log_mu = np.log(equilibrium) - probabilities @ equilibrium / tau
        reference = np.exp(log_mu - log_mu.max())
        origin = f"rare(tau={tau}, seed={seed})[{k}]"
        found.append(Problem(probabilities, reference / reference.sum(), start, tau, origin=origin))
    return tuple(found)


@cache
def indifferent() -> tuple[Problem, ...]:
    """Return problems of indifference whose start all but lacks what mu plays: KL falls by no more than the pull.

    log pi_t - log mu shrinks by 1 - eta tau a step, and KL(mu || pi_t) with it up to log 2 out of hundreds: a factor
    that is claimed is tried where it is tight.
    """
    half, even = np.full((2, 2), 0.5), np.array([0.5, 0.5])
    starts = (1e-12, 1e-30, 1e-250)
    return tuple(
        Problem(half, even, np.array([least, 1 - least]), tau, origin=f"indifferent()[{k}]")
        for k, (least, tau) in enumerate(zip(starts, (1.0, 0.2, 0.5), strict=True))
    )


@cache
def cyclic() -> tuple[Problem, ...]:
    """Return sure cycles of 3, 5 and 7 actions, each beating the next half: where it matters most which opponent
    answers, how strongly and how late."""
    found = []
    for k, (n, tau) in enumerate([(3, 1.0), (3, 2.0), (3, 0.5), (5, 1.0), (7, 2.0), (5, 0.5)]):
        ahead = (np.arange(n) - np.arange(n)[:, None]) % n
        skew = np.where(ahead == 0, 0.0, np.where(ahead <= n // 2, 0.5, -0.5))
        start = np.full(n, 0.1 / (n - 1))
        start[0] = 0.9
        found.append(Problem(0.5 + skew, np.full(n, 1 / n), start, tau, origin=f"cyclic()[{k}]"))
    return tuple(found)


@cache
def extreme_tau() -> tuple[Problem, ...]:
    """Return problems whose tau is tiny or huge."""
    found = [problem.replace(tau=tau) for problem in generic(count=3) for tau in (1e-3, 1e3)]
    return tuple(problem.replace(origin=f"extreme_tau()[{k}]") for k, problem in enumerate(found))


@cache
def degenerate() -> tuple[Problem, ...]:
    """Return one action; twins; indifference; sure preferences; rare actions in the reference or the start."""
    one = np.ones(1)
    third = np.full(3, 1 / 3)
    cycle = 0.5 + 0.5 * np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]])
    ladder = 0.5 + 0.5 * np.sign(np.arange(3)[::-1][:, None] - np.arange(3)[::-1])
    few = np.array([1 - 2e-12, 1e-12, 1e-12])
    twins = np.array([[0.5, 0.5, 0.9], [0.5, 0.5, 0.9], [0.1, 0.1, 0.5]])
    skewed = np.array([0.7, 0.2, 0.1])
    found = [
        Problem(np.full((1, 1), 0.5), one, one, 1.0),
        Problem(twins, third, skewed, 0.5),
        Problem(np.full((3, 3), 0.5), skewed, third, 0.5),
        Problem(cycle, skewed, third, 0.5),
        Problem(ladder, third, skewed, 0.5),
        Problem(cycle, few, third, 0.5),
        Problem(ladder, third, few, 0.5),
    ]
    return tuple(problem.replace(origin=f"degenerate()[{k}]") for k, problem in enumerate(found))
