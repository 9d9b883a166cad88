"""Vectors of float64 inside numba: registers in LLVM's own vector type, and the handful of operations kernels need.

The *shape* of a vector is a tuple with one entry a register, each a tuple with
one zero a lane. Its type tells numba both numbers, so that one source serves
every size and compiled code can be cached.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from . import llvm_registers as reg


class Vector(types.Type):
    """Doubles in registers.

    Parameters
    ----------
    registers, lanes : int
        How many, and how many doubles each holds.
    """

    def __init__(self, registers: int, lanes: int):
        self.registers, self.lanes = registers, lanes
        super().__init__(name=f"Vector({registers}, {lanes})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, numba_type):
        array = ir.ArrayType(reg.register(numba_type.lanes), numba_type.registers)
        super().__init__(manager, numba_type, array)


def shape_of(registers: int, lanes: int) -> tuple[tuple[int, ...], ...]:
    """Return the shape of a vector, which kernels take as an argument."""
    return ((0,) * lanes,) * registers


def vector_of(shape) -> Vector:
    """Return the type of the vectors of a shape's type."""
    return Vector(len(shape), len(shape[0]))


def split(builder, vector) -> list:
    """Return the registers of a vector."""
    return [builder.extract_value(vector, i) for i in range(vector.type.count)]


def join(builder, parts: list):
    """Return the vector of registers."""
    return cgutils.pack_array(builder, parts, parts[0].type)


def places(builder, pointer, start, vector: Vector) -> list:
    """Return where the registers of the vector at ``pointer[start]`` lie."""
    first = builder.gep(pointer, [start])
    return [
        builder.gep(first, [ir.Constant(ir.IntType(64), i * vector.lanes)]) for i in range(vector.registers)
    ]


def _is_pointer(candidate) -> bool:
    return isinstance(candidate, types.CPointer) and candidate.dtype == types.float64


@intrinsic
def pointer(typing_context, array):
    """Return where the elements of a contiguous array lie: read and written flat by ``p[i]``, without checks.

    A kernel's helpers take pointers, as an array's reference count costs two calls a helper.
    """
    if not (isinstance(array, types.Array) and array.layout == "C"):
        return None

    def generate(context, builder, signature, arguments):
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), generate


@intrinsic
def beyond(typing_context, source, start):
    """Return the pointer to ``source[start]``."""
    if not (isinstance(source, types.CPointer) and isinstance(start, types.Integer)):
        return None
    return source(source, types.intp), lambda context, builder, signature, arguments: builder.gep(
        arguments[0], [arguments[1]]
    )


@intrinsic
def load(typing_context, shape, source, start):
    """Return the vector at ``source[start]``."""
    if not (_is_pointer(source) and isinstance(start, types.Integer)):
        return None
    vector = vector_of(shape)

    def generate(context, builder, signature, arguments):
        at = places(builder, arguments[1], arguments[2], vector)
        return join(builder, [reg.read(builder, place, vector.lanes) for place in at])

    return vector(shape, source, types.intp), generate


@intrinsic
def store(typing_context, target, start, vector):
    """Write the vector to ``target[start]``."""
    if not (_is_pointer(target) and isinstance(start, types.Integer) and isinstance(vector, Vector)):
        return None

    def generate(context, builder, signature, arguments):
        at = places(builder, arguments[0], arguments[1], vector)
        for part, place in zip(split(builder, arguments[2]), at, strict=True):
            reg.write(builder, part, place)
        return context.get_dummy_value()

    return types.void(target, types.intp, vector), generate


@intrinsic
def broadcast(typing_context, shape, scalar):
    """Return a vector with the scalar in every lane."""
    vector = vector_of(shape)

    def generate(context, builder, signature, arguments):
        return join(builder, [reg.splat(builder, arguments[1], vector.lanes)] * vector.registers)

    return vector(shape, types.float64), generate


def _generate_lanewise(build):
    """Return the code generator that builds every register by itself."""

    def generate(context, builder, signature, arguments):
        parts = zip(*(split(builder, argument) for argument in arguments), strict=True)
        return join(builder, [build(builder, *part) for part in parts])

    return generate


