"""The ways a rule is driven over a stack of games: vector kernels, the portable kernel, and the NumPy path."""

from __future__ import annotations

from functools import partial

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
from ..rules import POLICY, Rule
from .feedback import Feedback
from .kernels.support import vectors_work
from .link_drive import LinkDrive
from .portable_drive import PortableDrive
from .reference_engine import readable_engine
from .table import mirror_steps_only
from .vector_drive import VectorDrive


class ReadableDrive:
    """The same under the NumPy path."""

    def __init__(self, game: PreferenceGame, rule: Rule, starts, feedback: Feedback, streams, jobs: int = 1):
        engine = readable_engine(game)
        self._engines = [
            engine(game, rule, start, feedback, states) for start, states in zip(starts, streams, strict=True)
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


#: The paths a run may take; "compiled" is the fastest that can do what is asked.
PATHS = ("compiled", "portable", "numpy")

#: Up to here a game of any storage is played on its matrix, which is then no larger than 0.5 MB.
_SMALL = 256
#: Up to here noisy feedback, which reads single entries, may form the matrix of a storage: 128 MB.
MOST_NOISY = 4096


def choose_drive(
    game: PreferenceGame, rule: Rule, feedback: Feedback, path: str = "compiled", device: str | None = None
):
    """Return what drives a run: a class, called with game, rule, starts, feedback, streams and jobs.

    With exact feedback and plain mirror steps, large games run by products alone where their storage has a fast
    one, all others under the vector kernels where those compile; the portable kernel does the rest.

    Parameters
    ----------
    game : PreferenceGame
    rule : Rule
    feedback : Feedback
    path : "compiled", "portable" or "numpy"
    device : str or None
        Torch device in place of a path.

    Raises
    ------
    NashsimError
        If noisy feedback or a step that is no mirror step needs the matrix of a storage that takes more than 128 MB.
    """
    mirror = mirror_steps_only(rule)
    if not mirror:
        kinds = (
            "fits ranked pairs by a logistic loss"
            if rule.name == "dno-prct"
            else "moves the logits of a softmax"
        )
        game.require_kl(
            f"{rule.name!r} {kinds}, whose steps are those of KL alone; mirror steps take any regulariser"
        )
    if device is not None:
        from .torch_drive import TorchDrive, require_torch

        require_torch(device, rule, mirror, feedback, game, path)
        return partial(TorchDrive, device=str(device))
    plain = feedback.kind == "exact" and mirror
    if not plain and not isinstance(game.preference, DensePreference) and game.actions > MOST_NOISY:
        raise NashsimError(
            f"feedback: {rule.name!r} with {feedback.kind!r} feedback reads single entries of the matrix, which is"
            f" formed for at most {MOST_NOISY} actions, found {game.actions}; use a DensePreference, or a rule of"
            " mirror steps with exact feedback"
        )
    if path == "numpy":
        return ReadableDrive
    if not game.kl_regularised:
        return LinkDrive
    if path == "portable" or not plain:
        return PortableDrive
    if _has_fast_product(game.preference):
        from .structured import StructuredDrive

        return StructuredDrive
    return VectorDrive if vectors_work() else PortableDrive


def _has_fast_product(preference: Preference) -> bool:
    if preference.actions <= _SMALL or preference.contexts > 1:
        return False
    if isinstance(preference, AnnotatorPreference):
        return preference.series is not None or preference.actions > MOST_NOISY
    return isinstance(preference, LowRankPreference | PackedPreference)
