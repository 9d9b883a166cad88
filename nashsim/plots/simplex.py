"""Trajectories of three-action policies on the simplex."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import wrap
from typing import Any

import numpy as np

from ..errors import NashsimError
from .lines import lines_of
from .style import one_call, shown

#: Corners of the triangle in the plane: first action left, second right, third on top.
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])
#: Where arrows stand, as shares of a path's length, and the length below which there are none.
_ARROWS, _SHORTEST = (0.12, 0.35, 0.65), 0.04


@one_call
def simplex(
    runs: Any, *, labels=None, equilibrium=None, context: int | None = None, legend: bool = True, ax=None
) -> Any:
    """Plot the paths of three-action policies on the simplex, with arrows along their way.

    Parameters
    ----------
    runs : Run, or a sequence or dict of them
        Runs of a game of three actions, recorded with ``keep_policies=True``; the keys of a dict are its labels. An
        array of probabilities, shape (records, 3), stands for a path too.
    labels : sequence of three str or None
        Names of the corners; ``None`` takes those of the game.
    equilibrium : array_like of three probabilities, or None
        Policy that is marked by a star; ``None`` takes the runs' exact equilibrium.
    context : int or None
        Which context of a stack.
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
        For other numbers of actions, or runs that did not keep their policies.

    Examples
    --------
    >>> from nashsim import games, plots, run
    >>> game = games.get("rps").replace(tau=0.1, reference=[0.6, 0.3, 0.1])
    >>> ax = plots.simplex(run(game, "omd", queries=300, keep_policies=True))
    >>> [text.get_text() for text in ax.texts][:3]
    ['rock', 'paper', 'scissors']
    """
    paths, names, found, own = [], [], [], None
    for label, run in _each(runs):
        path = _path(run, context)
        rule = getattr(getattr(run, "rule", None), "name", "")
        paths.append(path)
        names.append((label, rule))
        if hasattr(run, "game"):
            own = run.game.labels
            if run.log_equilibrium is not None:
                found.append(np.exp(run.log_equilibrium[context or 0]))
    if not paths:
        raise NashsimError("runs: at least one run is needed, found none")
    corners = labels if labels is not None else (own or ("0", "1", "2"))
    draw_simplex(ax, corners)
    lines = lines_of([rule for _, rule in names], "rule")
    for path, (label, _), line in zip(paths, names, lines, strict=True):
        _draw_path(ax, path, {**line, "label": shown(label) if label else line["label"]})
    stars = found if equilibrium is None else [np.asarray(equilibrium, float)]
    for star in {tuple(star.round(9)): star for star in stars}.values():
        ax.plot(*to_plane(star), "*", color="white", markeredgecolor="black", markersize=11, zorder=5)
    if legend:
        handles = [
            line for line in ax.lines if str(line.get_label()) and not str(line.get_label()).startswith("_")
        ]
        handles = handles if len(handles) > 1 else []
        ax.legend(
            handles=[*handles, *marks(bool(stars))], loc="upper left", bbox_to_anchor=(0.98, 1.0), fontsize=8
        )


def to_plane(policies: np.ndarray) -> np.ndarray:
    """Return the points of the plane, shape (..., 2), of policies of shape (..., 3)."""
    return np.asarray(policies) @ CORNERS


def marks(star: bool = True) -> list:
    """Return the handles that say what circle, square and star are."""
    from matplotlib.lines import Line2D

    kinds = [("o", "white", 5, "start"), ("s", "black", 5, "last iterate")]
    kinds += [("*", "white", 10, "exact equilibrium")] if star else []
    return [
        Line2D([], [], marker=marker, color="none", markerfacecolor=face, markeredgecolor="black",
               markersize=size, label=text) for marker, face, size, text in kinds
    ]  # fmt: skip


def draw_simplex(axes, labels, grid: int = 5) -> None:
    """Draw the triangle with its corner labels and a light grid on ``axes``.

    Labels are broken into lines that end before the neighbour's begin, and keep clear of paths and title.

    Parameters
    ----------
    axes : matplotlib Axes
    labels : sequence of three str
    grid : int
        Cells along an edge.
    """
    labels = [str(label) for label in labels]
    if len(labels) != 3:
        raise NashsimError(f"labels: a simplex is drawn of three actions, found {len(labels)}")
    closed = np.vstack([CORNERS, CORNERS[:1]])
    for k in range(1, grid):
        for corner in range(3):
            ends = np.zeros((2, 3))
            ends[:, corner] = k / grid
            ends[[0, 1], [c for c in range(3) if c != corner]] = 1 - k / grid
            axes.plot(*to_plane(ends).T, color="#dddddd", linewidth=0.5, zorder=0, label="_grid")
    axes.plot(*closed.T, color="black", linewidth=0.9, zorder=1, label="_edge")
    # Of the bottom edge each of its labels has less than half, from its own corner on; the top has the whole edge.
    unit, size = _edge_in_points(axes), 9.0
    left, right, top = (
        _broken(label, share * unit / (0.6 * size))
        for label, share in zip(labels, (0.46, 0.46, 0.9), strict=True)
    )
    deep = 1.25 * size / unit
    below, above = deep * max(len(left), len(right)) + 0.05, deep * len(top) + 0.05
    # one line stands on the foot of the other corner's, whatever their letters; several hang from below the edge
    y, va = (-0.03 - 0.75 * size / unit, "baseline") if len(left) == len(right) == 1 else (-0.03, "top")
    corners = ((left, (0, y), "left", va), (right, (1, y), "right", va))
    for rows, at, ha, va in (*corners, (top, CORNERS[2] + (0, 0.03), "center", "bottom")):
        text = "\n".join(shown(row, 200) for row in rows)
        axes.text(*at, text, ha=ha, va=va, fontsize=size, linespacing=1.1)
    axes.set(xlim=(-0.04, 1.04), ylim=(-below, CORNERS[2, 1] + above))
    axes.set_aspect("equal")
    axes.set_axis_off()


def _edge_in_points(axes) -> float:
    """About how long an edge of the triangle is, from the room that axes have in their figure before any layout."""
    box = axes.get_position()
    width, height = axes.figure.get_size_inches() * 72 * (box.width, box.height)
    return max(min(width / 1.1, height / 1.25) * 0.85, 60.0)


def _broken(label: str, most: float) -> list[str]:
    """A label in at most three lines of about ``most`` characters."""
    lines = wrap(" ".join(label.split()), max(int(most), 4)) or [""]
    return lines if len(lines) <= 3 else [*lines[:2], lines[2][:-1] + "…"]


def _each(runs):
    """Yield (label or None, run or array) of whatever was passed."""
    if hasattr(runs, "log_policies") or isinstance(runs, np.ndarray):
        yield None, runs
    elif isinstance(runs, Mapping):
        for label, one in runs.items():
            for _, run in _each(one):
                yield str(label), run
    elif isinstance(runs, Iterable) and not isinstance(runs, str | bytes):
        for one in runs:
            yield from _each(one)
    else:
        raise NashsimError(f"runs: a Run, several or a dict of them is needed, found {type(runs).__name__}")


def _path(run, context: int | None) -> np.ndarray:
    """Return the policies of a path as probabilities, shape (records, 3)."""
    if isinstance(run, np.ndarray):
        path = run
    elif run.log_policies is None:
        raise NashsimError("runs: the policies on the way are needed; run with keep_policies=True")
    else:
        contexts = run.log_policies.shape[1]
        if context is None and contexts > 1:
            raise NashsimError(
                f"context: the game is a stack of {contexts} contexts; choose one by context=0, ..."
            )
        if context is not None and not 0 <= context < contexts:
            raise NashsimError(f"context: a number from 0 to {contexts - 1} is needed, found {context}")
        path = np.exp(run.log_policies[:, context or 0])
    if path.ndim != 2 or path.shape[1] != 3:
        raise NashsimError(
            f"runs: policies of three actions are needed, shape (records, 3), found {path.shape};"
            " plots.convergence takes any number"
        )
    return path


def _draw_path(ax, path: np.ndarray, line: dict) -> None:
    """Draw a path with arrows, a circle where it starts and a square where it ends."""
    points = to_plane(path[np.isfinite(path).all(axis=1)])
    ax.plot(*points.T, linewidth=1.2, zorder=2, **line)
    pieces = np.linalg.norm(np.diff(points, axis=0), axis=1)
    length = np.concatenate([[0], pieces.cumsum()])
    for share in _ARROWS if length[-1] > _SHORTEST else ():
        k = min(int(np.searchsorted(length, share * length[-1])), len(pieces))
        tail, head = points[k - 1], points[k]
        if (gap := np.linalg.norm(head - tail)) > 0:
            middle = (tail + head) / 2
            step = (head - tail) / gap * 0.004
            ax.annotate("", middle + step, middle - step, zorder=3,
                        arrowprops={"arrowstyle": "-|>", "color": line["color"], "mutation_scale": 11, "linewidth": 0.8,
                                    "shrinkA": 0, "shrinkB": 0})  # fmt: skip
    colour = line["color"]
    ax.plot(*points[0], "o", color="white", markeredgecolor=colour, markersize=5, zorder=4, label="_start")
    ax.plot(*points[-1], "s", color=colour, markersize=4.5, zorder=4, label="_last")
