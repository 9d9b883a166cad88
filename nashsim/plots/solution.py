"""The equilibrium against tau."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import NashsimError
from .games import named, one_game
from .legend import legend_of
from .lines import cycle
from .style import PALETTE, one_call, shown

#: Values of tau where none are given: from where most games look unregularised to where most look like the reference.
TAUS = np.geomspace(0.01, 10, 61)


@one_call
def solution_path(
    game: Any, taus: Sequence[float] | None = None, *, context: int | None = None, most: int = 8, ax=None
) -> Any:
    """Plot the regularised Nash policy against tau: from the unregularised game's to the reference.

    Parameters
    ----------
    game : PreferenceGame, PreferenceData, DataFrame or array_like
        Preferences; a tau of its own is marked by a dotted line.
    taus : sequence of float or None
        Values of tau > 0; ``None`` is 61 of them from 0.01 to 10.
    context : int or None
        Which context of a stack.
    most : int
        The most actions that are named, those that reach the largest probability; the others are grey.
    ax : matplotlib Axes or None
        Axes to draw on; ``None`` makes a figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    NashsimError
        For anything else, or a tau that is not above 0.

    Examples
    --------
    >>> from nashsim import games, plots
    >>> ax = plots.solution_path(games.get("tldr"), [0.05, 0.5])
    >>> ax.get_xlabel(), len(ax.lines)
    ('regularisation τ', 14)
    """
    from ..equilibrium import solve
    from ..game import check_tau

    game = one_game(game, context)
    grid = np.unique([check_tau(tau) for tau in (TAUS if taus is None else taus)])
    if not grid.size:
        raise NashsimError("taus: at least one tau > 0 is needed, found none")
    path = np.array([solve(game.replace(tau=tau)).probabilities[0] for tau in grid])
    order = np.argsort(-path.max(axis=0), kind="stable")
    marker = "o" if len(grid) == 1 else None
    for place, action in enumerate(order[:most]):
        ax.plot(grid, path[:, action], marker=marker, label=shown(game.labels[action]), **cycle(place))
    for place, action in enumerate(order[most:]):
        label = f"{len(order) - most} others" if place == 0 else None
        ax.plot(grid, path[:, action], marker=marker, color="#bbbbbb", linewidth=0.7, label=label, zorder=1)
    if game.tau is not None and grid[0] <= game.tau <= grid[-1]:
        ax.axvline(
            game.tau,
            color=PALETTE["grey"],
            linestyle=":",
            linewidth=1.0,
            label=f"this game's τ = {game.tau:g}",
        )
    ax.set(xscale="log", xlabel="regularisation τ", ylabel="probability in the regularised Nash policy")
    ax.set_ylim(0, min(1.02, 1.05 * path.max()))
    if not ax.get_title():
        ax.set_title(named(game.replace(tau=None)))
    legend_of(ax)
