"""The portable drive: any stack of games by the kernel that needs no vector instructions and knows noisy queries."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..game import PreferenceGame
from ..rules import POLICY, REFERENCE, Rule
from .feedback import Feedback
from .layouts import ABSENT
from .table import SEGMENT, tabulate
from .work import in_threads


class PortableDrive:
    """A rule on a stack of games, from several starts, under the portable kernel, which knows noisy queries too.

    Parameters
    ----------
    game : PreferenceGame
    rule : Rule
    starts : ndarray, shape (seeds, contexts, actions)
        log pi_0.
    feedback : Feedback
    streams : ndarray of uint64, shape (seeds, contexts)
        Random streams of noisy feedback.
    jobs : int
        Threads over (seed, context).
    """

    def __init__(self, game: PreferenceGame, rule: Rule, starts, feedback: Feedback, streams, jobs: int = 1):
        self.game, self.rule, self.jobs = game, rule, jobs
        self._code, self._streams = feedback.code, streams[:, :, None].copy()
        self._skew = game.preference.dense()  # once: structured preferences form it anew at every call
        self._slot = list(rule.init).index(POLICY)
        self._logits = np.repeat(starts[:, :, None], len(rule.init), axis=2)
        for slot, begins in enumerate(rule.init.values()):
            if begins == REFERENCE:
                self._logits[:, :, slot] = game.log_reference
        np.maximum(self._logits, ABSENT, out=self._logits)
        self._policies = np.exp(self._logits)
        self._total = np.zeros_like(starts)
        self._t = 0

    def advance(self, t0: int, t1: int) -> None:
        """Do the iterations ``t0 <= t < t1``."""
        from .kernels.portable import advance_portable

        problems = self._total.shape[0] * self._total.shape[1]
        state = (self._skew, self._logits, self._policies, self._total, self._streams)
        for a in range(t0, t1, SEGMENT):
            table = tabulate(self.rule, self.game.tau, a, min(a + SEGMENT, t1))
            steps = (
                table.base,
                table.opponent,
                table.eta,
                table.into,
                table.query,
                table.played,
                table.others,
            )
            arguments = (*state, *steps, *self._code)
            in_threads(partial(advance_portable, *arguments), problems, self.jobs)
        self._t = t1

    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything that the next iteration depends on, for a checkpoint."""
        return {
            "logits": self._logits,
            "policies": self._policies,
            "total": self._total,
            "streams": self._streams,
            "t": np.array(self._t),
        }

    def restore(self, saved: dict[str, np.ndarray]) -> None:
        """Go back to the state of a checkpoint."""
        self._logits, self._policies = saved["logits"], saved["policies"]
        self._total, self._streams, self._t = saved["total"], saved["streams"], int(saved["t"])

    def state(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the log-policies and the average iterates, each of shape (seeds, contexts, actions)."""
        logits = self._logits[:, :, self._slot]
        log_policy = np.where(logits < 0.5 * ABSENT, -np.inf, logits)
        return log_policy, self._total / self._t if self._t else np.exp(log_policy)
