"""The two ways a rule is driven over a stack of games: the compiled kernel and the NumPy path."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from ..errors import NashsimError
from ..game import PreferenceGame
from ..preferences import (
    AnnotatorPreference,
    DensePreference,
    LowRankPreference,
    PackedPreference,
    Preference,
)
from ..rules import POLICY, REFERENCE, Rule
from .feedback import Feedback
from .readable import ReadableEngine
from .table import slot_names, tabulate

#: Stands for log 0 inside the kernel: finite, so that no weight turns it into NaN, and beyond any logit.
_ABSENT = -1e300
#: Longest stretch of a schedule held as a table.
_SEGMENT = 1 << 15


class CompiledDrive:
    """A rule on a stack of games, from several starts, under the compiled kernel.

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
        names = slot_names(rule)
        self._slot = names.index(POLICY)
        self._logits = np.repeat(starts[:, :, None], len(names), axis=2)
        self._logits[:, :, names.index(REFERENCE)] = game.log_reference
        np.maximum(self._logits, _ABSENT, out=self._logits)
        self._policies = np.exp(self._logits)
        self._total = np.zeros_like(starts)
        self._t = 0

    def advance(self, t0: int, t1: int) -> None:
        """Do the iterations ``t0 <= t < t1``."""
        from .kernel import advance

        problems = self._total.shape[0] * self._total.shape[1]
        edges = np.linspace(0, problems, min(self.jobs, problems) + 1).astype(int)
        state = (self._skew, self._logits, self._policies, self._total, self._streams)
        for a in range(t0, t1, _SEGMENT):
            table = tabulate(self.rule, self.game.tau, a, min(a + _SEGMENT, t1))
            arguments = (
                *state,
                table.base,
                table.opponent,
                table.eta,
                table.into,
                table.query,
                table.played,
                *self._code,
            )
            if len(edges) == 2:
                advance(*arguments, 0, problems)
            else:
                with ThreadPoolExecutor(len(edges) - 1) as pool:
                    for future in [pool.submit(advance, *arguments, *span) for span in pairwise(edges)]:
                        future.result()
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
        log_policy = np.where(logits < 0.5 * _ABSENT, -np.inf, logits)
        return log_policy, self._total / self._t if self._t else np.exp(log_policy)


class ReadableDrive:
    """The same under the NumPy path."""

    def __init__(self, game: PreferenceGame, rule: Rule, starts, feedback: Feedback, streams, jobs: int = 1):
        self._engines = [
            ReadableEngine(game, rule, start, feedback, states)
            for start, states in zip(starts, streams, strict=True)
        ]

    def advance(self, t0: int, t1: int) -> None:
        """Do the iterations ``t0 <= t < t1``."""
        for engine in self._engines:
            for _ in range(t0, t1):
                engine.step()

    def state(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the log-policies and the average iterates, each of shape (seeds, contexts, actions)."""
        policies = np.stack([engine.policies[POLICY] for engine in self._engines])
        return policies, np.stack([engine.average for engine in self._engines])


#: The paths a run may take.
DRIVES = {"compiled": CompiledDrive, "numpy": ReadableDrive}

#: Up to here a game of any storage is played on its matrix, which is then no larger than 0.5 MB.
_SMALL = 256
#: Up to here noisy feedback, which reads single entries, may form the matrix of a storage: 128 MB.
MOST_NOISY = 4096


def choose_drive(game: PreferenceGame, feedback: Feedback, path: str = "compiled"):
    """Return the class that drives a run: by products alone where the storage has a fast one, else on the matrix.

    Parameters
    ----------
    game : PreferenceGame
    feedback : Feedback
    path : "compiled" or "numpy"

    Raises
    ------
    NashsimError
        If feedback is noisy and the game's storage would have to be unpacked into more than 128 MB.
    """
    if isinstance(game.preference, DensePreference):
        return DRIVES[path]
    if feedback.kind != "exact" and game.actions > MOST_NOISY:
        raise NashsimError(
            f"feedback: {feedback.kind!r} reads single entries of the matrix, which is formed for at most"
            f" {MOST_NOISY} actions, found {game.actions}; use exact feedback or a DensePreference"
        )
    if path != "compiled" or feedback.kind != "exact" or not _has_fast_product(game.preference):
        return DRIVES[path]
    from .structured import StructuredDrive

    return StructuredDrive


def _has_fast_product(preference: Preference) -> bool:
    if preference.actions <= _SMALL or preference.contexts > 1:
        return False
    if isinstance(preference, AnnotatorPreference):
        return preference.series is not None or preference.actions > MOST_NOISY
    return isinstance(preference, LowRankPreference | PackedPreference)
