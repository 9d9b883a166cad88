"""Where the page's preferences come from: the catalogue, the SOURCE of the command line, and uploaded files.

No text of the page names a file: a link can open nothing on the machine but what was given when it started.
"""

from __future__ import annotations

import re
import tempfile
from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from .. import games
from ..data import PreferenceData, load
from ..errors import NashsimError, first_line
from ..game import PreferenceGame
from .settings import Settings

#: Most actions that the page shows.
MOST_ACTIONS = 200
#: Uploaded files that are kept, the latest; and the most bytes of each.
MOST_UPLOADS, MOST_BYTES = 20, 20_000_000


@dataclass(frozen=True, eq=False)
class Opened:
    """Preferences, ready to be shown.

    Attributes
    ----------
    game : PreferenceGame
        As it was opened, before the page's tau and reference.
    data : PreferenceData or None
        What it was read from, if it was read from comparisons.
    python : str
        Lines of Python that open the same.
    how : dict
        Arguments that made a game of the data.
    """

    game: PreferenceGame
    data: PreferenceData | None
    python: str
    how: dict = field(default_factory=dict)


@dataclass(eq=False)
class Sources:
    """Everything that a page of one server may open.

    Attributes
    ----------
    given : Opened or None
        The SOURCE of the command line, opened.
    title : str
        Its name on the page.
    uploads : OrderedDict of str to (str, PreferenceData)
        Uploaded files by the key of their content: name and comparisons.
    """

    given: Opened | None = None
    title: str = ""
    uploads: OrderedDict[str, tuple[str, PreferenceData]] = field(default_factory=OrderedDict)

    def upload(self, name: str, content: bytes) -> str:
        """Read an uploaded file by the readers of ``nashsim.load`` and return its source.

        Parameters
        ----------
        name : str
            Name of the file; its folders are left out.
        content : bytes

        Raises
        ------
        NashsimError
            As ``nashsim.load`` does, or for a file that is too large.
        """
        if len(content) > MOST_BYTES:
            raise NashsimError(
                f"{name}: files of up to {MOST_BYTES // 10**6} MB can be uploaded, found {len(content) / 1e6:.0f} MB;"
                " start by `nashsim explore FILE`"
            )
        # A name is shown and never a path: what is left of it cannot leave the folder.
        plain = (
            re.sub(r"[^\w. -]", "_", name.replace("\\", "/").rpartition("/")[2])[-80:].lstrip(".") or "file"
        )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / plain
            path.write_bytes(content)
            try:
                data = load(path)
            except (OSError, UnicodeError, MemoryError) as error:
                raise NashsimError(f"{plain}: {first_line(error)}") from None
        key = sha256(content).hexdigest()[:16]
        self.uploads[key] = (plain, data)
        self.uploads.move_to_end(key)
        while len(self.uploads) > MOST_UPLOADS:
            self.uploads.popitem(last=False)
        return f"upload:{key}"

    def open(self, settings: Settings) -> Opened:
        """Return the preferences that the settings name.

        Raises NashsimError for a source that is not there, too large, or a file that makes no game yet.
        """
        source, how = settings.source, {"missing": settings.missing, "symmetrise": settings.symmetrise}
        if source == "given" and self.given is not None:
            opened = self.given
        elif source.startswith("upload:"):
            opened = self._uploaded(source.removeprefix("upload:"), how)
        else:
            opened = _from_catalogue(source)
        if opened.game.contexts > 1:
            raise NashsimError(f"source: one context is shown at a time, found {opened.game.contexts}")
        if not 2 <= opened.game.actions <= MOST_ACTIONS:
            raise NashsimError(
                f"source: from 2 to {MOST_ACTIONS} actions can be shown, found {opened.game.actions}"
            )
        return opened

    def _uploaded(self, key: str, how: dict) -> Opened:
        if key not in self.uploads:
            raise NashsimError(
                "source: the uploaded file of this link is not here any more; upload it again"
                " (files stay until the server stops)"
            )
        name, data = self.uploads[key]
        return Opened(data.game(**how), data, file_python(name, {}, how), how)


def file_python(path: str, options: dict, how: dict) -> str:
    """Return the Python that opens a file of comparisons.

    Parameters
    ----------
    path : str
    options, how : dict
        Arguments of ``nashsim.load`` and of :meth:`nashsim.PreferenceData.game`; defaults are left out.
    """
    loading = "".join(f", {text}" for text in told(options))
    return f"data = nashsim.load({path!r}{loading})\ngame = data.game({', '.join(told(how))})"


def told(arguments: dict) -> list[str]:
    """Return the arguments that differ from their defaults, as Python writes them."""
    plain = {"format": "auto", "ties": "half", "unit": "auto", "missing": "error", "symmetrise": False}
    return [f"{name}={value!r}" for name, value in arguments.items() if value != plain.get(name)]


def _from_catalogue(source: str) -> Opened:
    size = re.search(r"\bn=(\d+)", source)
    # Said before a matrix of that size is made.
    if size and int(size[1]) > MOST_ACTIONS:
        raise NashsimError(f"source: up to {MOST_ACTIONS} actions can be shown, found n={size[1]}")
    try:
        game = games.get(source)
    except TypeError as error:
        raise NashsimError(f"source: {first_line(error)}") from None
    return Opened(game, None, f"game = nashsim.games.get({source!r})")
