"""How policies lie in memory for the three vector kernels: panels, tiles, and one game a lane."""

from __future__ import annotations

from functools import cache
from math import prod

import numpy as np

#: Stands for log 0 inside a kernel: finite, so that no weight turns it into NaN, and beyond any logit.
ABSENT = -1e300
#: Most actions whose columns stay in registers.
SMALL = 16
#: From so many problems of few actions on, one game a lane is faster than one after the other.
MANY = 8


@cache
def lanes() -> int:
    """Return how many doubles the machine's widest register holds, 8 or 4: what tiles are cut for."""
    from .kernels.llvm_registers import has

    return 8 if has("avx512f") else 4


@cache
def small_lanes() -> int:
    """Return how many doubles a register should hold where a step waits on one: 4 where wide ones are run by halves."""
    from llvmlite.binding import get_host_cpu_name

    return 4 if get_host_cpu_name() == "znver4" else lanes()


def aligned(shape: tuple[int, ...], fill: float | None) -> np.ndarray:
    """Return an array that begins at a cache line: a vector across two of them costs twice.

    Parameters
    ----------
    shape : tuple of int
    fill : float or None
        Value of every entry; ``None`` leaves them to who writes them all.
    """
    size = prod(shape)
    raw = np.empty(size + 8) if fill is None else np.full(size + 8, fill)
    start = -raw.__array_interface__["data"][0] // raw.itemsize % 8
    return raw[start : start + size].reshape(shape)


class Rows:
    """A policy is a row of doubles, padded to whole vectors.

    Parameters
    ----------
    skew : ndarray, shape (contexts, actions, actions)
        A = P - 1/2.
    problems : int
        Seeds times contexts; problem i has context i modulo contexts.

    Attributes
    ----------
    units : int
        Problems, or blocks of them, that threads may share out.
    """

    def __init__(self, skew: np.ndarray, problems: int):
        self.units = self.problems = problems
        self.actions = skew.shape[1]
        self.width = self._width(self.actions)
        self.matrix = self._store(skew)

    def allocate(self, slots: int | None, fill: float) -> np.ndarray:
        """Return an array for one policy a problem, or for ``slots`` of them."""
        return aligned((self.problems, *((slots,) if slots else ()), self.width), fill)

    def allocate_numbers(self, slots: int) -> np.ndarray:
        """Return an array for one number a slot."""
        return np.ones((self.problems, slots))

    def write(self, array: np.ndarray, slot: int, policies: np.ndarray) -> None:
        """Set a slot from an array of shape (problems, actions)."""
        array[:, slot, : self.actions] = policies

    def read(self, array: np.ndarray) -> np.ndarray:
        """Return one policy a problem, shape (problems, actions), from an array of shape ``allocate(None)``."""
        return array[:, : self.actions].copy()


class Panels(Rows):
    """A policy is one vector of at most 16 lanes; A is its columns."""

    def _width(self, actions: int) -> int:
        self._panel = panel_of(actions)
        return self._panel[0] * self._panel[1]

    def _store(self, skew: np.ndarray) -> np.ndarray:
        columns = aligned((len(skew), self.actions, self.width), 0.0)
        columns[:, :, : self.actions] = skew.transpose(0, 2, 1)
        return columns

    def advance(self, logits, powers, inverses, total, program, t0, t1, first, last) -> None:
        """Run the kernel on units ``first <= i < last``."""
        from .kernels.llvm_vectors import shape_of
        from .kernels.panels import advance_panels

        state = (logits, powers, inverses, total)
        advance_panels(
            shape_of(*self._panel), (0,) * self.actions, self.matrix, *state, program, t0, t1, first, last
        )


