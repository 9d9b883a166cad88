"""What a fit leaves beside its folder until it is done, so that a killed one goes on to the same bits."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from nashsim.errors import NashsimError
from nashsim.files import to_json, write_text

from ..data.pairs import Pair
from ..storage.checkpoint import Checkpoints

IDENTITY = "identity.json"


class Interrupted:
    """OUT.fitting/: what was asked for, the states of each model, and the reports of those that are done.

    Parameters
    ----------
    out : str or Path
        Folder of the finished model.
    identity : mapping
        What the fit is a function of; a fit that resumes must have the same.
    resume : bool
        Whether to go on with what stands there; otherwise it is refused.

    Raises
    ------
    NashsimError
        For a fit that stands there and is not to be resumed, or is another one, or nothing to resume.
    """

    def __init__(self, out: str | Path, identity: Mapping, resume: bool = False):
        out = Path(out)
        self.path, self.identity = out.with_name(f"{out.name}.fitting"), json.loads(to_json(dict(identity)))
        # What failed before its first state left nothing to lose.
        if not any(self.path.glob("*/step-*")) and not any(self.path.glob("*.done.json")):
            if resume:
                raise NashsimError(
                    f"resume: {str(self.path)!r} holds no fit; leave --resume out to start one"
                )
            return
        if not resume:
            raise NashsimError(
                f"out: {str(self.path)!r} holds a fit that was cut off; add --resume to go on with it, or remove it"
            )
        before = json.loads((self.path / IDENTITY).read_text(encoding="utf-8"))
        for key, now in self.identity.items():
            if before.get(key) != now:
                raise NashsimError(
                    f"resume: {str(self.path)!r} was started with {key} {before.get(key)!r}, found {now!r};"
                    " resume with the same, or choose another folder"
                )

    def begin(self) -> None:
        """Write down what was asked for, once it is known to fit together."""
        write_text(self.path / IDENTITY, to_json(self.identity, indent=2) + "\n")

    def checkpoints(self, kind: str) -> Checkpoints:
        """Return the states of one model.

        Parameters
        ----------
        kind : str
        """
        return Checkpoints(self.path / kind)

    def report(self, kind: str) -> dict | None:
        """Return the report of a model that is done and written, or None.

        Parameters
        ----------
        kind : str
        """
        file = self.path / f"{kind}.done.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None

    def finished(self, kind: str, report: Mapping) -> None:
        """Keep the report of a model that is written; its states are not needed any more.

        Parameters
        ----------
        kind : str
        report : mapping
        """
        write_text(self.path / f"{kind}.done.json", to_json(dict(report)) + "\n")
        shutil.rmtree(self.path / kind, ignore_errors=True)

    def remove(self) -> None:
        """Remove the folder: everything is where it belongs."""
        shutil.rmtree(self.path, ignore_errors=True)


def fingerprint(pairs: Sequence[Pair]) -> str:
    """Return a digest of pairs and their order.

    Parameters
    ----------
    pairs : sequence of Pair

    Examples
    --------
    >>> fingerprint([Pair("q", "a", "b")]) == fingerprint([Pair("q", "b", "a")])
    False
    """
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(repr((pair.prompt, pair.a, pair.b, pair.probability)).encode())
    return digest.hexdigest()