def _unary(build, doc: str):
    """Return an intrinsic over a vector whose result is a vector of that type."""

    def operation(typing_context, a):
        return (a(a), _generate_lanewise(build)) if isinstance(a, Vector) else None

    operation.__doc__ = doc
    return intrinsic(operation)


def _binary(build, doc: str):
    """Return an intrinsic over two vectors of one type whose result is a vector of that type."""

    def operation(typing_context, a, b):
        return (a(a, b), _generate_lanewise(build)) if isinstance(a, Vector) and a == b else None

    operation.__doc__ = doc
    return intrinsic(operation)


def _ternary(build, doc: str):
    """Return an intrinsic over three vectors of one type whose result is a vector of that type."""

    def operation(typing_context, a, b, c):
        return (a(a, b, c), _generate_lanewise(build)) if isinstance(a, Vector) and a == b == c else None

    operation.__doc__ = doc
    return intrinsic(operation)


exp2 = _unary(reg.exp2, reg.exp2.__doc__)
add = _binary(lambda builder, a, b: builder.fadd(a, b), "Return a + b.")
subtract = _binary(lambda builder, a, b: builder.fsub(a, b), "Return a - b.")
multiply = _binary(lambda builder, a, b: builder.fmul(a, b), "Return a b.")
divide = _binary(lambda builder, a, b: builder.fdiv(a, b), "Return a / b.")
larger = _binary(reg.larger, reg.larger.__doc__)
fma = _ternary(reg.fused, reg.fused.__doc__)
minus_fma = _ternary(
    lambda builder, a, b, c: reg.fused(builder, builder.fneg(a), b, c), "Return c - a b, rounded once."
)
#: Three of them in turn add up the lanes of eight vectors, and leave sum k in lane k.
pairs1 = _binary(lambda builder, a, b: reg.add_pairs(builder, a, b, 1), reg.add_pairs.__doc__)
pairs2 = _binary(lambda builder, a, b: reg.add_pairs(builder, a, b, 2), reg.add_pairs.__doc__)
pairs4 = _binary(lambda builder, a, b: reg.add_pairs(builder, a, b, 4), reg.add_pairs.__doc__)


def _reduction(combine, doc: str):
    """Return an intrinsic from a vector to the scalar that combines all lanes: registers in turn, then halves."""

    def reduce(typing_context, vector):
        if not isinstance(vector, Vector):
            return None

        def generate(context, builder, signature, arguments):
            first, *others = split(builder, arguments[0])
            for part in others:
                first = combine(builder, first, part)
            return reg.fold(builder, first, combine)

        return types.float64(vector), generate

    reduce.__doc__ = doc
    return intrinsic(reduce)


lane_sum = _reduction(lambda builder, a, b: builder.fadd(a, b), "Return the sum of the lanes.")
lane_max = _reduction(reg.larger, "Return the largest lane.")


@intrinsic
def all_between(typing_context, vector, low, high):
    """Return whether low < lane < high for every lane; NaN is outside."""
    if not isinstance(vector, Vector):
        return None

    def generate(context, builder, signature, arguments):
        answer = ir.Constant(ir.IntType(1), 1)
        for part in split(builder, arguments[0]):
            answer = builder.and_(answer, reg.all_true(builder, reg.inside(builder, part, *arguments[1:])))
        return answer

    return types.boolean(vector, types.float64, types.float64), generate


@intrinsic
def where_between(typing_context, vector, low, high, inside, outside):
    """Return ``inside`` in the lanes with low < vector < high, ``outside`` in the others."""
    if not (isinstance(vector, Vector) and vector == inside == outside):
        return None

    def generate(context, builder, signature, arguments):
        value, low, high, *choices = arguments
        parts = zip(split(builder, value), *(split(builder, choice) for choice in choices), strict=True)
        return join(
            builder,
            [builder.select(reg.inside(builder, part, low, high), yes, no) for part, yes, no in parts],
        )

    return vector(vector, types.float64, types.float64, inside, outside), generate
