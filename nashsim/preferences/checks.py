"""What every storage asks of the numbers it is given, on the whole matrix or on a block of it."""

from __future__ import annotations

import numpy as np

from ..errors import NashsimError
from ..policies import order_of

#: How far P + P^T may lie from 1 before it counts as an error in the data rather than rounding.
ASYMMETRY_TOLERANCE = 1e-9

#: Largest game whose matrix is formed from another storage: 3.2 GB.
MOST_DENSE = 20_000


def check_dense(actions: int, what: str = "preference", most: int = MOST_DENSE) -> None:
    """Raise NashsimError where a matrix is too large to be formed from a storage that avoids it.

    Parameters
    ----------
    actions : int
    what : str
        Name of what needs the matrix, for the error.
    most : int
    """
    if actions > most:
        raise NashsimError(
            f"{what}: this needs the matrix of all preferences, which is formed for at most {most} actions,"
            f" found {actions} ({8e-9 * actions**2:.3g} GB); use what needs products only, or fewer actions"
        )


def matrix_labels(probabilities) -> list[str] | None:
    """Return the labels of a DataFrame's rows; of anything else ``None``."""
    return [str(label) for label in probabilities.index] if hasattr(probabilities, "columns") else None


def as_matrix(probabilities) -> np.ndarray:
    """Return P as an array, a DataFrame's columns in the order of its rows; other labels are refused."""
    labels = matrix_labels(probabilities)
    if labels is None:
        return np.asarray(probabilities)
    return probabilities.to_numpy()[:, order_of(probabilities.columns, labels, "preference's columns")]


def check_square(matrix: np.ndarray) -> None:
    """Raise NashsimError unless the array is a non-empty stack of square matrices.

    Parameters
    ----------
    matrix : ndarray, shape (contexts, actions, actions)
    """
    if matrix.size == 0:
        raise NashsimError("preference: the matrix is empty; at least one action is needed")
    if matrix.ndim != 3 or matrix.shape[1] != matrix.shape[2]:
        shape = matrix.shape[1:] if matrix.ndim == 3 and matrix.shape[0] == 1 else matrix.shape
        raise NashsimError(
            f"preference: a square matrix (actions, actions) or a stack (contexts, actions, actions)"
            f" is needed, found shape {shape}"
        )


def check_finite(block: np.ndarray, corner: tuple[int, int] = (0, 0)) -> None:
    """Raise NashsimError unless every entry is a finite number.

    Parameters
    ----------
    block : ndarray, shape (..., rows, columns)
    corner : tuple of int
        Row and column at which the block begins in the matrix, for the message.
    """
    bad = ~np.isfinite(block)
    if bad.any():
        raise NashsimError(
            f"preference: every entry must be a finite number, found {block[bad][0]} at {_first(bad, corner)}"
        )


def check_probabilities(block: np.ndarray, corner: tuple[int, int] = (0, 0)) -> None:
    """Raise NashsimError unless every entry is finite and in [0, 1].

    Parameters
    ----------
    block : ndarray, shape (..., rows, columns)
    corner : tuple of int
        Row and column at which the block begins in the matrix, for the message.
    """
    check_finite(block, corner)
    outside = (block < 0) | (block > 1)
    if outside.any():
        raise NashsimError(
            f"preference: probabilities must lie in [0, 1], found {block[outside][0]:g}"
            f" at {_first(outside, corner)} (percentages, counts and payoffs need the matching unit)"
        )


def check_margins(block: np.ndarray, what: str = "skew") -> None:
    """Raise NashsimError unless every entry is finite and in [-1/2, 1/2], without a copy of the block.

    Parameters
    ----------
    block : ndarray
    what : str
        The argument to name in the error.
    """
    largest = max(block.max(), -block.min()) if block.size else 0.0
    if not np.isfinite(largest):
        raise NashsimError(f"{what}: every entry must be a finite number, found {largest}")
    if largest > 0.5:
        raise NashsimError(f"{what}: entries must lie in [-1/2, 1/2], found {largest:g}")


def skew_part(block: np.ndarray, mirrored: np.ndarray, symmetrise: bool, tolerance: float) -> np.ndarray:
    """Return (P - P^T)/2 of a block, or raise NashsimError where P + P^T is not 1.

    Parameters
    ----------
    block, mirrored : ndarray, shape (..., rows, columns)
        P[rows, columns] and P[columns, rows]^T.
    symmetrise : bool
        Accept any asymmetry and average it away.
    tolerance : float
        Largest accepted max|P + P^T - 1| otherwise.
    """
    asymmetry = float(np.abs(block + mirrored - 1).max())
    if asymmetry > tolerance and not symmetrise:
        raise NashsimError(
            f"preference: P + P^T must be 1, found max|P + P^T - 1| = {asymmetry:.6g}"
            f" (tolerance {tolerance:g}); pass symmetrise=True (--symmetrise) to average it away"
        )
    return 0.5 * (block - mirrored)


def _first(bad: np.ndarray, corner: tuple[int, int]) -> tuple[int, int]:
    row, column = np.argwhere(bad)[0][-2:]
    return int(row) + corner[0], int(column) + corner[1]
