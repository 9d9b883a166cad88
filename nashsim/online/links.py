"""What learners under another regulariser than KL take beside the arena."""

from __future__ import annotations

import numpy as np

from ..engine.link_drive import compiled
from ..game import PreferenceGame
from .arena import Arena


def link_arguments(game: PreferenceGame, arena: Arena, book) -> tuple:
    """Return arena, book, link, h, its slope and f, as the rounds of ``links_kernel`` take them.

    Parameters
    ----------
    game : PreferenceGame
    arena : Arena
    book : Book

    Raises
    ------
    NashsimError
        For a regulariser without compiled functions.
    """
    from .learners.links_kernel import Link

    regulariser = game.regulariser
    functions = compiled(type(regulariser), "scalar_generator")
    with np.errstate(divide="ignore"):
        alone = regulariser.anchored_link(1 / np.where(game.support, game.reference, 1.0))
    one = float(regulariser.anchored_link(1.0))
    link = Link(game.reference, np.array(alone), regulariser.parameter, float(regulariser.floor), one)
    # the kernels' signature asks for arrays that may be written
    writable = Arena._make(np.array(part) if isinstance(part, np.ndarray) else float(part) for part in arena)
    return writable, book, link, *functions
