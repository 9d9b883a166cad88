"""Curves over seeds: the median with the whole range, or the mean with its 95% band."""

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


def mean_line(axes, frame, x: str = "rounds", **line) -> None:
    """Draw the mean of ``value`` over seeds with the 95% band of that mean by Student's t, cut off below 0.

    Parameters
    ----------
    axes : matplotlib Axes
    frame : pandas.DataFrame
        Tidy rows of one metric and one learner: columns ``seed``, ``x`` and ``value``, every seed at the same ``x``.
    x : str
    **line
        Keyword arguments of ``axes.plot``.
    """
    from ..theory.growth import mean_band

    table = frame.pivot(index="seed", columns=x, values="value")
    at = table.columns.to_numpy(float)
    mean, low, high = mean_band(table.to_numpy(), least=0)
    axes.plot(at, mean, **line)
    axes.fill_between(at, low, high, color=line.get("color"), alpha=0.18, linewidth=0)
