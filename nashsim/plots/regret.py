"""Regret of learners from duels."""

from __future__ import annotations

from typing import Any

from ..errors import NashsimError
from .bands import mean_line
from .legend import legend_of
from .style import one_call
from .tidy import curves_of

#: What the axis of each regret measures, and whose play is charged.
REGRET = {
    "regret": "cumulative regret  Σ$_t$ τ KL(π$_t$ ‖ BR(π$_t$))",
    "unregularised_regret": "cumulative regret  Σ$_t$ max$_y$ P(y ≻ π$_t$) − 1/2",
    "condorcet_regret": "cumulative Condorcet regret of both arms",
    "copeland_regret": "cumulative Copeland regret of both arms",
    "borda_regret": "cumulative Borda regret of both arms",
    "average_gap": "τ KL(π ‖ BR(π)) of the mean policy played",
}


@one_call
def regret(frame: Any, metric: str = "regret", *, x: str = "rounds", legend: bool = True, ax=None) -> Any:
    """Plot the regret of learners against duels, both axes logarithmic: means with their 95% bands.

    Charged is the policy played: that of the main agent of ENPO and the minimax learners, not its opponent's; both
    arms' mixture of a dueling bandit. Bands are the mean's by Student's t over seeds; one seed has none.

    Parameters
    ----------
    frame : DataFrame, Play, or a sequence or dict of them
        What :func:`nashsim.online.run_regret` returned, or ``play_learner``; the keys of a dict are its labels.
    metric : str
        Recorded regret, one of :data:`nashsim.online.play.DEFINITIONS`.
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
        For anything else to draw, or a metric that was not recorded.

    Examples
    --------
    >>> from nashsim import games, plots
    >>> from nashsim.online import run_regret
    >>> frame = run_regret(games.get("rps"), ["inpo-online", "enpo"], taus=[0.1], rounds=100, seeds=3)
    >>> [text.get_text() for text in plots.regret(frame).get_legend().get_texts()]
    ['INPO-Online', 'ENPO']
    """
    found = curves_of(frame, metric, x, "learner", "frame")
    for rows, line in zip(found.frames, found.lines, strict=True):
        mine = rows[(rows.metric == metric) & (rows[x] > 0)]
        if mine.duplicated(["seed", x]).any():
            raise NashsimError(
                f"frame: several values of one seed at one {x} under {line['label']!r}; give what tells them apart"
                " a column, or pass a dict"
            )
        mean_line(ax, mine, x, **line)
    ax.set(xscale="log", yscale="log", ylim=(_least(ax), None), xlabel="duels T" if x == "rounds" else x)
    ax.set_ylabel(REGRET.get(metric, metric.replace("_", " ")))
    if not ax.get_title():
        ax.set_title(found.title)
    if legend:
        legend_of(ax)


def _least(ax) -> float | None:
    """Where the axis begins: a third of the least mean drawn, though bands may reach down to 0."""
    import numpy as np

    drawn = np.concatenate([np.asarray(line.get_ydata(), float) for line in ax.lines])
    return drawn[drawn > 0].min() / 3 if (drawn > 0).any() else None
