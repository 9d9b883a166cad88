"""Decoding with fixed shapes: static caches and a compiled step (CUDA graphs on a GPU), draw for draw as ``sample``.

The first tokens of a policy cost seconds of compilation, every later one a fraction of the eager step; it pays for
long responses, many batches of one shape, and on a GPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import FunctionType
from weakref import WeakKeyDictionary

import torch

from nashsim.errors import NashsimError

from ..policy.architecture import compiles
from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import position_ids
from .eager import next_token
from .roles import Drawn, Role, RoleBatch

#: Kernels for products of few rows, called without Python between them.
ON_CPU = {"max_autotune": True, "max_autotune_gemm_backends": "CPP,ATEN", "cpp_wrapper": True}
#: Shapes of a step that are kept compiled, where dynamo's own limit is 8; beyond it a step runs as it is, slowly.
SHAPES = 64


class CompiledEngine:
    """A sampler with the contract of ``sample``, its step compiled once for every batch shape.

    Prompts are padded to a multiple of ``pad_to`` tokens and all rows run to ``length`` tokens or until every one has
    ended, so that shapes repeat. Tokens are drawn from the same random numbers as in ``sample``; log-probabilities
    differ by rounding.

    Parameters
    ----------
    mode : str or None
        Mode of ``torch.compile``: ``"reduce-overhead"`` replays CUDA graphs. ``None`` chooses it on a GPU only.
    pad_to : int
        Number that the width of the prompts is padded to a multiple of.

    Raises
    ------
    NashsimError
        For models without a static cache (recurrent ones), or adapters whose reference needs them switched off.
    """

    def __init__(self, mode: str | None = None, pad_to: int = 16):
        if pad_to < 1:
            raise NashsimError(f"pad_to: a number of tokens >= 1 is needed, found {pad_to}")
        self.mode, self.pad_to = mode, pad_to
        self._steps: WeakKeyDictionary = WeakKeyDictionary()
        torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, SHAPES)

    @torch.no_grad()
    def __call__(
        self, policy: CausalPolicy, prompts: Sequence[Sequence[int]], roles: Mapping[str, Role], length: int
    ) -> dict[str, Drawn]:
        """Return one response a prompt from every role.

        Parameters
        ----------
        policy : CausalPolicy
            Policy with all that the roles name.
        prompts : sequence of sequences of int
            Token ids of every prompt.
        roles : mapping of str to Role
            Roles by name.
        length : int
            Most tokens of a response, EOS included.
        """
        batch = RoleBatch.of(policy, prompts, roles, length, self.pad_to)
        device, rows = policy.device, len(batch.ids)
        # One contiguous row a token.
        uniform = batch.uniform.T.contiguous()
        caches = [_PolicyCache(policy, name, weight, batch, length) for name, weight in batch.weights.items()]
        groups = self._groups(policy, caches)
        alive = torch.ones(rows, dtype=torch.bool, device=device)
        log_probs = torch.zeros(rows, dtype=torch.float64, device=device)
        tokens, masks = [], []
        with ExitStack() as stack:
            for t in range(length):
                if t == 2:
                    # What a step assumes was checked at the last token, and but for numbers in tensors nothing changes:
                    # to check it at every token costs as much as a layer.
                    stack.enter_context(torch.compiler.set_stance("default", skip_guard_eval_unsafe=True))
                table = torch.zeros(rows, policy.vocabulary, dtype=torch.float64, device=device)
                draw = uniform[t], batch.greedy, alive
                if t == 0:
                    for cache in caches:
                        table.index_add_(0, cache.rows, cache.first())
                    found = next_token(table.log_softmax(-1), *draw, policy.pad, policy.ends)
                for place, group in enumerate(groups if t else [], start=1):
                    inputs = [cache.inputs(tokens[-1], alive, t) for cache in group]
                    step = self.step(policy, tuple(cache.name for cache in group))
                    found = table = step(table, inputs, draw if place == len(groups) else None)
                # A graph that is replayed writes where it wrote before.
                chosen, gained, going = (part.clone() for part in found)
                log_probs += gained
                tokens.append(chosen)
                masks.append(alive)
                alive = going
                if not alive.any():
                    break
        return batch.drawn(torch.stack(tokens, 1), torch.stack(masks, 1), log_probs)

    def step(self, policy: CausalPolicy, names: tuple[str, ...]):
        """Return the compiled step of named policies: it adds their weighted log-probabilities to a table of scores.

        With uniform numbers, greedy rows and rows that go on in place of ``None``, it draws the next token too.

        Parameters
        ----------
        policy : CausalPolicy
            Policy with all the names.
        names : tuple of str
            Policies, each of another module: the one that trains, the one of frozen weights, a reference's.
        """
        steps = self._steps.setdefault(policy, {})
        modules = tuple(self._module(policy, name) for name in names)
        key = tuple(map(id, modules))
        if key not in steps:
            steps[key] = self._compiled(modules, policy.pad, policy.ends)
        return steps[key]

    @staticmethod
    def _module(policy: CausalPolicy, name: str):
        module = policy.module_of(name)
        if module is None:
            raise NashsimError(
                f"engine: the compiled one needs frozen weights of {name!r}; a reference with adapters switched off"
                " has none, use the eager one"
            )
        causal = module.causal
        if module.padding == "right" or not compiles(causal):
            raise NashsimError(
                f"engine: {type(causal).__name__} with this configuration does not decode from a cache of fixed shapes,"
                " as the compiled engine does; use the eager one"
            )
        return module

    def _groups(self, policy: CausalPolicy, caches: list[_PolicyCache]) -> list[list[_PolicyCache]]:
        """The policies in groups that one step can compute: a module has the weights of one policy at a time."""
        groups: list[list[_PolicyCache]] = []
        taken: set[int] = set()
        for cache in caches:
            module = id(self._module(policy, cache.name))
            if not groups or module in taken:
                groups.append([])
                taken = set()
            groups[-1].append(cache)
            taken.add(module)
        return groups

    def _compiled(self, modules, pad: int, ends: tuple[int, ...]):
        mode, cuda = self.mode, next(modules[0].parameters()).device.type == "cuda"
        if mode is None and cuda:
            mode = "reduce-overhead"

        def step(table, inputs, draw):
            for module, (rows, weight, *of_module) in zip(modules, inputs, strict=True):
                found = module("next", *of_module, True)[0].double()
                table = table.index_add(0, rows, weight * found)
            return table if draw is None else next_token(table.log_softmax(-1), *draw, pad, ends)

        # Compiled shapes are kept, and looked up, by code: every group has its own.
        own = FunctionType(step.__code__.replace(), globals(), "step", closure=step.__closure__)
        chosen = {"mode": mode} if mode is not None or cuda else {"options": ON_CPU}
        return torch.compile(own, dynamic=False, **chosen)


class _PolicyCache:
    """One named policy's rows, and their keys and values in tensors of fixed shapes."""

    def __init__(self, policy: CausalPolicy, name: str, weight, batch: RoleBatch, length: int):
        self.name, self.rows = name, torch.nonzero(weight).squeeze(1)
        self.weight = weight[self.rows, None]
        self._policy, self._ids, self._width = policy, batch.ids[self.rows], batch.ids.shape[1]
        size = self._width + length
        self._mask = torch.zeros(len(self.rows), size, dtype=torch.bool, device=weight.device)
        self._mask[:, : self._width] = batch.mask[self.rows]
        self._positions = position_ids(self._mask[:, : self._width])
        self._cache = static_cache(policy.config, size)

    def first(self) -> torch.Tensor:
        """Weighted log-probabilities of the first token on this policy's rows, float64, from the whole prompt."""
        mask = self._mask[:, : self._width]
        found, _ = self._policy.run(self.name, "next", self._ids, mask, self._positions, self._cache, True)
        return self.weight * found.double()

    def inputs(self, last, alive, t: int) -> tuple:
        """Inputs of the compiled step: rows, weights, tokens, mask, positions and cache."""
        # A row that has ended goes on as padding, to which nothing attends, not even itself.
        self._mask[:, self._width + t - 1] = alive[self.rows]
        positions = self._positions[:, -1:] + t
        return self.rows, self.weight, last[self.rows, None], self._mask, positions, self._cache


def static_cache(config, size: int):
    """Return a cache of fixed shapes in which every layer keeps every token; masks alone narrow layers to a window.

    Parameters
    ----------
    config : transformers.PretrainedConfig
        Configuration of the model.
    size : int
        Number of tokens that the cache holds.

    Notes
    -----
    A layer that keeps its window only counts its tokens in Python, and does otherwise once the window is full: a
    compiled step that is not checked again would not notice.
    """
    from transformers import StaticCache
    from transformers.cache_utils import StaticLayer

    cache = StaticCache(config=config, max_cache_len=size)
    layers = zip(cache.layers, cache.is_sliding, strict=True)
    cache.layers = [StaticLayer(size) if sliding else layer for layer, sliding in layers]
    return cache
