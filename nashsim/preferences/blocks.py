"""Preferences of one game that are never held as a whole matrix: A is produced some rows at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np

from .checks import check_dense

# Entries that are formed at once, 4 MB of float64: a few per cent of any matrix worth storing this way.
_BLOCK = 2**19


class BlockPreference(ABC):
    """The part of the contract that follows from A's rows; one context.

    A storage gives :meth:`rows` and ``actions``, and its own :meth:`margin` where it knows a faster one.
    """

    actions: int

    @property
    def contexts(self) -> int:
        """Always 1."""
        return 1

    @abstractmethod
    def rows(self, first: int, last: int) -> np.ndarray:
        """Return A[first:last], shape (last - first, actions), float64.

        Parameters
        ----------
        first, last : int
        """

    @abstractmethod
    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return the arrays that the preference is held by, not copied; with its type they determine it."""

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield A's rows in order in blocks of bounded memory, each of shape (rows, actions)."""
        for first, last in row_ranges(self.actions):
            yield self.rows(first, last)

    def margin(self, policy: np.ndarray) -> np.ndarray:
        """Return ``A pi`` = P(. ≻ pi) - 1/2; policy and result have shape (1, actions)."""
        return np.concatenate([block @ policy[0] for block in self.blocks()])[None]

    def dense(self) -> np.ndarray:
        """Return A, shape (1, actions, actions), read-only; formed anew at every call, 8 actions^2 bytes.

        Raises
        ------
        NashsimError
            For more than 20 000 actions.
        """
        check_dense(self.actions)
        skew = np.empty((1, self.actions, self.actions))
        for first, last in row_ranges(self.actions):
            skew[0, first:last] = self.rows(first, last)
        skew.flags.writeable = False
        return skew


def row_ranges(actions: int) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of consecutive rows, as many at once as make a block of bounded memory.

    Examples
    --------
    >>> list(row_ranges(3)), len(list(row_ranges(2000)))
    ([(0, 3)], 8)
    """
    height = max(1, _BLOCK // actions)
    for first in range(0, actions, height):
        yield first, min(first + height, actions)
