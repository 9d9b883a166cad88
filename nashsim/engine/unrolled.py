"""Operations over all actions of small games at once, written out by the compiler: no loop, everything in registers."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import registers as reg
from .vectors import join, places, vector_of


def _read_all(builder, pointer, count: int, vector) -> list[list]:
    """Return ``count`` vectors that lie one after the other, as lists of registers."""
    size = vector.registers * vector.lanes
    starts = [ir.Constant(ir.IntType(64), i * size) for i in range(count)]
    return [
        [reg.read(builder, place, vector.lanes) for place in places(builder, pointer, start, vector)]
        for start in starts
    ]


@intrinsic
def multiply_games(typing_context, shape, actions, matrices, values, product):
    """Write A v for as many games as the shape has lanes.

    The sums run over even and over odd columns, as those of ``panel_kernel`` do, so that both give the same bits.

    Parameters
    ----------
    shape : tuple
        Of a vector with one game a lane.
    actions : tuple
        As many zeros as actions.
    matrices : pointer, shape (actions, actions, lanes)
        A, whose diagonal is not read.
    values, product : pointer, shape (actions, lanes)
    """
    size, vector = len(actions), vector_of(shape)

    def generate(context, builder, signature, arguments):
        columns = _read_all(builder, arguments[3], size, vector)
        zero = [reg.constant(vector.lanes, 0.0)] * vector.registers
        for i in range(size):
            sums = [zero, zero]
            for j in range(size):
                if i != j:
                    start = ir.Constant(ir.IntType(64), (i * size + j) * vector.registers * vector.lanes)
                    at = places(builder, arguments[2], start, vector)
                    entries = [reg.read(builder, place, vector.lanes) for place in at]
                    terms = zip(entries, columns[j], sums[j % 2], strict=True)
                    sums[j % 2] = [reg.fused(builder, *term) for term in terms]
            start = ir.Constant(ir.IntType(64), i * vector.registers * vector.lanes)
            targets = places(builder, arguments[4], start, vector)
            for even, odd, target in zip(*sums, targets, strict=True):
                reg.write(builder, builder.fadd(even, odd), target)
        return context.get_dummy_value()

    return types.void(shape, actions, matrices, values, product), generate


@intrinsic
def sum_actions(typing_context, shape, actions, panel, values):
    """Return the sum over actions, in the order in which ``lane_sum`` forms it: a vector of the games' sums.

    Parameters
    ----------
    shape : tuple
        Of a vector with one game a lane.
    actions : tuple
        As many zeros as actions.
    panel : tuple
        Shape of the vector that holds the actions of one game.
    values : pointer, shape (actions, lanes)
    """
    size, vector, across = len(actions), vector_of(shape), vector_of(panel)

    def generate(context, builder, signature, arguments):
        parts = _read_all(builder, arguments[3], size, vector)
        lanes = across.lanes
        sums = parts[:lanes]
        for i in range(lanes, size):
            sums[i % lanes] = _add(builder, sums[i % lanes], parts[i])
        while lanes > 1:
            lanes //= 2
            for i in range(lanes, len(sums)):
                sums[i - lanes] = _add(builder, sums[i - lanes], sums[i])
            sums = sums[:lanes]
        return join(builder, sums[0])

    return vector(shape, actions, panel, values), generate


def _add(builder, one: list, other: list) -> list:
    return [builder.fadd(a, b) for a, b in zip(one, other, strict=True)]
