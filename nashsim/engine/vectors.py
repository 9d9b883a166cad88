"""Vectors of float64 inside numba: LLVM's own vector type, and the handful of operations the kernels need.

A *shape* is a tuple of as many zeros as a vector has lanes. Its type tells numba
the width, so that one source serves every width and compiled code can be cached.
What the machine lacks LLVM splits: a vector of 16 lanes is two registers on
AVX-512 and four on AVX2.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model


class Vector(types.Type):
    """``lanes`` doubles in registers.

    Parameters
    ----------
    lanes : int
    """

    def __init__(self, lanes: int):
        self.lanes = lanes
        super().__init__(name=f"Vector({lanes})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, numba_type):
        super().__init__(manager, numba_type, ir.VectorType(ir.DoubleType(), numba_type.lanes))


def shape_of(lanes: int) -> tuple[int, ...]:
    """Return the shape of a vector, which kernels take as an argument."""
    return (0,) * lanes


def vector_type(lanes: int) -> ir.VectorType:
    """Return LLVM's type of a vector."""
    return ir.VectorType(ir.DoubleType(), lanes)


def vector_at(builder, place, lanes: int, index: int):
    """Return the vector ``index`` of those that lie from a pointer on."""
    place = builder.gep(place, [ir.Constant(ir.IntType(64), index * lanes)])
    return builder.load(
        builder.bitcast(place, vector_type(lanes).as_pointer()), align=8, typ=vector_type(lanes)
    )


def _splat(builder, scalar, lanes: int):
    """Return the scalar in every lane."""
    vector_type = ir.VectorType(scalar.type, lanes)
    index = ir.Constant(ir.IntType(32), 0)
    single = builder.insert_element(ir.Constant(vector_type, ir.Undefined), scalar, index)
    order = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(single, single, order)


def _constant(lanes: int, value: float):
    return ir.Constant(ir.VectorType(ir.DoubleType(), lanes), [value] * lanes)


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
    vector = ir.VectorType(ir.DoubleType(), len(shape))

    def generate(context, builder, signature, arguments):
        place = builder.bitcast(builder.gep(arguments[1], [arguments[2]]), vector.as_pointer())
        return builder.load(place, align=8, typ=vector)

    return Vector(len(shape))(shape, source, types.intp), generate


@intrinsic
def store(typing_context, target, start, vector):
    """Write the vector to ``target[start]``."""
    if not (_is_pointer(target) and isinstance(start, types.Integer) and isinstance(vector, Vector)):
        return None

    def generate(context, builder, signature, arguments):
        place = builder.gep(arguments[0], [arguments[1]])
        builder.store(arguments[2], builder.bitcast(place, arguments[2].type.as_pointer()), align=8)
        return context.get_dummy_value()

    return types.void(target, types.intp, vector), generate


@intrinsic
def broadcast(typing_context, shape, scalar):
    """Return a vector with the scalar in every lane."""
    lanes = len(shape)

    def generate(context, builder, signature, arguments):
        return _splat(builder, arguments[1], lanes)

    return Vector(lanes)(shape, types.float64), generate


def _lanewise(name: str, operands: int, build, doc: str):
    """Return an intrinsic over vectors of one width, whose result is a vector of that width."""
    if operands == 2:

        def typer(typing_context, a, b):
            if not (isinstance(a, Vector) and a == b):
                return None
            return a(a, b), lambda context, builder, signature, arguments: build(builder, *arguments)
    else:

        def typer(typing_context, a, b, c):
            if not (isinstance(a, Vector) and a == b == c):
                return None
            return a(a, b, c), lambda context, builder, signature, arguments: build(builder, *arguments)

    typer.__name__, typer.__doc__ = name, doc
    return intrinsic(typer)


def fused(builder, a, b, c):
    """Return a b + c of LLVM values, rounded once."""
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(a.type, [a.type] * 3),
        f"llvm.fma.v{a.type.count}f64",
    )
    return builder.call(function, [a, b, c])


def _minus_fused(builder, a, b, c):
    return fused(builder, builder.fneg(a), b, c)


def _larger(builder, a, b):
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


add = _lanewise("add", 2, lambda builder, a, b: builder.fadd(a, b), "Return a + b.")
subtract = _lanewise("subtract", 2, lambda builder, a, b: builder.fsub(a, b), "Return a - b.")
multiply = _lanewise("multiply", 2, lambda builder, a, b: builder.fmul(a, b), "Return a b.")
divide = _lanewise("divide", 2, lambda builder, a, b: builder.fdiv(a, b), "Return a / b.")
larger = _lanewise("larger", 2, _larger, "Return the larger of a and b, b where one is NaN.")
fma = _lanewise("fma", 3, fused, "Return a b + c, rounded once.")
minus_fma = _lanewise("minus_fma", 3, _minus_fused, "Return c - a b, rounded once.")


def _fold(builder, vector, combine):
    """Return the lanes combined by halves, an order that every machine shares."""
    lanes = vector.type.count
    while lanes > 1:
        half = lanes // 2
        index = ir.VectorType(ir.IntType(32), half)
        low = builder.shuffle_vector(vector, vector, ir.Constant(index, list(range(half))))
        high = builder.shuffle_vector(vector, vector, ir.Constant(index, list(range(half, lanes))))
        vector, lanes = combine(builder, low, high), half
    return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))


