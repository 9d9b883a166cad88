"""Decoding with fixed shapes: static caches and a compiled step (CUDA graphs on a GPU), draw for draw as ``sample``.

The first tokens of a policy cost seconds of compilation, every later one a fraction of the eager step; it pays for
long responses, many batches of one shape, and on a GPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import FunctionType
from weakref import WeakKeyDictionary

import numpy as np
import torch

from nashsim.errors import NashsimError
from nashsim.rules import POLICY

from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import Sequences, left_aligned, padded, position_ids
from .eager import Drawn, Role, greedy_rows, next_token, role_weights, uniforms

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
        Of ``torch.compile``: ``"reduce-overhead"`` replays CUDA graphs. ``None`` chooses it on a GPU only.
    pad_to : int

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
        prompts : sequence of sequences of int
        roles : mapping of str to Role
        length : int
        """
        count = len(prompts)
        weights = role_weights(policy, roles, count)
        width = -(-max(len(prompt) for prompt in prompts) // self.pad_to) * self.pad_to
        # A row of full width sets the shape, and goes again.
        ids, mask = padded([[policy.pad] * width, *(p for _ in roles for p in prompts)], policy.pad)
        ids, mask = left_aligned(ids[1:], mask[1:])
        ids, mask = ids.to(policy.device), mask.to(policy.device)
        device = policy.device
        uniform = np.concatenate([uniforms(role.seed, prompts, length, name) for name, role in roles.items()])
        # One row a token.
        uniform = torch.as_tensor(uniform.T.copy(), device=device)
        greedy = greedy_rows(roles, count, device)
        voices = [_Voice(policy, name, weight, ids, mask, length) for name, weight in weights.items()]
        choirs = self._choirs(policy, voices)
        alive = torch.ones(len(ids), dtype=torch.bool, device=device)
        log_probs = torch.zeros(len(ids), dtype=torch.float64, device=device)
        tokens, masks = [], []
        with ExitStack() as stack:
            for t in range(length):
                if t == 2:
                    # What a step assumes was checked at the last token, and but for numbers in tensors nothing changes:
                    # to check it at every token costs as much as a layer.
                    stack.enter_context(torch.compiler.set_stance("default", skip_guard_eval_unsafe=True))
                table = torch.zeros(len(ids), policy.vocabulary, dtype=torch.float64, device=device)
                draw = uniform[t], greedy, alive
                if t == 0:
                    for voice in voices:
                        table.index_add_(0, voice.rows, voice.first())
                    found = next_token(table.log_softmax(-1), *draw, policy.pad, policy.eos)
                for place, choir in enumerate(choirs if t else [], start=1):
                    read = [voice.reads(tokens[-1], alive, t) for voice in choir]
                    step = self.step(policy, tuple(voice.name for voice in choir))
                    found = table = step(table, read, draw if place == len(choirs) else None)
                # A graph that is replayed writes where it wrote before.
                chosen, gained, going = (part.clone() for part in found)
                log_probs += gained
                tokens.append(chosen)
                masks.append(alive)
                alive = going
                if not alive.any():
                    break
        response, response_mask = torch.stack(tokens, 1), torch.stack(masks, 1)
        found = {}
        for i, name in enumerate(roles):
            rows = slice(i * count, (i + 1) * count)
            parts = Sequences(ids[rows], mask[rows], response[rows], response_mask[rows])
            found[name] = Drawn(parts, log_probs[rows])
        return found

    def step(self, policy: CausalPolicy, names: tuple[str, ...]):
        """Return the compiled step of named policies that speak at once: it adds what they say to a table of scores.

        With uniform numbers, greedy rows and rows that go on in place of ``None``, it draws the next token too.

        Parameters
        ----------
        policy : CausalPolicy
        names : tuple of str
            Each spoken for by another module: the one that trains, and the one of frozen policies.
        """
        steps = self._steps.setdefault(policy, {})
        readers = tuple(self._reader(policy, name) for name in names)
        key = tuple(map(id, readers))
        if key not in steps:
            steps[key] = self._compiled(readers, policy.pad, policy.eos)
        return steps[key]

    @staticmethod
    def _reader(policy: CausalPolicy, name: str):
        reader = policy.reader if name == POLICY else policy.frozen_reader(name)
        if reader is None:
            raise NashsimError(
                f"engine: the compiled one needs frozen weights of {name!r}; a reference with adapters switched off"
                " has none, use the eager one"
            )
        return reader

    def _choirs(self, policy: CausalPolicy, voices: list[_Voice]) -> list[list[_Voice]]:
        """The voices in groups that one step can compute: one module speaks for one policy at a time."""
        choirs: list[list[_Voice]] = []
        taken: set[int] = set()
        for voice in voices:
            reader = id(self._reader(policy, voice.name))
            if not choirs or reader in taken:
                choirs.append([])
                taken = set()
            choirs[-1].append(voice)
            taken.add(reader)
        return choirs

    def _compiled(self, readers, pad: int, eos: int):
        mode, cuda = self.mode, next(readers[0].parameters()).device.type == "cuda"
        if mode is None and cuda:
            mode = "reduce-overhead"

        def step(table, read, draw):
            for reader, (rows, weight, *inputs) in zip(readers, read, strict=True):
                said = reader("next", *inputs, True)[0].double()
                table = table.index_add(0, rows, weight * said)
            return table if draw is None else next_token(table.log_softmax(-1), *draw, pad, eos)

        # Compiled shapes are kept, and looked up, by code: every choir has its own.
        own = FunctionType(step.__code__.replace(), globals(), "step", closure=step.__closure__)
        chosen = {"mode": mode} if mode is not None or cuda else {"options": ON_CPU}
        return torch.compile(own, dynamic=False, **chosen)


class _Voice:
    """One named policy's rows and its static cache."""

    def __init__(self, policy, name, weight, ids, mask, length):
        from transformers import StaticCache

        self.name, self.rows = name, torch.nonzero(weight).squeeze(1)
        self.weight = weight[self.rows, None]
        self._policy, self._ids, self._width = policy, ids[self.rows], ids.shape[1]
        room = self._width + length
        self._mask = torch.zeros(len(self.rows), room, dtype=torch.bool, device=ids.device)
        self._mask[:, : self._width] = mask[self.rows]
        self._positions = position_ids(self._mask[:, : self._width])
        self._cache = StaticCache(config=policy.config, max_cache_len=room)

    def first(self) -> torch.Tensor:
        """Weighted log-probabilities of the first token on this voice's rows, float64, from the whole prompt."""
        mask = self._mask[:, : self._width]
        found, _ = self._policy.run(self.name, "next", self._ids, mask, self._positions, self._cache, True)
        return self.weight * found.double()

    def reads(self, last, alive, t: int) -> tuple:
        """What the compiled step reads: rows, weights, tokens, mask, positions and cache."""
        # A row that has ended goes on as padding: seen by nobody, not even itself.
        self._mask[:, self._width + t - 1] = alive[self.rows]
        positions = self._positions[:, -1:] + t
        return self.rows, self.weight, last[self.rows, None], self._mask, positions, self._cache