class Tiles(Rows):
    """A policy is many vectors; A is the square tiles of its upper triangle."""

    def _width(self, actions: int) -> int:
        self._side = lanes()
        return -(-actions // self._side) * self._side

    def _store(self, skew: np.ndarray) -> np.ndarray:
        side, blocks = self._side, self.width // self._side
        tiles = aligned((len(skew), blocks * (blocks + 1) // 2 * side * side), None)
        below = np.tri(side, dtype=bool)
        for context, matrix in enumerate(skew):
            at, rows = 0, np.zeros((side, self.width))
            for i in range(0, self.width, side):
                found = matrix[i : i + side, i:]
                if found.shape != (side, self.width - i):  # filled up with zeros
                    rows[len(found) :] = 0.0
                    rows[: len(found), i : i + found.shape[1]] = found
                    found = rows[:, i:]
                size = side * (self.width - i)
                tile = tiles[context, at : at + size].reshape(-1, side, side)
                tile.transpose(1, 0, 2)[:] = found.reshape(side, -1, side)
                tile[0][below] = 0.0
                at += size
        self._product = aligned((self.problems, self.width), 0.0)
        return tiles

    def advance(self, logits, powers, inverses, total, program, t0, t1, first, last) -> None:
        """Run the kernel on units ``first <= i < last``."""
        from .kernels.llvm_vectors import shape_of
        from .kernels.tiles import advance_tiles

        state = (logits, powers, inverses, total, self._product)
        advance_tiles(shape_of(1, self._side), self.matrix, *state, program, t0, t1, first, last)


class Games:
    """An action is a vector whose lanes are games; the last block is filled up with the first games once more.

    Parameters and attributes are those of ``Rows``.
    """

    def __init__(self, skew: np.ndarray, problems: int):
        self.problems, self.actions = problems, skew.shape[1]
        self.width = lanes()
        self.units = -(-problems // self.width)
        self._order = np.arange(self.units * self.width) % problems
        upper = skew[:, *np.triu_indices(self.actions, 1)][self._order % len(skew)]
        self._entries = aligned((self.units, upper.shape[1], self.width), 0.0)
        self._entries[:] = upper.reshape(self.units, self.width, -1).transpose(0, 2, 1)

    def allocate(self, slots: int | None, fill: float) -> np.ndarray:
        """Return an array for one policy a problem, or for ``slots`` of them."""
        return aligned((self.units, *((slots,) if slots else ()), self.actions, self.width), fill)

    def allocate_numbers(self, slots: int) -> np.ndarray:
        """Return an array for one number a slot."""
        return aligned((self.units, slots, self.width), 1.0)

    def write(self, array: np.ndarray, slot: int, policies: np.ndarray) -> None:
        """Set a slot from an array of shape (problems, actions)."""
        blocks = policies[self._order].reshape(self.units, self.width, self.actions)
        array[:, slot] = blocks.transpose(0, 2, 1)

    def read(self, array: np.ndarray) -> np.ndarray:
        """Return one policy a problem, shape (problems, actions), from an array of shape ``allocate(None)``."""
        return array.transpose(0, 2, 1).reshape(-1, self.actions)[: self.problems].copy()

    def advance(self, logits, powers, inverses, total, program, t0, t1, first, last) -> None:
        """Run the kernel on units ``first <= i < last``."""
        from .kernels.lanes import advance_games
        from .kernels.llvm_vectors import shape_of

        shapes = (shape_of(1, self.width), (0,) * self.actions, shape_of(*panel_of(self.actions)))
        state = (logits, powers, inverses, total)
        advance_games(*shapes, self._entries, *state, program, t0, t1, first, last)


def panel_of(actions: int) -> tuple[int, int]:
    """Return registers and lanes of the smallest vector that holds the actions."""
    size = 4 if actions <= 4 else small_lanes()
    return -(-actions // size), size


def choose_layout(skew: np.ndarray, problems: int) -> Panels | Tiles | Games:
    """Return the fastest layout.

    Parameters
    ----------
    skew : ndarray, shape (contexts, actions, actions)
    problems : int
    """
    actions = skew.shape[1]
    if actions > SMALL:
        return Tiles(skew, problems)
    return (Games if problems >= MANY and actions > 1 else Panels)(skew, problems)
