"""k samples to choose from: the symmetric Nash policy of the (k+1)-player game, and its promise of k/(k+1)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import comb, factorial

import numpy as np

from ..errors import ConvergenceError, NashsimError
from ..preferences.annotators import check_shares

_MOST_ENTRIES = 5_000_000
_ROUNDS = 200
_STEPS = 200
_EXACT = 1e-12


@dataclass(frozen=True, eq=False)
class SampleNash:
    """The symmetric Nash policy of the (k+1)-player game of a crowd.

    Attributes
    ----------
    probabilities : ndarray, shape (actions,)
    samples : int
        k.
    promise : float
        k/(k+1).
    worst_win_rate : float
        Least probability, over single responses, that the user chooses one of the k samples instead.
    gap : float
        What the best response wins above its share 1/(k+1); 0 at the equilibrium.
    """

    probabilities: np.ndarray
    samples: int
    promise: float
    worst_win_rate: float
    gap: float


def sample_nash(utilities, samples: int, shares=None) -> SampleNash:
    """Return pi such that k samples of it are chosen over any single response with probability at least k/(k+1).

    A user u chooses y among k + 1 responses with probability e^(U_uy)/sum e^(U_uz) (Luce), Bradley-Terry for pairs.
    pi is a symmetric Nash policy of the game in which k + 1 players each send one response and the chosen one wins: a
    single response against k samples wins at most its symmetric share 1/(k+1).

    Parameters
    ----------
    utilities : array_like, shape (users, actions)
        Utilities in units of the choices' noise.
    samples : int
        k >= 1; 1 is the maximal lottery of the crowd's game.
    shares : array_like or None, shape (users,)
        Share of each user; ``None`` is uniform.

    Returns
    -------
    SampleNash

    Raises
    ------
    NashsimError
        For utilities, shares or samples out of range, or more sets of samples than 5 million numbers hold.
    ConvergenceError
        If the equilibrium is not reached to 1e-9.

    Notes
    -----
    (k+1)-player alignment games: arXiv 2601.08777 [abstract]; Luce users and monotonicity [derived]. With rates l_z =
    e^(U_z), M(t) = sum_z pi_z e^(-t l_z) and S(t) = sum_z d_z e^(-t l_z), sum d = 0, the payoff's derivative along d is
    (k/2) E_u int S^2 (M^(k-1))' dt <= 0, so that the symmetric equilibria are the solutions of a monotone variational
    inequality. It is solved by extragradient steps, then by Newton's method on the responses that are played.

    Examples
    --------
    >>> found = sample_nash([[2.0, 0.0, 1.0], [1.0, 2.0, 0.0], [0.0, 1.0, 2.0]], samples=2)
    >>> found.probabilities.round(6), round(found.worst_win_rate, 9) >= round(2 / 3, 9)
    (array([0.333333, 0.333333, 0.333333]), True)
    """
    known, weights = check_users(utilities, shares)
    if samples != int(samples) or samples < 1:
        raise NashsimError(f"samples: a whole number k >= 1 is needed, found {samples!r}")
    game = _ChoiceGame(known, weights, int(samples))
    policy, gap = game.solve()
    share = 1 / (samples + 1)
    if not gap <= 1e-9:
        raise ConvergenceError(
            f"samples: the equilibrium is reached to {gap:.2g} only, 1e-9 is needed; use fewer samples"
        )
    return SampleNash(
        policy, int(samples), samples * share, float(1 - game.payoff(policy).max()), float(max(gap, 0.0))
    )


def check_users(utilities, shares=None) -> tuple[np.ndarray, np.ndarray]:
    """Return utilities, shape (users, actions), and shares, uniform by default; raise NashsimError for bad ones."""
    known = np.array(utilities, dtype=float, ndmin=2)
    if known.ndim != 2 or not known.size or not np.isfinite(known).all():
        raise NashsimError(
            f"utilities: a finite matrix (users, actions) is needed, found shape {known.shape}"
        )
    return known, check_shares("shares", shares, len(known))


class _ChoiceGame:
    """U(y; pi) = E_(z ~ pi^k) E_u P(u chooses y among y, z_1..z_k), by every multiset of k responses."""

    def __init__(self, utilities: np.ndarray, weights: np.ndarray, samples: int):
        n = utilities.shape[1]
        count = comb(n + samples - 1, samples)
        if count * n > _MOST_ENTRIES:
            raise NashsimError(
                f"samples: {count} sets of {samples} of {n} responses are too many; use fewer samples or actions"
            )
        sets = list(combinations_with_replacement(range(n), samples))
        self.samples = samples
        self.counts = np.array([np.bincount(one, minlength=n) for one in sets])
        self.orders = np.array(
            [factorial(samples) / np.prod([factorial(c) for c in row]) for row in self.counts]
        )
        rates = np.exp(utilities - utilities.max(axis=1, keepdims=True))
        totals = rates @ self.counts.T
        self.chosen = sum(
            w * rate[:, None] / (rate[:, None] + total)
            for w, rate, total in zip(weights, rates, totals, strict=True)
        )

    def payoff(self, policy: np.ndarray) -> np.ndarray:
        """Return U(.; pi), shape (actions,)."""
        return self.chosen @ (self.orders * np.prod(policy**self.counts, axis=1))

    def slopes(self, policy: np.ndarray) -> np.ndarray:
        """Return the derivatives of U(y; pi) in pi(z), shape (actions, actions)."""
        columns = []
        for z in range(len(policy)):
            fewer = self.counts.copy()
            fewer[:, z] = np.maximum(fewer[:, z] - 1, 0)
            columns.append(self.chosen @ (self.orders * self.counts[:, z] * np.prod(policy**fewer, axis=1)))
        return np.stack(columns, axis=1)

    def gap(self, policy: np.ndarray) -> float:
        """Return what the best response wins above 1/(k+1)."""
        return float(self.payoff(policy).max() - 1 / (self.samples + 1))

    def solve(self) -> tuple[np.ndarray, float]:
        """Return the equilibrium and its gap."""
        n = self.chosen.shape[0]
        policy, step = np.full(n, 1 / n), 1.0
        best, least = policy, self.gap(policy)
        for _ in range(_ROUNDS):
            for _ in range(_STEPS):
                half = _moved(policy, step * self.payoff(policy))
                policy = _moved(policy, step * self.payoff(half))
            for candidate in (policy, self._newton(policy)):
                if candidate is not None and self.gap(candidate) < least:
                    best, least = candidate, self.gap(candidate)
            if least <= _EXACT:
                break
            step = min(2 * step, 64.0)
        return best, least

    def _newton(self, policy: np.ndarray) -> np.ndarray | None:
        """Return the policy whose played responses all win alike, from those that are played now; None if none."""
        payoff = self.payoff(policy)
        inside = np.flatnonzero((policy > 1e-6) & (payoff > payoff.max() - 1e-3))
        if not len(inside):
            return None
        trial = np.where(np.isin(np.arange(len(policy)), inside), policy, 0.0)
        trial /= trial.sum()
        for _ in range(20):
            rows = np.block([[self.slopes(trial)[np.ix_(inside, inside)], -np.ones((len(inside), 1))],
                             [np.ones((1, len(inside))), np.zeros((1, 1))]])  # fmt: skip
            level = self.payoff(trial)[inside]
            move = np.linalg.lstsq(rows, np.append(level.mean() - level, 0.0), rcond=None)[0][:-1]
            trial[inside] += move
            if (trial < 0).any() or not np.isfinite(trial).all():
                return None
            if np.abs(move).max() < 1e-15:
                break
        return trial / trial.sum()


def _moved(policy: np.ndarray, gain: np.ndarray) -> np.ndarray:
    raw = policy * np.exp(gain - gain.max())
    return raw / raw.sum()
