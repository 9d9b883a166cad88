"""How fast runs reach the equilibrium, beside what is proved of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import NashsimError
from .bands import bands
from .legend import legend_of
from .style import one_call
from .tidy import curves_of, frame_of

#: What the name of a metric becomes where its values are the proved bound on it.
BOUND = "_bound"
#: Below it curves are rounding: the vertical axis ends there.
_ROUNDING = 1e-18


@one_call
def convergence(
    runs: Any,
    metric: str = "duality_gap",
    *,
    bounds: bool = False,
    x: str = "queries",
    legend: bool = True,
    ax=None,
) -> Any:
    """Plot a recorded metric of runs against preference queries, both axes logarithmic.

    Curves over several seeds are their median with a band from the least to the largest. What tells the curves apart,
    rule, parameters, game or tau, is their label; each rule has the same line in every figure.

    Parameters
    ----------
    runs : Run, DataFrame, or a sequence or dict of them
        Runs of :func:`nashsim.run` or ``run_many``, or a tidy frame of ``Run.frame()``, :func:`nashsim.sweep` or a
        trainer; the keys of a dict are its labels.
    metric : str
        Recorded metric, e.g. ``"kl_to_equilibrium"``.
    bounds : bool
        Whether to draw the proved bounds on that metric, dotted; in a frame, rows of the metric ``<metric>_bound``.
    x : str
        Column of the horizontal axis.
    legend : bool
        Whether to draw a legend.
    ax : matplotlib Axes or None
        Axes to draw on; ``None`` makes a figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    NashsimError
        For anything else to draw, a metric that was not recorded, or bounds where nothing is proved of it.

    Examples
    --------
    >>> from nashsim import games, plots, run
    >>> runs = [run(games.get("rps").replace(tau=0.1), rule, queries=200) for rule in ("omd", "egpo")]
    >>> plots.convergence(runs).get_xlabel()
    'preference queries  P(· ≻ π)'
    """
    found = curves_of(with_bounds(runs, metric) if bounds else runs, metric, x, "rule", "runs")
    for rows, line in zip(found.frames, found.lines, strict=True):
        rows = rows[rows[x] > 0]
        _curve(ax, rows[rows.metric == metric], x, line)
        if bounds:
            largest = rows[rows.metric == metric + BOUND].groupby(x).value.max()
            ax.plot(largest.index, largest, color=line["color"], linestyle=":", linewidth=1.0)
    _scales(ax, [rows[(rows[x] > 0) & (rows.metric == metric)].value for rows in found.frames])
    ax.set(xlabel=_X.get(x, x), ylabel=_label(metric, found.kl))
    if not ax.get_title():
        ax.set_title(found.title)
    if legend:
        handles = ax.get_legend_handles_labels()[0]
        if bounds:
            handles.append(dotted())
        legend_of(ax, handles)


_X = {"queries": "preference queries  P(· ≻ π)", "rounds": "duels", "step": "iterations"}


def dotted():
    """Return the handle that says what dotted lines are."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color="black", linestyle=":", linewidth=1.0, label="proved bound, same colour")


def with_bounds(runs: Any, metric: str):
    """Return the records of runs as one tidy frame, the proved bounds on a metric among them.

    Parameters
    ----------
    runs : Run, DataFrame, or a sequence or dict of them
        As for :func:`convergence`; a frame is returned as it is.
    metric : str
        Metric that is bounded; its bound is called ``<metric>_bound``.

    Raises
    ------
    NashsimError
        Where nothing is proved of the metric.
    """
    import dataclasses

    def bounded(run):
        if not hasattr(run, "bound"):
            return run
        bound = run.bound(metric)
        return (
            run if bound is None else dataclasses.replace(run, metrics={**run.metrics, metric + BOUND: bound})
        )

    def through(given):
        if hasattr(given, "frame") or not np.iterable(given) or hasattr(given, "columns"):
            return bounded(given)
        if hasattr(given, "items"):
            return {key: through(one) for key, one in given.items()}
        return [through(one) for one in given]

    frame = frame_of(through(runs), "runs")
    if metric in set(frame.metric) and metric + BOUND not in set(frame.metric):
        raise NashsimError(
            f"bounds: nothing is proved of {metric!r} for these runs; leave bounds out, or choose another metric"
        )
    return frame


def _curve(ax, rows, x: str, line: dict) -> None:
    """Draw a band over seeds where all have the same records, else a line a seed."""
    if rows.groupby(x).size().nunique() <= 1:
        bands(ax, rows, x, **line)
        return
    for k, (_, mine) in enumerate(rows.groupby("seed")):
        ax.plot(mine[x], mine.value, **{**line, "label": None if k else line["label"]})


def _scales(ax, measured) -> None:
    """Logarithmic axes, the vertical one down to what is measured or rounding; zeros alone stay on a linear one."""
    values = np.concatenate([np.asarray(one, float) for one in measured])
    values = values[values > 0]
    ax.set_xscale("log")
    if values.size:
        ax.set_yscale("log")
        least = max(values.min(), min(_ROUNDING, values.max() / 100)) / 3
        if ax.get_autoscaley_on():  # limits that were set stay
            ax.set_ylim(least, None, auto=True)


def _label(metric: str, kl: bool) -> str:
    from ..engine.metrics import METRICS

    if metric not in METRICS:
        return metric.replace("_", " ")
    label = METRICS[metric].label
    return label if kl else label.split("  ")[0]  # the definition, after two blanks, is that for KL
