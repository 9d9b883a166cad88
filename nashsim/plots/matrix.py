"""Who beats whom: the win matrix, sorted so that its structure shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import NashsimError
from .games import matrix_of, named
from .style import one_call, shown

#: Most actions whose cells hold their number, and whose labels all stand at the axes.
_NUMBERS, _LABELS = 14, 45


@one_call
def matrix(game: Any, order: str | Sequence[str] = "nash", *, context: int | None = None, ax=None) -> Any:
    """Plot P(row ≻ column), blue where the row wins, sorted by the equilibrium.

    Parameters
    ----------
    game : PreferenceGame, PreferenceData, DataFrame or array_like
        Preferences; pairs of data that were never compared stay grey.
    order : "nash", "borda", "given", or a sequence of labels
        Rows and columns by probability in the regularised Nash policy (without tau: in the maximal lottery), which
        stands at the rows, equal ones by mean win rate; by mean win rate; as they are; or as listed.
    context : int or None
        Which context of a stack.
    ax : matplotlib Axes or None
        Axes to draw on; ``None`` makes a figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    NashsimError
        For anything else, labels that are not those of the game, or data with missing pairs where they are needed.

    Examples
    --------
    >>> from nashsim import PreferenceGame, plots
    >>> game = PreferenceGame([[0.5, 0.1], [0.9, 0.5]], tau=0.5, labels=["short", "kind"])
    >>> [text.get_text() for text in plots.matrix(game).get_yticklabels()]
    ['kind  0.69', 'short  0.31']
    """
    p, labels, source = matrix_of(game, context)
    places, masses, told = _ordered(p, labels, source, order)
    p, labels = p[np.ix_(places, places)], [labels[i] for i in places]
    n = len(labels)
    colours = _colours()
    image = ax.imshow(p, cmap=colours, vmin=0, vmax=1, aspect="equal", interpolation="nearest")
    ax.grid(False)
    size = 8 if n <= 20 else 6
    every = range(n) if n <= _LABELS else range(0, n, -(-n // 20))
    names = [shown(label, 22) for label in labels]
    rows = (
        names
        if masses is None
        else [f"{name}  {masses[i]:.2f}" for name, i in zip(names, places, strict=True)]
    )
    flat = n <= 8 and max(map(len, names)) <= 8
    turned = {} if flat else {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(list(every), [names[i] for i in every], fontsize=size, **turned)
    ax.set_yticks(list(every), [rows[i] for i in every], fontsize=size)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    if n <= _NUMBERS:
        for (i, j), value in np.ndenumerate(p):
            if np.isfinite(value):
                ink = "white" if abs(value - 0.5) > 0.3 else "black"
                text = f"{value:.2f}".removeprefix("0")
                ax.text(j, i, text, ha="center", va="center", color=ink, fontsize=8 if n <= 8 else 6.5)
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.8, label="P(row ≻ column)")
    bar.outline.set_visible(False)
    if not ax.get_title():
        ax.set_title(f"{named(source)}\n{told}" if told else named(source))


def _colours():
    import matplotlib as mpl

    return mpl.colormaps["RdBu"].with_extremes(bad="#bbbbbb")


def _ordered(p, labels, source, order) -> tuple[np.ndarray, np.ndarray | None, str]:
    """Return the places of the labels in order, their masses where these are shown, and what the order is."""
    wins = np.nanmean(np.where(np.eye(len(p), dtype=bool), np.nan, p), axis=1) if len(p) > 1 else np.zeros(1)
    if not isinstance(order, str):
        listed = [str(label) for label in order]
        if sorted(listed) != sorted(labels):
            raise NashsimError(
                f"order: each of the {len(labels)} labels is needed once, found {', '.join(listed[:5]) or 'none'}"
            )
        return np.array([labels.index(label) for label in listed]), None, ""
    if order == "given":
        return np.arange(len(p)), None, ""
    if order == "borda":
        return np.argsort(-wins, kind="stable"), None, "sorted by mean win rate"
    if order != "nash":
        raise NashsimError(f"order: 'nash', 'borda', 'given' or labels are needed, found {order!r}")
    from ..data import PreferenceData
    from ..equilibrium import lottery, solve

    game = source.game() if isinstance(source, PreferenceData) else source
    masses = (lottery(game) if game.tau is None else solve(game)).probabilities[0]
    told = "maximal lottery" if game.tau is None else "regularised Nash policy"
    return np.lexsort((-wins, -masses.round(12))), masses, f"sorted by the {told} (at the rows)"
