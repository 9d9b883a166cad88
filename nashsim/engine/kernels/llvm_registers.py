"""What one register of doubles can do, as LLVM code: the bricks of ``vectors``."""

from __future__ import annotations

from functools import cache

import numpy as np
from llvmlite import ir
from numba.core import cgutils

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


@cache
def has(feature: str) -> bool:
    """Whether numba compiles for a processor with a feature, by LLVM's name of it."""
    from numba.core.registry import cpu_target

    return f"+{feature}" in cpu_target.target_context.codegen().magic_tuple()[2].split(",")


def register(lanes: int) -> ir.VectorType:
    """Return LLVM's type of a register."""
    return ir.VectorType(ir.DoubleType(), lanes)


def _order(indices: list[int]) -> ir.Constant:
    return ir.Constant(ir.VectorType(ir.IntType(32), len(indices)), indices)


def constant(lanes: int, value: float) -> ir.Constant:
    """Return a register with one number in every lane."""
    return ir.Constant(register(lanes), [value] * lanes)


def splat(builder, scalar, lanes: int):
    """Return the scalar in every lane."""
    first = ir.Constant(ir.IntType(32), 0)
    single = builder.insert_element(ir.Constant(register(lanes), ir.Undefined), scalar, first)
    return builder.shuffle_vector(single, single, _order([0] * lanes))


def spread(builder, value, lane: int):
    """Return one lane of a register in all of them."""
    return builder.shuffle_vector(value, value, _order([lane] * value.type.count))


def read(builder, pointer, lanes: int):
    """Return the register at a pointer to doubles."""
    place = builder.bitcast(pointer, register(lanes).as_pointer())
    return builder.load(place, align=8, typ=register(lanes))


def write(builder, value, pointer) -> None:
    """Store a register at a pointer to doubles."""
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer()), align=8)


def _call(builder, name: str, *operands):
    """Return one of LLVM's functions of registers."""
    kind = operands[0].type
    function = ir.FunctionType(kind, [kind] * len(operands))
    name = f"{name}.v{kind.count}f64"
    return builder.call(cgutils.get_or_insert_function(builder.module, function, name), operands)


def fused(builder, a, b, c):
    """Return a b + c, rounded once."""
    return _call(builder, "llvm.fma", a, b, c)


def larger(builder, a, b):
    """Return the larger of a and b, b where one is NaN."""
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def fold(builder, value, combine):
    """Return the lanes combined by halves, an order that every machine shares."""
    lanes = value.type.count
    while lanes > 1:
        half = lanes // 2
        low = builder.shuffle_vector(value, value, _order(list(range(half))))
        high = builder.shuffle_vector(value, value, _order(list(range(half, lanes))))
        value, lanes = combine(builder, low, high), half
    return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))


def add_pairs(builder, a, b, distance: int):
    """Return the sums of lanes at a distance: those of a where lane & distance is 0, else those of b."""
    lanes = a.type.count
    low = [i + (lanes - distance if i & distance else 0) for i in range(lanes)]
    one = builder.shuffle_vector(a, b, _order(low))
    return builder.fadd(one, builder.shuffle_vector(a, b, _order([i + distance for i in low])))


def inside(builder, value, low, high):
    """Return the mask of low < lane < high for scalars low and high; NaN is outside."""
    lanes = value.type.count
    above = builder.fcmp_ordered(">", value, splat(builder, low, lanes))
    return builder.and_(above, builder.fcmp_ordered("<", value, splat(builder, high, lanes)))


def all_true(builder, mask):
    """Return whether every lane of a mask is set."""
    bits = ir.IntType(mask.type.count)
    return builder.icmp_unsigned("==", builder.bitcast(mask, bits), ir.Constant(bits, -1))


def exp2(builder, x):
    """Return 2^x to 7.6e-16 of it: 0 far below the smallest float, not finite where x is beyond the largest or NaN."""
    if has("avx512vl"):
        whole = _call(builder, "llvm.roundeven", x)
        power = _estrin(builder, _coefficients(x), builder.fsub(x, whole))
        return _scale(builder, power, whole)
    lanes = x.type.count
    rounder = constant(lanes, _ROUNDER)
    shifted = builder.fadd(x, rounder)
    power = _estrin(builder, _coefficients(x), builder.fsub(x, builder.fsub(shifted, rounder)))
    whole = ir.VectorType(ir.IntType(64), lanes)
    exponent = builder.shl(builder.bitcast(shifted, whole), ir.Constant(whole, [52] * lanes))
    result = builder.bitcast(builder.add(builder.bitcast(power, whole), exponent), x.type)
    negative = builder.fcmp_ordered("<", x, constant(lanes, 0.0))
    extreme = builder.select(negative, constant(lanes, 0.0), constant(lanes, np.inf))
    limit = ir.DoubleType()
    fits = inside(builder, x, ir.Constant(limit, -_LIMIT), ir.Constant(limit, _LIMIT))
    return builder.select(fits, result, extreme)


def _scale(builder, power, whole):
    """Return ``power`` times 2^whole by the instruction that exists for it, which knows every edge."""
    lanes = power.type.count
    mask = ir.IntType(8)
    kinds, more = [power.type] * 3 + [mask], []
    if lanes == 8:  # the widest form names its rounding; 4 is the current one
        kinds, more = kinds + [ir.IntType(32)], [ir.Constant(ir.IntType(32), 4)]
    name = f"llvm.x86.avx512.mask.scalef.pd.{64 * lanes}"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(power.type, kinds), name)
    return builder.call(function, [power, whole, power, ir.Constant(mask, -1), *more])


def _coefficients(x) -> list:
    return [constant(x.type.count, c) for c in _POWERS]


def _estrin(builder, coefficients: list, x):
    """Return sum_k c_k x^k, pairwise: a short chain of dependent operations."""
    while len(coefficients) > 1:
        even, odd = coefficients[0::2], coefficients[1::2]
        pairs = [fused(builder, high, x, low) for low, high in zip(even, odd, strict=False)]
        coefficients = pairs + even[len(odd) :]
        x = builder.fmul(x, x)
    return coefficients[0]
