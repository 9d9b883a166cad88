"""Products of activations with the weights of linear layers: as the model has them, or from packed weights of a type.

Packed once, weights lie as the product reads them, which of few rows halves its time in float32 already; sums are then
taken in another order than the model's.

Of int8 x W^T is a_x a_W (q_x q_W^T), q_W with a scale a row, q_x with a scale a token, so that no number of a row
changes with what else is in the batch. Before, both are turned by Hadamard blocks R, x R (W R)^T = x W^T: the few large
entries of a model's activations would leave all others few bits (Ashkboos et al., arXiv 2404.00456 [recalled]). What is
between products stays as wide as the model.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch.nn import functional

from nashsim.errors import NashsimError, first_line

#: Types of packed weights.
PRECISIONS = ("float32", "bfloat16", "int8")
#: Rows of a product that weights are packed for, and the largest Hadamard block.
ROWS, BLOCK = 16, 64


def products(layers, adapters: bool, precision: str | None) -> Callable:
    """Return a function from x to the outputs of linear layers that have it as their input.

    Parameters
    ----------
    layers : sequence of torch.nn.Module
        Linear layers, or LoRA layers around them.
    adapters : bool
        Whether adapters are on.
    precision : str or None
        As for ``TokenStep``.
    """
    known = [_parts(layer, adapters) for layer in layers]
    if precision is None and not any(pairs for _, _, pairs in known):
        plain = [(weight, bias) for weight, bias, _ in known]
        return lambda x: [functional.linear(x, weight, bias) for weight, bias in plain]
    if precision is None:
        return lambda x: [_adapted(x, *part) for part in known]
    with torch.no_grad():
        weight = torch.cat([_merged(weight, pairs) for weight, _, pairs in known])
        biases = [bias for _, bias, _ in known]
        bias = None if biases[0] is None else torch.cat(biases)
    sizes = [len(weight) for weight, _, _ in known]
    multiply = _int8(weight) if precision == "int8" else _packed(weight.to(getattr(torch, precision)))

    def product(x):
        found = multiply(x)
        return (found if bias is None else found + bias).split(sizes, -1)

    return product


def _parts(layer, adapters: bool) -> tuple:
    """Weight and bias of a linear layer, and (A, B, scale) of every adapter that is on."""
    base = getattr(layer, "base_layer", layer)
    if type(base) is not torch.nn.Linear or getattr(layer, "lora_variant", None):
        raise NashsimError(
            f"sampling.precision: linear layers are needed, plain or with LoRA, found {type(layer).__name__}"
        )
    names = [name for name in layer.active_adapters if name in layer.lora_A] if base is not layer else []
    pairs = [(layer.lora_A[n].weight, layer.lora_B[n].weight, layer.scaling[n]) for n in names if adapters]
    return base.weight, base.bias, pairs


def _adapted(x, weight, bias, pairs):
    found = functional.linear(x, weight, bias)
    for down, up, scale in pairs:
        x = x.to(down.dtype)
        found = found + functional.linear(functional.linear(x, down), up) * scale
    return found.to(weight.dtype)


def _merged(weight, pairs):
    for down, up, scale in pairs:
        weight = weight + scale * (up @ down).to(weight.dtype)
    return weight


def _packed(weight):
    """By oneDNN where it is there; otherwise as torch multiplies."""
    try:
        packed = (
            torch.ops.mkldnn._reorder_linear_weight(weight, ROWS) if weight.device.type == "cpu" else None
        )
    except (AttributeError, RuntimeError):
        packed = None
    if packed is None:
        return lambda x: functional.linear(x.to(weight.dtype), weight).to(x.dtype)
    multiply = torch.ops.mkldnn._linear_pointwise
    return lambda x: multiply(x.to(weight.dtype), packed, None, "none", [], "").to(x.dtype)


def levels() -> int:
    """Return the largest of the 8 bits of a token: 63 where pairs of products are summed in 16 bits, without VNNI."""
    return 127 if getattr(torch.cpu, "_is_vnni_supported", bool)() else 63


def turned(x: torch.Tensor) -> torch.Tensor:
    """Return x R with Hadamard blocks of the largest power of two that divides the width, at most ``BLOCK``.

    Parameters
    ----------
    x : Tensor of float32, shape (..., width)
        Activations, or rows of weights.
    """
    return _turn(x, _hadamard(x))


def _hadamard(x) -> torch.Tensor:
    """The orthogonal block for the width of x: H_{2n} = [[H_n, H_n], [H_n, -H_n]] / sqrt(2)."""
    size = min(x.shape[-1] & -x.shape[-1], BLOCK)
    made = torch.ones(1, 1, device=x.device)
    while len(made) < size:
        made = torch.kron(torch.tensor([[1.0, 1.0], [1.0, -1.0]], device=x.device), made)
    return made / size**0.5


def _turn(x, block):
    return (x.unflatten(-1, (-1, len(block))) @ block).flatten(-2)


def _int8(weight):
    """Rows of weights, and tokens, turned, each of 8 bits with a scale of its own."""
    block, most = _hadamard(weight), levels()
    wide = _turn(weight.float(), block)
    scales = (wide.abs().amax(1) / 127).clamp_min(1e-30).double()
    zeros = torch.zeros(len(wide), dtype=torch.long, device=wide.device)
    try:
        multiply = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch means to replace quantised tensors
            narrow = torch.quantize_per_channel(wide, scales, zeros, 0, torch.qint8)
        packed = torch.ops.quantized.linear_prepack(narrow, None)
    except (AttributeError, RuntimeError) as error:
        raise NashsimError(
            f"sampling.precision: int8 does not run here ({first_line(error)[:120]}); take bfloat16"
        ) from None

    def product(x):
        spread = _turn(x.float(), block)
        largest = spread.abs().amax(-1, keepdim=True).clamp_min(1e-30)
        return (multiply(spread / largest, 1 / most, most + 1, packed) * largest).to(x.dtype)

    return product
