"""Legends: one below all axes of a figure, or one that finds its place beside the curves of a plot."""

from __future__ import annotations

#: Entries beyond which a legend stands beside its axes, and beyond which the last of them are left out.
_INSIDE, _MOST = 8, 24


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


def legend_of(axes, handles=None) -> None:
    """Put the legend of a plot's curves into its axes, or beside them where there are many.

    Parameters
    ----------
    axes : matplotlib Axes
    handles : sequence of artists or None
        ``None`` takes those of the axes that have a label.
    """
    handles = list(axes.get_legend_handles_labels()[0] if handles is None else handles)
    beside = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0.0}
    if len(handles) > _MOST:
        left = len(handles) - _MOST
        handles = [*handles[:_MOST], axes.plot([], [], linestyle="none", label=f"and {left} more")[0]]
    if handles:
        axes.legend(handles=handles, **(beside if len(handles) > _INSIDE else {"loc": "best"}))
