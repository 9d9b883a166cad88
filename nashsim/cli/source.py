"""From SOURCE, a catalogue name or a file, to a game."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import NashsimError, unknown_name
from ..progress import waiting
from .options import LoaderOptions

if TYPE_CHECKING:
    from ..game import PreferenceGame


def is_catalogue_name(source: str) -> bool:
    """Whether SOURCE names a game of the catalogue; raises NashsimError if it is neither a name nor a file."""
    from .. import games

    if source.split(":", 1)[0] in games.names():
        return True
    if Path(source).exists():
        return False
    looks_like_file = os.sep in source or Path(source).suffix != ""
    if looks_like_file:
        raise NashsimError(
            f"SOURCE: there is no file {source!r} (and no game of that name; see `nashsim games`)"
        )
    raise unknown_name("game", source, games.names())


def open_data(source: str, options: LoaderOptions):
    """Return the comparisons in a file, as PreferenceData."""
    from ..data import load

    with waiting(f"reading {Path(source).name}"):
        return load(source, **options.load_arguments())


def open_game(source: str, options: LoaderOptions, **changes):
    """Return the PreferenceGame of SOURCE; parameters as for :func:`open_with_data`."""
    return open_with_data(source, options, **changes)[0]


def open_with_data(
    source: str,
    options: LoaderOptions,
    *,
    tau: float | None = None,
    reference: str | None = None,
    seed: int | None = None,
    regulariser: str | None = None,
):
    """Return the PreferenceGame of SOURCE, and the PreferenceData that it was read from, if any.

    Parameters
    ----------
    source : str
        A catalogue name, with parameters as in ``rps:n=5,strength=0.6``, or a file; an instance that the
        falsifier saved comes with its reference and tau.
    options : LoaderOptions
    tau : float or None
    reference : str or None
        ``"uniform"``, a file of probabilities, or ``None`` for the game's own.
    seed : int or None
        Seed of catalogue games that are drawn at random and name none themselves.
    regulariser : str or None
        Word of a regulariser; ``None`` is KL.
    """
    data = None
    if is_catalogue_name(source):
        from .. import games

        game = games.get(source, defaults={"tau": tau, "seed": seed})
    else:
        from ..theory.claims.files import is_instance, load_instance

        if is_instance(source):
            game = load_instance(source).game
        else:
            data = open_data(source, options)
            game = data.game(**options.game_arguments())
    changes = {} if tau is None else {"tau": tau}
    if regulariser is not None:
        changes["regulariser"] = regulariser
    game = game.replace(**changes) if changes else game
    return with_reference(game, reference), data


def with_reference(game: PreferenceGame, reference: str | None) -> PreferenceGame:
    """Return the game with the reference of an option: ``"uniform"``, a file, or ``None`` for its own."""
    if reference is None:
        return game
    from ..data import load_reference

    return game.replace(reference=None if reference == "uniform" else load_reference(reference, game.labels))
