"""The next token of a Llama from its weights alone, in float32 as the model computes it, or with cheaper products.

A forward pass of transformers builds masks, positions, caches and outputs anew at every token, which of a small model
takes longer than its arithmetic. Here keys and values lie in tensors that are allocated once a decode, and a token is
the products, norms and attention of the layers, in the model's own order.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch.nn import functional

from nashsim.errors import NashsimError
from nashsim.rules import POLICY

from ..policy.causal_policy import CausalPolicy
from ..policy.log_probs import LogProbs
from .products import products


@dataclass(frozen=True)
class Precision:
    """Precision of the products that decode, where it is not that of the weights.

    Attributes
    ----------
    policy, frozen : str or None
        One of ``PRECISIONS`` for the policy that trains, and for references and past iterates; ``None`` is that of the
        weights.
    """

    policy: str | None = None
    frozen: str | None = None

    def of(self, name: str) -> str | None:
        """Return the precision of a named policy.

        Parameters
        ----------
        name : str
            Name of the policy.
        """
        return self.policy if name == POLICY else self.frozen


#: Every policy is drawn from as it is scored.
AS_SCORED = Precision()
#: Steps of each module, by what they were made of.
_STEPS: WeakKeyDictionary = WeakKeyDictionary()


def token_step(policy: CausalPolicy, name: str, precision: str | None = None) -> TokenStep | None:
    """Return the step of a named policy, or None where its model's own forward decodes.

    Parameters
    ----------
    policy : CausalPolicy
        Policy with that name.
    name : str
        Name of the policy.
    precision : str or None
        One of ``PRECISIONS``, or ``None`` for that of the weights.

    Raises
    ------
    NashsimError
        For another precision of what has no step.
    """
    if policy.sharded:
        if precision is not None:
            raise NashsimError(
                f"sampling.precision: whole weights are needed for {precision}; leave it null under FSDP"
            )
        return None
    module = policy.module_of(name)
    adapters = module is not None
    module = module if adapters else policy.module
    steps = _STEPS.setdefault(module, {})
    key = (adapters,) if precision is None else (adapters, name, precision)
    if key in steps and (precision is None or steps[key][1] == steps[key][0].state(policy, name)):
        return steps[key][0]
    try:
        made = TokenStep(module, adapters, precision)
    except NashsimError:
        if precision is not None:
            raise
        made = None
    steps[key] = made, None if precision is None else made.state(policy, name)
    return made


class KeysAndValues:
    """Keys and values of every layer, each of shape (rows, heads, size, width), and how many tokens they hold.

    Parameters
    ----------
    step : TokenStep
        Step of the model.
    rows, size : int
        Rows, and most tokens of a row.
    """

    def __init__(self, step: TokenStep, rows: int, size: int):
        config, like = step.config, step.embedding
        shape = (2, config.num_hidden_layers, rows, config.num_key_value_heads, size, step.width)
        self.keys, self.values = like.new_empty(shape)
        self.held = 0
        self.cos, sin = (part[0] for part in step.rotary(like, torch.arange(size, device=like.device)[None]))
        half = step.width // 2
        self.sin = torch.cat([-sin[:, :half], sin[:, half:]], 1)

    def take(self, cache) -> None:
        """Copy what a cache of transformers holds.

        Parameters
        ----------
        cache : transformers.DynamicCache
            Cache of the same rows.
        """
        self.held = cache.get_seq_length()
        for place, layer in enumerate(cache.layers):
            self.keys[place, :, :, : self.held] = layer.keys
            self.values[place, :, :, : self.held] = layer.values


class TokenStep:
    """Logits of the next token, as the model has them.

    Parameters
    ----------
    module : LogProbs
        Module of the model.
    adapters : bool
        Whether LoRA adapters are on.
    precision : str or None
        A key of ``PRECISIONS``, or ``None`` for the weights as they are; others are copied, adapters merged.

    Attributes
    ----------
    verified : bool or None
        Whether its numbers were the model's own to the last bit, where that was looked at.

    Raises
    ------
    NashsimError
        For another architecture, layer or position than this computes.
    """

    def __init__(self, module: LogProbs, adapters: bool = True, precision: str | None = None):
        causal = module.causal
        self.config, model = causal.config, causal.base_model
        _check(module)
        first = model.layers[0].self_attn
        self.width, self.scale, self.groups = first.head_dim, first.scaling, first.num_key_value_groups
        self.heads, self.precision, self.verified = self.config.num_attention_heads, precision, None
        weights = [(name, p) for name, p in causal.named_parameters() if adapters or ".lora_" not in name]
        self._weights = [weight for _, weight in weights]
        self.embedding, self.rotary, self.norm = (
            model.embed_tokens.weight,
            model.rotary_emb,
            _norm(model.norm),
        )
        self.layers = [
            (
                _norm(layer.input_layernorm),
                products([getattr(layer.self_attn, f"{name}_proj") for name in "qkv"], adapters, precision),
                products([layer.self_attn.o_proj], adapters, precision),
                _norm(layer.post_attention_layernorm),
                products([layer.mlp.gate_proj, layer.mlp.up_proj], adapters, precision),
                products([layer.mlp.down_proj], adapters, precision),
            )
            for layer in model.layers
        ]
        self.head = products([causal.lm_head], adapters, precision)

    def state(self, policy: CausalPolicy, name: str) -> list:
        """Return what changes when the weights of a named policy do.

        Parameters
        ----------
        policy : CausalPolicy
            Policy with that name.
        name : str
            Name of the policy.
        """
        return [policy.version(name), *((w.data_ptr(), w._version) for w in self._weights)]

    def __call__(self, ids, mask, positions, past: KeysAndValues) -> torch.Tensor:
        """Return logits of the token after ``ids``, shape (rows, vocabulary); keys and values are added.

        Parameters
        ----------
        ids, positions : Tensor of int, shape (rows, new)
            New tokens, and their positions.
        mask : Tensor of bool, shape (rows, held + new)
            Mask of the real tokens.
        past : KeysAndValues
            Keys and values of earlier tokens.
        """
        (rows, new), start, width, heads = ids.shape, past.held, self.width, self.heads
        past.held += new
        cos, sin = past.cos[positions][:, :, None], past.sin[positions][:, :, None]
        seen = _seen(mask, new)
        x = functional.embedding(ids, self.embedding)
        for place, (before, to_heads, from_heads, between, inner, outer) in enumerate(self.layers):
            query, key, value = to_heads(before(x))
            both = torch.cat([query, key], -1).view(rows, new, -1, width)
            # Halves change places; the sign of the rotation lies in the table of sines.
            both = both * cos + both.roll(width // 2, -1) * sin
            keys, values = past.keys[place][:, :, : past.held], past.values[place][:, :, : past.held]
            keys[:, :, start:] = both[:, :, heads:].transpose(1, 2)
            values[:, :, start:] = value.reshape(rows, new, -1, width).transpose(1, 2)
            [found] = from_heads(self._attend(both[:, :, :heads].transpose(1, 2), keys, values, seen))
            x = x + found
            gate, up = inner(between(x))
            [found] = outer(functional.silu(gate) * up)
            x = x + found
        [logits] = self.head(self.norm(x[:, -1:]))
        return logits[:, -1]

    def _attend(self, query, keys, values, seen):
        """Attention as transformers asks torch for it, heads of one key together; shape (rows, new, width)."""
        rows, _, new, _ = query.shape
        options = {"attn_mask": seen, "scale": self.scale}
        if self.groups > 1 and seen is None:
            options["enable_gqa"] = True
        elif self.groups > 1 and new == 1:
            query = query.reshape(rows, -1, self.groups, self.width)
        elif self.groups > 1:
            keys, values = (part.repeat_interleave(self.groups, 1) for part in (keys, values))
        found = functional.scaled_dot_product_attention(query, keys, values, **options)
        return found.reshape(rows, -1, new, self.width).transpose(1, 2).reshape(rows, new, -1)


def _check(module: LogProbs) -> None:
    """Raise NashsimError for what is no plain Llama."""
    causal = module.causal
    kind, config = type(causal), causal.config
    known = kind.__name__ == "LlamaForCausalLM" and kind.__module__.startswith("transformers.")
    known = known and config.rope_parameters["rope_type"] in ("default", "linear", "llama3")
    known = known and config.hidden_act == "silu" and config._attn_implementation == "sdpa"
    if not (known and module.known_head and module.padding == "left"):
        raise NashsimError(
            f"sampling.precision: a Llama with rotary positions of fixed speeds and sdpa attention is needed, found"
            f" {type(causal).__name__}; leave it and sampling.frozen_precision null"
        )


def _norm(module):
    """Return x -> x / sqrt(mean x^2 + eps) times the weights of a norm, in float32 between."""
    weight, eps = module.weight, module.variance_epsilon

    def normed(x):
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)
        return weight * wide.to(x.dtype)

    return normed


def _seen(mask, new: int):
    """Which tokens each new one sees, shape (rows, 1, new, tokens); None where the only one sees all."""
    if new == 1:
        return None if mask.all() else mask[:, None, None]
    tokens = mask.shape[1]
    place = torch.arange(tokens, device=mask.device)
    earlier = place <= place[tokens - new :, None]
    # Padding sees itself: a row of nothing has no softmax.
    return (mask[:, None] & earlier | (place == place[tokens - new :, None]))[:, None]
