"""What a fit leaves beside its folder until it is done, so that a killed one goes on to the same bits."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from nashsim.errors import NashsimError

from ..data.pairs import Pair
from .checkpoint import Checkpoints


class FitStates(Checkpoints):
    """The newest state of a command that fits one model after another: a checkpoint in OUT.fitting/.

    It holds what was asked for, the reports of the models that are done, and the state of the fit in progress.

    Parameters
    ----------
    out : str or Path
        Folder of the finished model.
    identity : mapping
        What the fits are a function of; numbers, texts and lists of them.
    resume : bool
        Whether to go on with what stands there; otherwise it is refused.

    Attributes
    ----------
    reports : dict of str to dict
        Reports of the models that are done and written, by their kind.

    Raises
    ------
    NashsimError
        For a fit that stands there and is not to be resumed, or is another one, or nothing to resume.
    """

    def __init__(self, out: str | Path, identity: Mapping, resume: bool = False):
        super().__init__(Path(out).with_name(f"{Path(out).name}.fitting"), keep=1)
        self.identity, self.reports, self._fit = dict(identity), {}, None
        # What failed before its first state left nothing to lose.
        found = super().latest()
        if (found is None) == resume:
            said = (
                "holds no fit; leave --resume out to start one" if resume
                else "holds a fit that was cut off; add --resume to go on with it, or remove it"
            )  # fmt: skip
            raise NashsimError(f"{'resume' if resume else 'out'}: {str(self.folder)!r} {said}")
        self._saved, state = found or (0, {"identity": self.identity, "reports": {}, "fit": None})
        for key, now in self.identity.items():
            before = state["identity"].get(key)
            if before != now:
                raise NashsimError(
                    f"resume: {str(self.folder)!r} was started with {key} {before!r}, found {now!r};"
                    " resume with the same, or choose another folder"
                )
        self.reports, self._fit = state["reports"], state["fit"]

    def latest(self, device="cpu"):
        """Return steps done and state of the fit that was cut off, or None where the next one is to begin."""
        return None if self._fit is None else (len(self._fit["losses"]), self._fit)

    def save(self, step: int, state: dict | None) -> None:
        """Write the state of the fit in progress, in place of the one before.

        Parameters
        ----------
        step : int
            Steps done; the folder counts states over all fits.
        state : dict or None
            State of the fit; ``None`` between two.
        """
        self._saved, self._fit = self._saved + 1, None
        super().save(self._saved, {"identity": self.identity, "reports": self.reports, "fit": state})

    def finish(self, kind: str, report: Mapping) -> None:
        """Keep the report of a model that is written; its fit is not needed any more.

        Parameters
        ----------
        kind : str
            Kind of the model.
        report : mapping
            Report of the model.
        """
        self.reports[kind] = dict(report)
        self.save(0, None)

    def remove(self) -> None:
        """Remove the folder: everything is where it belongs."""
        shutil.rmtree(self.folder, ignore_errors=True)


def fingerprint(pairs: Sequence[Pair]) -> str:
    """Return a digest of pairs and their order.

    Parameters
    ----------
    pairs : sequence of Pair
        Pairs to tell apart from others.

    Examples
    --------
    >>> fingerprint([Pair("q", "a", "b")]) == fingerprint([Pair("q", "b", "a")])
    False
    """
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(repr((pair.prompt, pair.a, pair.b, pair.probability)).encode())
    return digest.hexdigest()