@intrinsic
def lane_sum(typing_context, vector):
    """Return the sum of the lanes."""
    if not isinstance(vector, Vector):
        return None

    def generate(context, builder, signature, arguments):
        return _fold(builder, arguments[0], lambda builder, a, b: builder.fadd(a, b))

    return types.float64(vector), generate


def _pairing(distance: int):
    """Return the intrinsic that adds neighbours at a distance, of ``a`` and of ``b`` in turn."""

    def pairs(typing_context, a, b):
        if not (isinstance(a, Vector) and a == b):
            return None

        def generate(context, builder, signature, arguments):
            lanes = signature.args[0].lanes
            index = ir.VectorType(ir.IntType(32), lanes)
            low = [i + (lanes - distance if i & distance else 0) for i in range(lanes)]
            one = builder.shuffle_vector(*arguments, ir.Constant(index, low))
            other = builder.shuffle_vector(*arguments, ir.Constant(index, [i + distance for i in low]))
            return builder.fadd(one, other)

        return a(a, b), generate

    pairs.__doc__ = (
        f"Return the sums of lanes {distance} apart: those of a where lane & {distance} is 0, else of b."
    )
    return intrinsic(pairs)


#: Three of them in turn add up the lanes of eight vectors, and leave sum k in lane k.
pairs1, pairs2, pairs4 = _pairing(1), _pairing(2), _pairing(4)


@intrinsic
def lane_max(typing_context, vector):
    """Return the largest lane."""
    if not isinstance(vector, Vector):
        return None

    def generate(context, builder, signature, arguments):
        return _fold(builder, arguments[0], _larger)

    return types.float64(vector), generate


@intrinsic
def all_between(typing_context, vector, low, high):
    """Return whether low < lane < high for every lane; NaN is outside."""
    if not isinstance(vector, Vector):
        return None

    def generate(context, builder, signature, arguments):
        lanes = ir.IntType(signature.args[0].lanes)
        inside = builder.bitcast(_inside(builder, *arguments, lanes.width), lanes)
        return builder.icmp_unsigned("==", inside, ir.Constant(lanes, -1))

    return types.boolean(vector, types.float64, types.float64), generate


def _inside(builder, vector, low, high, lanes: int):
    above = builder.fcmp_ordered(">", vector, _splat(builder, low, lanes))
    below = builder.fcmp_ordered("<", vector, _splat(builder, high, lanes))
    return builder.and_(above, below)


@intrinsic
def where_between(typing_context, vector, low, high, inside, outside):
    """Return ``inside`` in the lanes with low < vector < high, ``outside`` in the others."""
    if not (isinstance(vector, Vector) and vector == inside == outside):
        return None

    def generate(context, builder, signature, arguments):
        mask = _inside(builder, *arguments[:3], signature.args[0].lanes)
        return builder.select(mask, arguments[3], arguments[4])

    return vector(vector, types.float64, types.float64, inside, outside), generate


# sum_k c_k r^k = 2^r on [-1/2, 1/2] to 2.1e-16 of it, the least there is at this degree (Remez).
_POWERS = (
    1.0,
    0.6931471805599497,
    0.24022650695908768,
    0.05550410866445883,
    0.009618129108034596,
    0.0013333558228561767,
    0.00015403529961127076,
    1.5252658136409854e-05,
    1.3215662835959238e-06,
    1.0208537929657404e-07,
    7.037278846726901e-09,
)
#: Adding it rounds a double to a whole number, which then stands in its low bits.
_ROUNDER = 1.5 * 2.0**52
#: Beyond this the power of two leaves the range of a float, or nearly so.
_LIMIT = 1000.0


def _estrin(builder, coefficients: list, x):
    """Return sum_k c_k x^k, pairwise: a short chain of dependent operations."""
    while len(coefficients) > 1:
        pairs = [
            fused(builder, coefficients[i + 1], x, coefficients[i])
            for i in range(0, len(coefficients) - 1, 2)
        ]
        coefficients = pairs + coefficients[len(pairs) * 2 :]
        x = builder.fmul(x, x)
    return coefficients[0]


@intrinsic
def exp2(typing_context, vector):
    """Return 2^x to 7.6e-16 of it: exactly 0 for x <= -1000, infinity for x >= 1000 and NaN."""
    if not isinstance(vector, Vector):
        return None

    def generate(context, builder, signature, arguments):
        x, lanes = arguments[0], signature.args[0].lanes
        rounder = _constant(lanes, _ROUNDER)
        shifted = builder.fadd(x, rounder)
        rest = builder.fsub(x, builder.fsub(shifted, rounder))
        power = _estrin(builder, [_constant(lanes, c) for c in _POWERS], rest)
        whole = ir.VectorType(ir.IntType(64), lanes)
        exponent = builder.shl(builder.bitcast(shifted, whole), ir.Constant(whole, [52] * lanes))
        result = builder.bitcast(builder.add(builder.bitcast(power, whole), exponent), x.type)
        extreme = builder.select(
            builder.fcmp_ordered("<", x, _constant(lanes, 0.0)),
            _constant(lanes, 0.0),
            _constant(lanes, np.inf),
        )
        inside = _inside(
            builder, x, ir.Constant(ir.DoubleType(), -_LIMIT), ir.Constant(ir.DoubleType(), _LIMIT), lanes
        )
        return builder.select(inside, result, extreme)

    return vector(vector), generate
