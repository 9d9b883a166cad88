"""Trajectories of three-action policies on the simplex."""

from __future__ import annotations

import numpy as np

#: Corners of the triangle in the plane: first action left, second right, third on top.
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])


def to_plane(policies: np.ndarray) -> np.ndarray:
    """Return the points of the plane, shape (..., 2), of policies of shape (..., 3)."""
    return np.asarray(policies) @ CORNERS


def draw_simplex(axes, labels, grid: int = 5) -> None:
    """Draw the triangle with its corner labels and a light grid on ``axes``.

    Parameters
    ----------
    axes : matplotlib Axes
    labels : sequence of three str
    grid : int
        Cells along an edge.
    """
    closed = np.vstack([CORNERS, CORNERS[:1]])
    for k in range(1, grid):
        for corner in range(3):
            others = [c for c in range(3) if c != corner]
            ends = []
            for other in others:
                point = np.zeros(3)
                point[corner], point[other] = k / grid, 1 - k / grid
                ends.append(to_plane(point))
            axes.plot(*np.transpose(ends), color="#dddddd", linewidth=0.5, zorder=0)
    axes.plot(*closed.T, color="black", linewidth=0.9, zorder=1)
    for point, label, align, shift in zip(
        CORNERS, labels, ("right", "left", "center"), ((-0.03, -0.05), (0.03, -0.05), (0, 0.04)), strict=True
    ):
        axes.text(*(point + shift), label, ha=align, va="center")
    axes.set_aspect("equal")
    axes.set_axis_off()
