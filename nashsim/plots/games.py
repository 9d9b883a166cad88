"""A game as it is drawn: one context of it, whatever it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import NashsimError

if TYPE_CHECKING:
    from ..data import PreferenceData
    from ..game import PreferenceGame

#: The largest game of which a matrix or a path over tau is drawn.
MOST = 2000


def one_game(given: Any, context: int | None, argument: str = "game") -> PreferenceGame:
    """Return a game of one context from a game, preference data or a matrix.

    Parameters
    ----------
    given : PreferenceGame, PreferenceData, DataFrame or array_like
        What is to be drawn; of data every pair is needed.
    context : int or None
        Which context of a stack; ``None`` where there is one.
    argument : str
        Name of the argument in errors.

    Raises
    ------
    NashsimError
        For anything else, a context that is not there, a stack without one chosen, or more than 2000 actions.
    """
    from ..data import PreferenceData
    from ..game import PreferenceGame

    game = given.game() if isinstance(given, PreferenceData) else getattr(given, "game", given)
    if not isinstance(game, PreferenceGame):
        if isinstance(game, str) or game is None:
            raise NashsimError(
                f"{argument}: a PreferenceGame, preference data or a matrix is needed, found {given!r};"
                " games.get(name) and load(file) return one"
            )
        game = PreferenceGame(game)
    if context is None and game.contexts > 1:
        raise NashsimError(
            f"context: the game is a stack of {game.contexts} contexts; choose one by context=0, ..."
        )
    if context is not None and not 0 <= context < game.contexts:
        raise NashsimError(f"context: a number from 0 to {game.contexts - 1} is needed, found {context}")
    if game.actions > MOST:
        raise NashsimError(f"{argument}: at most {MOST} actions can be drawn, found {game.actions}")
    if game.contexts == 1:
        return game
    at = int(context or 0)
    return PreferenceGame(
        game.probabilities[at],
        log_reference=game.log_reference[at],
        tau=game.tau,
        regulariser=game.regulariser,
        labels=game.labels,
        name=f"{game.name}, context {at}",
    )


def matrix_of(
    given: Any, context: int | None
) -> tuple[np.ndarray, tuple[str, ...], PreferenceGame | PreferenceData]:
    """Return P, NaN where a pair of data was never compared, its labels, and the game or data."""
    from ..data import PreferenceData

    if isinstance(given, PreferenceData) and np.isnan(given.probability).any():
        return given.probability, given.labels, given
    game = one_game(given, context)
    return game.probabilities[0], game.labels, game


def named(game) -> str:
    """Return a game's name and tau for a title."""
    from .style import shown

    tau = getattr(game, "tau", None)
    return shown(game.name, 60) + (f", τ = {tau:g}" if tau is not None else "")
