"""A legend below the axes with a line that says what lines and bands are."""

from __future__ import annotations


def legend_below(figure, handles, note: str = "", columns: int = 4) -> None:
    """Put one legend below all axes of a figure with constrained layout, ``note`` above its entries.

    Parameters
    ----------
    figure : matplotlib Figure
    handles : sequence of artists
    note : str
    columns : int
    """
    legend = figure.legend(handles=handles, loc="outside lower center", ncols=columns, title=note or None)
    legend.get_title().set(fontsize=7.5, color="#555555")
