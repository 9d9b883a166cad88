"""Preferences stored as one triangle of A: half the memory of a matrix, and half of what a product reads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import NashsimError
from .blocks import BlockPreference, row_ranges
from .checks import (
    ASYMMETRY_TOLERANCE,
    as_matrix,
    check_margins,
    check_probabilities,
    check_square,
    skew_part,
)
from .dense import Preference


class PackedPreference(BlockPreference):
    """A = P - 1/2 held by its strict upper triangle, row after row; each entry is used twice in a product.

    Parameters
    ----------
    triangle : array_like, shape (actions (actions - 1)/2,)
        A[0, 1], A[0, 2], ..., A[1, 2], ...: the order of ``scipy.spatial.distance.squareform``. Copied.
    dtype : {float64, float32}
        float32 halves the memory again and perturbs the game: see ``perturbation``. Products are summed in
        float64 either way.

    Attributes
    ----------
    triangle : ndarray
        Read-only.
    perturbation : float
        max|A_stored - A|, 0 for float64; at most 2^-26 = 1.5e-8 for float32 [derived].

    Raises
    ------
    NashsimError
        If the length is no triangle's, an entry is not finite or outside [-1/2, 1/2], or ``dtype`` is another.

    Examples
    --------
    >>> PackedPreference([0.4, -0.3, 0.4]).margin(np.array([[4, 3, 4]]) / 11).round(12) + 0.0
    array([[0., 0., 0.]])
    """

    def __init__(self, triangle, dtype=np.float64):
        triangle = np.asarray(triangle)
        actions = (1 + round(np.sqrt(1 + 8 * triangle.size))) // 2
        if triangle.ndim != 1 or actions * (actions - 1) // 2 != triangle.size:
            raise NashsimError(
                "triangle: the actions (actions - 1)/2 entries above the diagonal are needed,"
                f" found shape {triangle.shape}"
            )
        self._allocate(actions, dtype)
        for first, last in row_ranges(actions):
            self._store(self._start(first), triangle[self._start(first) : self._start(last)])
        self._finish()

    @classmethod
    def from_blocks(
        cls, block: Callable[[int, int], np.ndarray], actions: int, dtype=np.float64
    ) -> PackedPreference:
        """Build from a function that gives A's rows, without ever forming a matrix.

        Parameters
        ----------
        block : callable
            ``block(first, last)`` returns A[first:last, first:] = P - 1/2; what lies on or below the diagonal is
            not read.
        actions : int
        dtype : {float64, float32}

        Raises
        ------
        NashsimError
            If there is no action, a block has another shape, an entry is not finite or outside [-1/2, 1/2].

        Examples
        --------
        >>> strength = np.arange(4.0)
        >>> block = lambda first, last: 0.1 * (strength[first:last, None] - strength[first:])
        >>> PackedPreference.from_blocks(block, 4).dense()[0, 0]
        array([ 0. , -0.1, -0.2, -0.3])
        """
        if actions < 1:
            raise NashsimError(f"actions: at least one action is needed, found {actions}")
        packed = cls.__new__(cls)
        packed._allocate(actions, dtype)
        for first, last in row_ranges(actions):
            values, shape = block(first, last), (last - first, actions - first)
            if np.shape(values) != shape:
                raise NashsimError(f"block: an array of shape {shape} is needed, found {np.shape(values)}")
            for i, row in enumerate(values):
                packed._store(packed._start(first + i), row[i + 1 :])
        packed._finish()
        return packed

    @classmethod
    def from_preference(cls, preference: Preference, dtype=np.float64) -> PackedPreference:
        """Build from another storage of one game.

        Parameters
        ----------
        preference : Preference
            Preference of one context.
        dtype : {float64, float32}

        Raises
        ------
        NashsimError
            If the preference is a stack.
        """
        if preference.contexts != 1:
            raise NashsimError(f"preference: packed storage holds one game, found {preference.contexts}")
        if isinstance(preference, BlockPreference):
            return cls.from_blocks(lambda a, b: preference.rows(a, b)[:, a:], preference.actions, dtype)
        skew = preference.dense()[0]
        return cls.from_blocks(lambda a, b: skew[a:b, a:], len(skew), dtype)

    @classmethod
    def from_probabilities(
        cls,
        probabilities,
        *,
        symmetrise: bool = False,
        tolerance: float = ASYMMETRY_TOLERANCE,
        dtype=np.float64,
    ) -> PackedPreference:
        """Build from a matrix of win probabilities P(row ≻ column), reading it in blocks.

        Parameters
        ----------
        probabilities : array_like, shape (actions, actions)
            Entries in [0, 1] with P + P^T = 1.
        symmetrise, tolerance
            As for :meth:`DensePreference.from_probabilities`.
        dtype : {float64, float32}

        Raises
        ------
        NashsimError
            As for :meth:`DensePreference.from_probabilities`.
        """
        p = as_matrix(probabilities)
        check_square(p[None])

        def block(first: int, last: int) -> np.ndarray:
            right = np.asarray(p[first:last, first:], dtype=np.float64)
            below = np.asarray(p[first:, first:last], dtype=np.float64)
            check_probabilities(right, (first, first))
            check_probabilities(below, (first, first))
            return skew_part(right, below.T, symmetrise, tolerance)

        return cls.from_blocks(block, len(p), dtype)

    def margin(self, policy: np.ndarray) -> np.ndarray:
        from .packed_kernel import skew_product

        margin = np.empty((1, self.actions))
        skew_product(self.triangle, np.ascontiguousarray(policy[0], dtype=np.float64), margin[0])
        return margin

    def rows(self, first: int, last: int) -> np.ndarray:
        from .packed_kernel import unpack_rows

        block = np.zeros((last - first, self.actions))
        unpack_rows(self.triangle, first, block)
        return block

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return the triangle alone."""
        return (self.triangle,)

    def __repr__(self) -> str:
        return f"PackedPreference(actions={self.actions}, dtype={self.triangle.dtype})"

    def _start(self, row: int) -> int:
        """Where a row begins in the triangle."""
        return row * (2 * self.actions - row - 1) // 2

    def _allocate(self, actions: int, dtype) -> None:
        if np.dtype(dtype) not in (np.float64, np.float32):
            raise NashsimError(f"dtype: float64 or float32 is needed, found {np.dtype(dtype)}")
        self.actions, self.perturbation = actions, 0.0
        self.triangle = np.empty(actions * (actions - 1) // 2, dtype)

    def _store(self, start: int, values: np.ndarray) -> None:
        stored = self.triangle[start : start + len(values)]
        stored[:] = values
        check_margins(stored, "preference")
        if self.triangle.dtype == np.float32 and values.size:
            self.perturbation = max(self.perturbation, float(np.abs(stored - np.float64(values)).max()))

    def _finish(self) -> None:
        self.triangle.flags.writeable = False
