"""Operations over all actions of small games at once, written out by the compiler: no loop, everything in registers."""

from __future__ import annotations

from llvmlite import ir
from numba.extending import intrinsic

from . import llvm_registers as reg
from .llvm_vectors import join, places, split, vector_of


@intrinsic
def multiply_columns(typing_context, shape, actions, columns, policy):
    """Return A v of one game, the sum over j of column j times lane j of v, over even and over odd j.

    Parameters
    ----------
    shape : tuple
        Shape of a vector that holds a policy.
    actions : tuple
        As many zeros as actions.
    columns : pointer, shape (actions, lanes)
    policy : Vector
        v, whose lanes are spread within the registers: through memory it would wait for its own store.
    """
    vector = vector_of(shape)

    def generate(context, builder, signature, arguments):
        parts = split(builder, arguments[3])
        zero = [reg.constant(vector.lanes, 0.0)] * vector.registers
        sums = [zero, zero]
        for j in range(len(actions)):
            part, lane = divmod(j, vector.lanes)
            spread = [reg.spread(builder, parts[part], lane)] * vector.registers
            sums[j % 2] = _fuse(builder, _read(builder, arguments[2], j, vector), spread, sums[j % 2])
        return join(builder, _add(builder, *sums))

    return vector(shape, actions, columns, policy), generate


@intrinsic
def step_games(
    typing_context, shape, actions, panel, counting, entries, values, inverse, eta, one, share, other, rest, mean,
    counted, logits, powers,
):  # fmt: skip
    """Do a mirror step on as many games as the shape has lanes.

    Write log pi+ = share one + rest other + eta A v inverse and two to its power, add v counted to the mean, and
    return the powers' sums over actions. All is one stretch of code, so that the exponential of one action runs
    beside the product of the next. Sums have the order of ``panels``, over even and over odd columns and then
    as ``lane_sum``, and so the same bits.

    Parameters
    ----------
    shape : tuple
        Shape of a vector with one game a lane.
    actions : tuple
        As many zeros as actions.
    panel : tuple
        Shape of the vector that holds the actions of one game.
    counting : tuple
        Empty to leave the mean as it is.
    entries : pointer, shape (actions (actions - 1)/2, lanes)
        A above its diagonal, row after row.
    values : pointer, shape (actions, lanes)
        v.
    inverse, eta, share, rest, counted : Vector
    one, other, mean, logits, powers : pointer, shape (actions, lanes)
        What is written may be what is read.
    """
    size, vector, across = len(actions), vector_of(shape), vector_of(panel)
    signature = vector(
        shape, actions, panel, counting, entries, values, inverse, eta, one, share, other, rest, mean, counted,
        logits, powers,
    )  # fmt: skip

    def generate(context, builder, signature, arguments):
        entry_at, value_at, inverse, eta, one_at, share, other_at, rest, *written = arguments[4:]
        mean_at, counted, log_at, power_at = written
        inverse, eta, share, rest, counted = (split(builder, v) for v in (inverse, eta, share, rest, counted))
        columns = _read_all(builder, value_at, size, vector)
        parts = []
        margins = _product(builder, entry_at, columns, vector)
        for i, column in enumerate(columns):
            base = _multiply(builder, _read(builder, one_at, i, vector), share)
            base = _fuse(builder, _read(builder, other_at, i, vector), rest, base)
            margin = _multiply(builder, margins[i], eta)
            x = _fuse(builder, margin, inverse, base)
            _write(builder, log_at, i, x, vector)
            if len(counting):
                mean = _fuse(builder, column, counted, _read(builder, mean_at, i, vector))
                _write(builder, mean_at, i, mean, vector)
            parts.append([reg.exp2(builder, part) for part in x])
        for i, part in enumerate(parts):
            _write(builder, power_at, i, part, vector)
        return join(builder, _sum(builder, parts, across.lanes))

    return signature, generate


def _place(builder, pointer, i: int, vector) -> list:
    return places(builder, pointer, ir.Constant(ir.IntType(64), i * vector.registers * vector.lanes), vector)


def _read(builder, pointer, i: int, vector) -> list:
    """Return vector ``i`` of those that lie from a pointer on, as registers."""
    return [reg.read(builder, place, vector.lanes) for place in _place(builder, pointer, i, vector)]


def _read_all(builder, pointer, count: int, vector) -> list[list]:
    return [_read(builder, pointer, i, vector) for i in range(count)]


def _write(builder, pointer, i: int, parts: list, vector) -> None:
    for part, place in zip(parts, _place(builder, pointer, i, vector), strict=True):
        reg.write(builder, part, place)


def _product(builder, entries, columns: list[list], vector) -> list[list]:
    """Return A times the columns' values, row by row; an entry above the diagonal serves both its sides."""
    zero = [reg.constant(vector.lanes, 0.0)] * vector.registers
    sums = [[zero, zero] for _ in columns]
    at = 0
    for i, here in enumerate(columns):
        for j in range(i + 1, len(columns)):
            entry = _read(builder, entries, at, vector)
            at += 1
            sums[i][j % 2] = _fuse(builder, entry, columns[j], sums[i][j % 2])
            minus = [builder.fneg(part) for part in entry]
            sums[j][i % 2] = _fuse(builder, minus, here, sums[j][i % 2])
    return [_add(builder, *pair) for pair in sums]


@intrinsic
def sum_actions(typing_context, shape, actions, panel, values):
    """Return the sum over actions, in the order in which ``lane_sum`` forms it: a vector of the games' sums.

    Parameters
    ----------
    shape : tuple
        Shape of a vector with one game a lane.
    actions : tuple
        As many zeros as actions.
    panel : tuple
        Shape of the vector that holds the actions of one game.
    values : pointer, shape (actions, lanes)
    """
    size, vector, across = len(actions), vector_of(shape), vector_of(panel)

    def generate(context, builder, signature, arguments):
        return join(builder, _sum(builder, _read_all(builder, arguments[3], size, vector), across.lanes))

    return vector(shape, actions, panel, values), generate


def _sum(builder, parts: list[list], lanes: int) -> list:
    """Return the sum of vectors, as registers: every so many lanes first, then by halves."""
    sums = parts[:lanes]
    for i in range(lanes, len(parts)):
        sums[i % lanes] = _add(builder, sums[i % lanes], parts[i])
    while lanes > 1:
        lanes //= 2
        for i in range(lanes, len(sums)):
            sums[i - lanes] = _add(builder, sums[i - lanes], sums[i])
        sums = sums[:lanes]
    return sums[0]


def _add(builder, one: list, other: list) -> list:
    return [builder.fadd(a, b) for a, b in zip(one, other, strict=True)]


def _multiply(builder, one: list, other: list) -> list:
    return [builder.fmul(a, b) for a, b in zip(one, other, strict=True)]


def _fuse(builder, one: list, other: list, third: list) -> list:
    return [reg.fused(builder, *parts) for parts in zip(one, other, third, strict=True)]
