"""Rankings side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from .games import named
from .style import one_call, shown

#: Head of each column.
_HEADS = {
    "lottery": "maximal\nlottery", "nash": "regularised\nNash", "borda": "Borda", "copeland": "Copeland",
    "bradley_terry": "Bradley–\nTerry", "elo": "Elo",
}  # fmt: skip


@one_call
def rankings(game: Any, *, context: int | None = None, ax=None, **options) -> Any:
    """Plot the scores of every label by several rules as a table, coloured by rank: dark is first.

    Where the columns differ, the rules disagree. Rows are in the order of the regularised Nash policy.

    Parameters
    ----------
    game : PreferenceGame, PreferenceData, matrix or Rankings
        Preferences, or what :func:`nashsim.rankings` returned.
    context : int or None
        Which context of a stack.
    ax : matplotlib Axes or None
        Axes to draw on; ``None`` makes a figure.
    **options
        Those of :func:`nashsim.rankings`, e.g. ``tau``.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    NashsimError
        As :func:`nashsim.rankings`.

    Examples
    --------
    >>> from nashsim import games, plots
    >>> plots.rankings(games.get("glasgow")).get_yticklabels()[0].get_text()
    'Dornan'
    """
    from ..data import PreferenceData
    from ..rankings import Rankings
    from ..rankings import rankings as ranked
    from .games import one_game

    title = "rankings"
    if not isinstance(game, Rankings):
        source = game if isinstance(game, PreferenceData) else one_game(game, context)
        title = named(source)
        game = ranked(source, **{"bootstrap": 0, **options})
    scores = game.scores.iloc[np.lexsort((-game.scores.borda, -game.scores.nash.round(9)))]
    n, columns = scores.shape
    image = scores.round(9).rank(ascending=False).to_numpy(float)
    drawn = ax.imshow(image, cmap=_shades(), vmin=1, vmax=max(n, 2), aspect="auto", interpolation="nearest")
    ax.grid(False)
    every = range(n) if n <= 45 else range(0, n, -(-n // 25))
    ax.set_yticks(list(every), [shown(scores.index[i]) for i in every], fontsize=8 if n <= 25 else 6)
    ax.set_xticks(range(columns), [_HEADS.get(name, name) for name in scores.columns], fontsize=8)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    if n <= 30:
        for (i, j), value in np.ndenumerate(scores.to_numpy(float)):
            text = f"{value:.0f}" if scores.columns[j] == "elo" else f"{value:.2f}"
            ink = "white" if image[i, j] <= 0.5 * (n + 1) else "black"
            ax.text(j, i, "–" if np.isnan(value) else text, ha="center", va="center", color=ink,
                    fontsize=8 if n <= 16 else 6.5)  # fmt: skip
    bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.8, label="rank (1 is best, ties share the mean)")
    bar.set_ticks(np.unique(np.linspace(1, max(n, 2), 5).round()))
    bar.ax.invert_yaxis()
    bar.outline.set_visible(False)
    if not ax.get_title():
        ax.set_title(title, pad=8)


def _shades():
    """Blues from dark to light, without the whitest, on which nothing would be seen to stand."""
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap

    return ListedColormap(mpl.colormaps["Blues_r"](np.linspace(0, 0.85, 256)))
