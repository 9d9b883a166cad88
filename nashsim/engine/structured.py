"""Rules on preferences that are applied rather than stored densely: O(actions) work in one pass a step."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..game import PreferenceGame
from ..rules import POLICY, REFERENCE, Rule
from .codes import ARITHMETIC
from .feedback import Feedback
from .kernels.structured import mirror_pass
from .layouts import ABSENT
from .payoffs import payoff_of
from .table import StepTable, tabulate
from .work import in_threads

#: Longest stretch of a schedule held as a table.
_SEGMENT = 1 << 12
#: Masses of unnormalised weights that keep every digit; beyond, the largest logit is subtracted first.
_SMALLEST, _LARGEST = 1e-30, 1e30
_NOTHING = np.empty(0)


class StructuredDrive:
    """A rule on one game of exact feedback, from several starts, by products with its preference alone.

    Every policy k is held as logits l_k and their weights exp(l_k) of mass m_k, so that log pi_k = l_k - log m_k
    without a pass to normalise. A step writes l = sum_k w_k log pi_k + eta A pi, whose mass is of order 1. Where
    A = F C F^T, the moments F^T pi of the new policy are summed in the same pass, and the next query needs no
    other: a one-call step reads F once.

    Parameters
    ----------
    game : PreferenceGame
        A game of one context.
    rule : Rule
    starts : ndarray, shape (seeds, 1, actions)
        log pi_0.
    feedback : Feedback
        Exact; see ``choose_drive``.
    streams : ndarray
        Not used: exact feedback has no noise.
    jobs : int
        Threads over seeds.
    """

    def __init__(self, game: PreferenceGame, rule: Rule, starts, feedback: Feedback, streams, jobs: int = 1):
        self.game, self.rule, self.jobs = game, rule, jobs
        self._payoff = payoff_of(game.preference)
        names = list(rule.init)
        asked = {name for step in rule.steps(1.0, 0) for name in step.opponent}
        self._slots, self._slot = len(names), names.index(POLICY)
        # One slot more than the rule names: a mixture that is an opponent and nothing else.
        self._asked = [name in asked for name in names] + [True]
        seeds, rows = len(starts), len(names) + 1
        self._logits = np.zeros((seeds, rows, game.actions))
        self._weights = np.zeros((seeds, rows, game.actions))
        self._masses = np.ones((seeds, rows))
        self._moments = np.zeros((seeds, rows, self._payoff.columns))
        self._total = np.zeros((seeds, game.actions))
        self._t = 0
        self._logits[:, : self._slots] = np.maximum(starts, ABSENT)
        for slot, begins in enumerate(rule.init.values()):
            if begins == REFERENCE:
                self._logits[:, slot] = np.maximum(game.log_reference, ABSENT)
        for seed in range(seeds):
            for slot in range(self._slots):
                self._write(seed, slot, self._pure(slot), 0.0)

    def advance(self, t0: int, t1: int) -> None:
        """Do the iterations ``t0 <= t < t1``."""
        for a in range(t0, t1, _SEGMENT):
            table = tabulate(self.rule, self.game.tau, a, min(a + _SEGMENT, t1))
            in_threads(partial(self._play, table), len(self._total), self.jobs)
        self._t = t1

    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything that the next iteration depends on, for a checkpoint."""
        return {
            "logits": self._logits,
            "weights": self._weights,
            "masses": self._masses,
            "moments": self._moments,
            "total": self._total,
            "t": np.array(self._t),
        }

    def restore(self, saved: dict[str, np.ndarray]) -> None:
        """Go back to the state of a checkpoint."""
        self._logits, self._weights = saved["logits"], saved["weights"]
        self._masses, self._moments = saved["masses"], saved["moments"]
        self._total, self._t = saved["total"], int(saved["t"])

    def state(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the log-policies and the average iterates, each of shape (seeds, 1, actions)."""
        log_policy = self._logits[:, self._slot] - np.log(self._masses[:, self._slot, None])
        log_policy[log_policy < 0.5 * ABSENT] = -np.inf
        average = self._total / self._t if self._t else np.exp(log_policy)
        return log_policy[:, None], average[:, None]

    def _play(self, table: StepTable, first: int, last: int) -> None:
        """Do the iterations of a table from the starts ``first <= seed < last``."""
        for seed in range(first, last):
            self._play_one(table, seed)

    def _play_one(self, table: StepTable, seed: int) -> None:
        counted = int(np.flatnonzero(table.query)[-1])
        for base, opponent, eta in zip(table.base, table.opponent, table.eta, strict=True):
            for stage, (into, query) in enumerate(zip(table.into, table.query, strict=True)):
                if query:
                    tiles, answer = self._ask(seed, opponent[stage], arithmetic=query == ARITHMETIC)
                    played = table.played if stage == counted else -1
                    self._write(seed, into, base[stage], eta[stage], tiles, answer, played)
                else:
                    self._mix(seed, into, base[stage])

    def _ask(self, seed: int, opponent: np.ndarray, arithmetic: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return F and w with the payoff F w of a mixture."""
        row = slice(self._slots)
        if arithmetic or _is_pure(opponent):
            shares = opponent / self._masses[seed, row]
        else:
            self._write(seed, self._slots, opponent, 0.0)
            row, shares = slice(self._slots, None), 1.0 / self._masses[seed, self._slots :]
        played = np.flatnonzero(shares)
        if self._payoff.by_moments:
            moments = shares[played] @ self._moments[seed, row][played]
            return self._payoff.tiles, self._payoff.core @ moments
        weights = self._weights[seed, row]
        policy = shares[played[0]] * weights[played[0]]
        for k in played[1:]:
            policy += shares[k] * weights[k]
        return self._payoff.column(policy), np.ones(1)

    def _mix(self, seed: int, into: int, base: np.ndarray) -> None:
        """Write a mixture; a copy needs no arithmetic, and a policy onto itself nothing."""
        if not _is_pure(base):
            self._write(seed, into, base, 0.0)
        elif (source := int(base.argmax())) != into:
            for array in (self._logits, self._weights, self._masses):
                array[seed, into] = array[seed, source]
            if self._payoff.by_moments and self._asked[into]:
                if self._asked[source]:
                    self._moments[seed, into] = self._moments[seed, source]
                else:
                    self._write(seed, into, self._pure(into), 0.0)

    def _write(self, seed, into, base, eta, tiles=None, answer=_NOTHING, played=-1) -> None:
        """Do one mirror step, and once more from its largest logit if its mass leaves the safe range."""
        masses = self._masses[seed]
        shift = float(base @ np.log(masses[: len(base)]))
        moments = self._moments[seed, into] if self._asked[into] else _NOTHING
        state = (self._payoff.degrees, self._logits[seed], self._weights[seed], self._total[seed])
        tiles = self._payoff.tiles if tiles is None else tiles
        scale = 1.0 / masses[played] if played >= 0 else 0.0
        base = np.array(base)  # a table's is read-only, for which numba would compile the pass once more
        mass = mirror_pass(tiles, *state, base, shift, eta * answer, into, played, scale, moments)
        if not _SMALLEST < mass < _LARGEST:
            top = float(self._logits[seed, into].max())
            mass = mirror_pass(
                self._payoff.tiles, *state, self._pure(into), top, _NOTHING, into, -1, 0.0, moments
            )
        masses[into] = mass

    def _pure(self, slot: int) -> np.ndarray:
        """Return the weights of one policy alone."""
        weights = np.zeros(self._slots + 1)
        weights[slot] = 1.0
        return weights


def _is_pure(weights: np.ndarray) -> bool:
    """Whether one policy carries the whole mixture."""
    return np.count_nonzero(weights) == 1 and weights.max() == 1.0
