"""Curves over seeds: the median as a line, the whole range as a band."""

from __future__ import annotations


def bands(axes, frame, x: str = "queries", **line) -> None:
    """Draw the median of ``value`` against ``x`` over seeds, with a band from the least to the largest.

    Parameters
    ----------
    axes : matplotlib Axes
    frame : pandas.DataFrame
        Tidy rows of one metric and one rule: columns ``x`` and ``value``.
    x : str
    **line
        Keyword arguments of ``axes.plot``.
    """
    grouped = frame.groupby(x).value
    middle = grouped.median()
    axes.plot(middle.index, middle, **line)
    axes.fill_between(
        middle.index, grouped.min(), grouped.max(), color=line.get("color"), alpha=0.18, linewidth=0
    )
