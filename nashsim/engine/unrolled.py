"""Operations over all actions of small games at once, written out by the compiler: no loop, everything in registers."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .vectors import Vector, fused, vector_at, vector_type


@intrinsic
def skew_columns(typing_context, shape, actions, entries, values, product):
    """Write A v for as many games as the shape has lanes.

    The sums run over even and over odd columns, as those of ``panel_kernel`` do, so that both give the same bits.

    Parameters
    ----------
    shape, actions : tuple
        As many zeros as lanes and as actions.
    entries : pointer, shape (actions (actions - 1)/2, lanes)
        The strict upper triangles, row after row.
    values, product : pointer, shape (actions, lanes)
    """
    size, lanes = len(actions), len(shape)

    def generate(context, builder, signature, arguments):
        zero = ir.Constant(vector_type(lanes), [0.0] * lanes)
        sums = [[None, None] for _ in range(size)]
        sums[0][0] = zero
        vectors = [vector_at(builder, arguments[3], lanes, i) for i in range(size)]
        at = 0
        for i in range(size):
            for j in range(i + 1, size):
                entry = vector_at(builder, arguments[2], lanes, at)
                at += 1
                _accumulate(builder, sums[i], j % 2, entry, vectors[j])
                _accumulate(builder, sums[j], i % 2, builder.fneg(entry), vectors[i])
        for i, (even, odd) in enumerate(sums):
            total = builder.fadd(even if even is not None else zero, odd if odd is not None else zero)
            place = builder.gep(arguments[4], [ir.Constant(ir.IntType(64), i * lanes)])
            builder.store(total, builder.bitcast(place, total.type.as_pointer()), align=8)
        return context.get_dummy_value()

    return types.void(shape, actions, entries, values, product), generate


def _accumulate(builder, sums: list, parity: int, a, b) -> None:
    sums[parity] = builder.fmul(a, b) if sums[parity] is None else fused(builder, a, b, sums[parity])


@intrinsic
def fold_actions(typing_context, shape, actions, width, values):
    """Return the sum over actions, by halves of ``width`` as ``lane_sum`` forms it: a vector of the games' sums.

    Parameters
    ----------
    shape, actions, width : tuple
        As many zeros as lanes, as actions, and as the lanes of a vector that holds the actions.
    values : pointer, shape (actions, lanes)
    """
    size, lanes, half = len(actions), len(shape), len(width) // 2

    def generate(context, builder, signature, arguments):
        parts = [vector_at(builder, arguments[3], lanes, i) for i in range(size)]
        step = half
        while step:
            parts = [
                builder.fadd(part, parts[i + step]) if i + step < len(parts) else part
                for i, part in enumerate(parts[:step])
            ]
            step //= 2
        return parts[0]

    return Vector(lanes)(shape, actions, width, values), generate
