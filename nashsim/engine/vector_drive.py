"""A rule driven over a stack of games by the vector kernels."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..game import PreferenceGame
from ..logspace import log_normalise
from ..rules import POLICY, REFERENCE, Rule
from .feedback import Feedback
from .layouts import ABSENT, choose_layout
from .program import program, stationary_program
from .table import SEGMENT, tabulate
from .work import in_threads


class VectorDrive:
    """A rule on a stack of games, from several starts, with exact queries.

    The state does not depend on where ``advance`` is cut, nor on ``jobs``, nor
    on the games beside one.

    Parameters
    ----------
    game : PreferenceGame
    rule : Rule
    starts : ndarray, shape (seeds, contexts, actions)
        log pi_0.
    feedback : Feedback
        Exact; see ``choose_drive``.
    streams : ndarray
        Not used: exact feedback has no noise.
    jobs : int
        Threads over (seed, context).
    """

    def __init__(self, game: PreferenceGame, rule: Rule, starts, feedback: Feedback, streams, jobs: int = 1):
        self.game, self.rule, self.jobs, self._shape = game, rule, jobs, starts.shape
        self._slot, slots = list(rule.init).index(POLICY), len(rule.init)
        problems = starts.shape[0] * starts.shape[1]
        self._layout = choose_layout(game.preference.dense(), problems)
        self._logits = self._layout.allocate(slots + 1, ABSENT)
        self._powers = self._layout.allocate(slots + 1, 0.0)
        self._total = self._layout.allocate(None, 0.0)
        self._inverses = self._layout.allocate_numbers(slots + 1)  # policies begin normalised
        reference = np.broadcast_to(game.log_reference, starts.shape)
        for slot, begins in enumerate(rule.init.values()):
            first = (reference if begins == REFERENCE else starts).reshape(problems, -1)
            self._layout.write(self._logits, slot, np.maximum(first * np.log2(np.e), ABSENT))
            self._layout.write(self._powers, slot, np.exp(first))
        self._t = 0
        self._stationary = stationary_program(rule, game.tau) if rule.stationary else None

    def advance(self, t0: int, t1: int) -> None:
        """Do the iterations ``t0 <= t < t1``."""
        for a, b, numbers in self._programs(t0, t1):
            work = (self._logits, self._powers, self._inverses, self._total, numbers, a, b)
            in_threads(partial(self._layout.advance, *work), self._layout.units, self.jobs)
        self._t = t1

    def _programs(self, t0: int, t1: int):
        """Yield stretches of iterations and their programs; a stationary rule has one for all."""
        if self._stationary is not None:
            yield t0, t1, self._stationary
            return
        for a in range(t0, t1, SEGMENT):
            b = min(a + SEGMENT, t1)
            yield a, b, program(tabulate(self.rule, self.game.tau, a, b))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything that the next iteration depends on, for a checkpoint."""
        return {
            "logits": self._logits,
            "powers": self._powers,
            "inverses": self._inverses,
            "total": self._total,
            "t": np.array(self._t),
        }

    def restore(self, saved: dict[str, np.ndarray]) -> None:
        """Go back to the state of a checkpoint."""
        self._logits[:], self._powers[:] = saved["logits"], saved["powers"]
        self._inverses[:], self._total[:] = saved["inverses"], saved["total"]
        self._t = int(saved["t"])

    def state(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the log-policies and the average iterates, each of shape (seeds, contexts, actions)."""
        logits = self._layout.read(self._logits[:, self._slot])
        with np.errstate(invalid="ignore"):  # a policy that overflowed is told by the run
            log_policy = log_normalise(np.where(logits < 0.5 * ABSENT, -np.inf, logits * np.log(2)))
        log_policy = log_policy.reshape(self._shape)
        if not self._t:
            return log_policy, np.exp(log_policy)
        return log_policy, self._layout.read(self._total).reshape(self._shape) / self._t
