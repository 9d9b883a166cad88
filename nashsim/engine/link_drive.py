"""A rule driven over a stack of games under any regulariser, by the kernel that takes its inverse link."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from ..errors import NashsimError
from ..game import PreferenceGame
from ..regularisers import Regulariser, ratios
from ..rules import POLICY, REFERENCE, Rule
from .feedback import Feedback
from .portable_drive import PortableDrive
from .table import SEGMENT, tabulate
from .work import in_threads


class LinkDrive(PortableDrive):
    """The portable drive with link values in place of logits; its state is ``anchored_link(pi/mu)``.

    Parameters
    ----------
    game, rule, starts, feedback, streams, jobs
        As for :class:`PortableDrive`.

    Raises
    ------
    NashsimError
        For a regulariser without compiled functions.
    """

    def __init__(self, game: PreferenceGame, rule: Rule, starts, feedback: Feedback, streams, jobs: int = 1):
        super().__init__(game, rule, starts, feedback, streams, jobs)
        regulariser = game.regulariser
        self._functions = compiled(type(regulariser))
        first = np.broadcast_to(starts[:, :, None], self._logits.shape).copy()
        for slot, begins in enumerate(rule.init.values()):
            if begins == REFERENCE:
                first[:, :, slot] = game.log_reference
        log_reference = game.log_reference[None, :, None]
        self._logits = np.where(
            log_reference > -np.inf, regulariser.anchored_link(ratios(first, log_reference)), 0.0
        )
        self._policies = np.exp(first)
        with np.errstate(divide="ignore"):
            self._alone = regulariser.anchored_link(1 / np.where(game.support, game.reference, 1.0))
        self._one = float(regulariser.anchored_link(1.0))

    def advance(self, t0: int, t1: int) -> None:
        from .kernels.links import advance_links

        problems = self._total.shape[0] * self._total.shape[1]
        regulariser = self.game.regulariser
        state = (self._skew, self._logits, self._policies, self._total, self._streams)
        link = (*self._functions, regulariser.parameter, float(regulariser.floor), self._one)
        for a in range(t0, t1, SEGMENT):
            table = tabulate(self.rule, self.game.require_tau(), a, min(a + SEGMENT, t1))
            steps = (table.base, table.opponent, table.eta, table.into, table.query, table.played)
            arguments = (*state, self.game.reference, self._alone, *link, *steps, *self._code)
            in_threads(partial(advance_links, *arguments), problems, self.jobs)
        self._t = t1

    def state(self) -> tuple[np.ndarray, np.ndarray]:
        ratio = self.game.regulariser.anchored_inverse(self._logits[:, :, list(self.rule.init).index(POLICY)])
        # what mu lacks has the value 0, at which some inverses are infinite
        with np.errstate(divide="ignore", invalid="ignore"):
            log_policy = np.where(self.game.support, self.game.log_reference + np.log(ratio), -np.inf)
        return log_policy, self._total / self._t if self._t else np.exp(log_policy)


@cache
def compiled(regulariser: type[Regulariser], *more: str):
    """Return the functions of a regulariser compiled, to be called by pointer, so that one kernel serves all.

    Parameters
    ----------
    regulariser : type of Regulariser
    *more : str
        Functions beside ``scalar_inverse`` and ``scalar_slope``.
    """
    import numba as nb

    names = ("scalar_inverse", "scalar_slope", *more)
    if missing := [name for name in names if getattr(regulariser, name) is None]:
        raise NashsimError(
            f"path: the regulariser {regulariser.name!r} has no {' and '.join(missing)} to compile; use"
            " path='numpy' for a run, or give it what is missing"
        )
    signature = nb.float64(nb.float64, nb.float64)
    return tuple(
        nb.njit(signature, cache=True, nogil=True, error_model="numpy")(function)
        for function in (getattr(regulariser, name) for name in names)
    )
