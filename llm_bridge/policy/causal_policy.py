"""A causal language model with its reference and any number of named past iterates.

A named policy is the model with other numbers in its trainable parameters: for full training a frozen copy of all of
them, for LoRA a copy of the adapter alone, on one base. The reference of a LoRA model is the base with its adapters
truly off. Nothing is switched in place, so no policy can leave another one changed.
"""

from __future__ import annotations

import inspect
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from weakref import WeakKeyDictionary

import torch

from nashsim.errors import NashsimError, unknown_name
from nashsim.rules import POLICY, REFERENCE

from ..parallel.sharding import like, shard, whole
from .log_probs import Reader
from .sequences import Sequences, padded, position_ids

#: The reference of a LoRA model: its base, adapters off.
ADAPTER_OFF = "adapter-off"


class CausalPolicy:
    """log pi(y | x) = sum_t log softmax(logits_t / temperature)[y_t] over response tokens with EOS.

    Parameters
    ----------
    model : torch.nn.Module
        Any Hugging Face causal language model, or a PEFT model around one. Dropout is switched off.
    reference : None, ``"adapter-off"`` or torch.nn.Module
        mu: ``None`` is the model as it is now (adapters off for a PEFT model).
    eos, pad : int or None
        Token ids; ``None`` asks the model's configuration. Without a pad token, EOS pads (masks say what is real).
    temperature : float
        Part of the policy's definition: log-probabilities and samples both have it.
    chunk_bytes : int
        Most memory that logits may take at once; where gradients flow, each chunk is computed again backwards.
    rows : int or None
        Most responses of one forward pass without gradients, and of one loss in training; ``None`` is no bound.

    Raises
    ------
    NashsimError
        For a model without position ids, no EOS, adapters that are absent, or a chunk below one token's logits.
    """

    def __init__(
        self,
        model,
        reference=None,
        *,
        eos=None,
        pad=None,
        temperature: float = 1.0,
        chunk_bytes: int = 1 << 28,
        rows: int | None = None,
    ):
        self.model = model.eval()
        #: The Hugging Face model itself; LoRA layers live inside it.
        causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        config = causal.config
        self.eos = _token(eos, config.eos_token_id, "eos")
        self.pad = _token(pad, config.pad_token_id, "pad", self.eos)
        if not temperature > 0:
            raise NashsimError(f"temperature: a number > 0 is needed, found {temperature!r}")
        if "position_ids" not in inspect.signature(causal.forward).parameters:
            raise NashsimError(
                f"model: {type(causal).__name__} takes no position ids; padding would shift its prompts"
            )
        if rows is not None and rows < 1:
            raise NashsimError(f"rows: a whole number >= 1 or None is needed, found {rows}")
        self.temperature, self.chunk_bytes, self.rows = float(temperature), int(chunk_bytes), rows
        self.vocabulary = int(config.vocab_size)
        self._reader = Reader(causal, self.temperature, self.chunk_bytes)
        self._past: dict[str, dict[str, torch.Tensor]] = {}
        self._version: dict[str, int] = {}
        self._cache: WeakKeyDictionary = WeakKeyDictionary()
        self._reference_model = None
        self._shadow, self._speaks_for = None, None
        #: Whether processes hold shares of the weights, and what of them is gathered for now.
        self.sharded, self._whole = False, {}
        self._set_reference(reference)

    @classmethod
    def from_config(cls, config, *, seed: int = 0, dtype=None, **options) -> CausalPolicy:
        """Return a policy of fresh weights.

        Parameters
        ----------
        config : transformers.PretrainedConfig
        seed : int
            Of the weights; torch's own stream is left as it was.
        dtype : torch.dtype or None
        **options
            As for the class.
        """
        from transformers import AutoModelForCausalLM

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = AutoModelForCausalLM.from_config(config)
        return cls(model if dtype is None else model.to(dtype), **options)

    @classmethod
    def from_pretrained(cls, name, *, dtype=None, load=None, **options) -> CausalPolicy:
        """Return the policy of a local directory or a hub name; code from the hub is never run.

        Parameters
        ----------
        name : str or path
        dtype : torch.dtype or None
        load : dict or None
            More for ``AutoModelForCausalLM.from_pretrained``.
        **options
            As for the class.
        """
        from transformers import AutoModelForCausalLM

        model = AutoModelForCausalLM.from_pretrained(name, trust_remote_code=False, **(load or {}))
        return cls(model if dtype is None else model.to(dtype), **options)

    def _set_reference(self, reference) -> None:
        adapters = hasattr(self.model, "disable_adapter")
        if reference is None:
            reference = ADAPTER_OFF if adapters else None
        if reference is None:
            self.snapshot(REFERENCE)
        elif isinstance(reference, torch.nn.Module):
            mine = {id(p) for p in self.model.parameters()}
            if any(id(p) in mine for p in reference.parameters()):
                raise NashsimError(
                    "reference: it shares parameters with the policy; give a copy, or None for one"
                )
            self._reference_model = Reader(reference.eval(), self.temperature, self.chunk_bytes)
        elif reference != ADAPTER_OFF:
            raise NashsimError(f"reference: None, a model or {ADAPTER_OFF!r} is needed, found {reference!r}")
        elif not adapters:
            raise NashsimError("reference: 'adapter-off' needs a PEFT model, and this one has no adapters")

    def shard(self) -> None:
        """Share the weights of all policies out over the processes that ``accelerate launch`` started.

        Raises
        ------
        NashsimError
            For a PEFT model: its adapters are small, and its base does not train.
        """
        if hasattr(self.model, "disable_adapter"):
            raise NashsimError(
                "FSDP: adapters train on a whole base; launch without FSDP, or leave model.lora out"
            )
        self._shadow, self._speaks_for = self._speaker(), None
        shard(self._reader, self._reader.causal)
        self.sharded = True
        live = self._live()
        for name, weights in self._past.items():
            self._past[name] = {key: like(tensor, live[key]) for key, tensor in weights.items()}
        self._hush()

    @contextmanager
    def gathered(self, names=None):
        """Hold weights that are shared out whole for a while: passes without gradients then are each process's own.

        Every process must enter; nothing happens where weights are not shared out.

        Parameters
        ----------
        names : sequence of str or None
            Policies; ``None`` is all.
        """
        names = [POLICY, *self._past] if names is None else names
        fresh = [n for n in names if n not in self._whole and (n == POLICY or n in self._past)]
        fresh = fresh if self.sharded else []
        for name in fresh:
            found = self._live() if name == POLICY else self._past[name]
            self._whole[name] = {key: whole(tensor.detach()) for key, tensor in found.items()}
        try:
            yield
        finally:
            for name in fresh:
                del self._whole[name]
            if fresh:
                self._hush()

    def _hush(self) -> None:
        """Let the one who speaks for others let go of their weights."""
        self._speaks_for, names = None, self._live()
        for key, parameter in self._shadow.named_parameters():
            if key in names:
                parameter.data = parameter.data.new_empty(0)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def parameters(self) -> list[torch.nn.Parameter]:
        """Return the trainable parameters: all of a plain model, the adapter of a PEFT model."""
        return [p for p in self.model.parameters() if p.requires_grad]

    @property
    def reader(self) -> torch.nn.Module:
        """What a policy computes of its model, for samplers that compile it."""
        return self._reader

    @property
    def config(self):
        """The model's configuration."""
        return self._reader.causal.config

    def frozen_reader(self, name: str) -> torch.nn.Module | None:
        """Return the module that speaks for a past iterate until the next is asked for; None for adapters off.

        Parameters
        ----------
        name : str
        """
        if name in self._past:
            return self._frozen(name)
        return self._reference_model if name == REFERENCE else None

    @property
    def names(self) -> tuple[str, ...]:
        """Every policy that log-probabilities and samples can be asked of."""
        return tuple(dict.fromkeys([POLICY, REFERENCE, *self._past]))

    def snapshot(self, name: str) -> None:
        """Freeze the policy as it is now under a name, over whatever had it.

        Parameters
        ----------
        name : str
            Anything but ``"policy"``. ``"reference"`` refreshes the reference.
        """
        self._write(name, {key: value.detach().clone() for key, value in self._live().items()})
        if name == REFERENCE:
            self._reference_model = None

    def ema(self, name: str, decay: float) -> None:
        """Move a named average: weights <- decay weights + (1 - decay) current weights; a new one starts as a copy.

        The average is of parameters, as in Nash-EMA; its logits are not the averages of logits [paper].

        Parameters
        ----------
        name : str
        decay : float
            In [0, 1].
        """
        if not 0 <= decay <= 1:
            raise NashsimError(f"decay: a number in [0, 1] is needed, found {decay!r}")
        if name not in self._past:
            self.snapshot(name)
            return
        old = self._past[name]
        self._write(name, {k: old[k].lerp(v.detach(), 1 - decay) for k, v in self._live().items()})

    def forget(self, name: str) -> None:
        """Drop a named past iterate.

        Parameters
        ----------
        name : str
        """
        if name == REFERENCE or name not in self._past:
            raise unknown_name("past policy", name, [n for n in self._past if n != REFERENCE])
        del self._past[name]

    def copy(self, source: str, into: str) -> None:
        """Give a named policy a second name, or write it into the live weights (``into="policy"``).

        Parameters
        ----------
        source, into : str
        """
        if source == POLICY:
            self.snapshot(into)
        elif source not in self._past:
            raise unknown_name("past policy", source, list(self._past))
        elif into == POLICY:
            self.load_weights(self._past[source])
        else:
            # Frozen tensors are replaced, never written to, so that two names may share them.
            self._write(into, self._past[source])

    def average(self, weights: dict[str, float], into: str) -> None:
        """Freeze the policy of parameters sum_k weights[k] theta_k under a name.

        Parameters
        ----------
        weights : dict of str to float
        into : str
        """
        live = {key: value.detach() for key, value in self._live().items()}
        tables = {name: live if name == POLICY else self._past[name] for name in weights}
        self._write(into, {key: sum(w * tables[name][key] for name, w in weights.items()) for key in live})

    def state(self) -> dict[str, torch.Tensor] | None:
        """Return the model's whole state where weights are shared out, of all processes together; else None."""
        if not self.sharded:
            return None
        return {key: whole(value) for key, value in self.model.state_dict().items()}

    def weights(self, name: str = POLICY) -> dict[str, torch.Tensor]:
        """Return copies of the trainable parameters of a named policy.

        Parameters
        ----------
        name : str
        """
        found = self._live() if name == POLICY else self._past[name]
        return {key: whole(value.detach()).clone() for key, value in found.items()}

    def load_weights(self, weights: dict[str, torch.Tensor], name: str = POLICY) -> None:
        """Write trainable parameters into the live model, or freeze them under a name.

        Parameters
        ----------
        weights : dict of str to Tensor
        name : str
        """
        live = self._live()
        if weights.keys() != live.keys():
            raise NashsimError(
                f"weights: those of {name!r} belong to another model; found {len(weights)} tensors for {len(live)}"
            )
        if name != POLICY:
            self._write(name, {key: like(weights[key].detach().clone(), live[key]) for key in live})
            return
        with torch.no_grad():
            for key, parameter in live.items():
                parameter.copy_(like(weights[key], parameter))

    @property
    def past_names(self) -> tuple[str, ...]:
        """The names that have parameters of their own."""
        return tuple(self._past)

    def _write(self, name: str, weights: dict[str, torch.Tensor]) -> None:
        if name == POLICY:
            raise NashsimError("name: 'policy' is the one that trains; a frozen copy needs another name")
        self._past[name] = weights
        self._version[name] = self._version.get(name, 0) + 1

    def _live(self) -> dict[str, torch.Tensor]:
        return {name: p for name, p in self._reader.named_parameters() if p.requires_grad}

    def _frozen(self, name: str) -> Reader:
        """The reader of a past iterate: one more module, no more memory, pointed at the tensors of whom it speaks for.

        Calling the live module with other tensors costs as much as a layer at every token.
        """
        if self._shadow is None:
            self._shadow = self._speaker()
        wanted = (name, self._version.get(name))
        if self._speaks_for != wanted:
            parameters = dict(self._shadow.named_parameters())
            for key, tensor in (self._whole if self.sharded else self._past)[name].items():
                parameters[key].data = tensor
            self._speaks_for = wanted
        return self._shadow

    def _speaker(self) -> Reader:
        # Everything but the modules themselves is shared: weights, buffers, configuration.
        shared = [*self._reader.parameters(), *self._reader.buffers(), self.config]
        memo = {id(part): part for part in shared}
        memo |= {id(p): torch.nn.Parameter(p.detach(), requires_grad=False) for p in self._live().values()}
        return deepcopy(self._reader, memo)

    def run(self, of: str, *args, **kwargs):
        """Run the reader of a named policy; gradients flow through ``"policy"`` alone.

        Parameters
        ----------
        of : str
        *args, **kwargs
            For the reader: ``"log_probs"`` or ``"next"``, and its tensors.
        """
        if of == POLICY and (torch.is_grad_enabled() or not self.sharded):
            return self._reader(*args, **kwargs)
        if self.sharded and (of == POLICY or of in self._past):
            with torch.no_grad(), self.gathered([of]):
                return self._frozen(of)(*args, **kwargs)
        with torch.no_grad():
            if of in self._past:
                return self._frozen(of)(*args, **kwargs)
            if of != REFERENCE:
                raise unknown_name("policy", of, self.names)
            if self._reference_model is not None:
                return self._reference_model(*args, **kwargs)
            with self.model.disable_adapter() if hasattr(self.model, "disable_adapter") else nullcontext():
                return self._reader(*args, **kwargs)

    def token_log_probs(self, batch: Sequences, of: str = POLICY) -> torch.Tensor:
        """Return log pi(y_t | x, y_<t), 0 outside the response mask; shape (batch, T).

        Parameters
        ----------
        batch : Sequences
        of : str
            ``"policy"`` (with gradients), ``"reference"`` or the name of a past iterate (without).
        """
        batch = batch.to(self.device)
        ids, mask = batch.packed()
        # Rows with gradients are one loss's: whoever trains bounds them.
        rows = self.rows if of != POLICY or not torch.is_grad_enabled() else None
        rows, count = rows or max(len(ids), 1), batch.response.shape[1]
        with self.gathered([] if torch.is_grad_enabled() and of == POLICY else [of]):
            parts = [
                self.run(of, "log_probs", ids[i : i + rows], mask[i : i + rows], count)
                for i in range(0, max(len(ids), 1), rows)
            ]
        return torch.where(batch.response_mask, torch.cat(parts) if len(parts) > 1 else parts[0], 0.0)

    def sequence_log_probs(self, batch: Sequences, of: str = POLICY, *, cached: bool = False) -> torch.Tensor:
        """Return log pi(y | x), the sum over response tokens with EOS; shape (batch,).

        Parameters
        ----------
        batch : Sequences
        of : str
        cached : bool
            Keep the answer of a frozen policy for the next call with this very batch object.
        """
        if not cached or of == POLICY:
            return self.token_log_probs(batch, of).sum(1)
        kept, key = self._cache.setdefault(batch, {}), (of, self._version.get(of, 0))
        if key not in kept:
            kept[key] = self.token_log_probs(batch, of).sum(1)
        return kept[key]

    def first_log_probs(self, prompts, of: str = POLICY) -> torch.Tensor:
        """Return log pi(first token | x) of every token, shape (prompts, vocabulary).

        Parameters
        ----------
        prompts : sequence of sequences of int
        of : str
            ``"policy"`` (with gradients), ``"reference"`` or the name of a past iterate (without).
        """
        ids, mask = (part.to(self.device) for part in padded(prompts, self.pad, "left"))
        return self.run(of, "next", ids, mask, position_ids(mask), None, False)[0]

    def reference_log_probs(self, batch: Sequences) -> torch.Tensor:
        """Return log mu(y | x), shape (batch,).

        Parameters
        ----------
        batch : Sequences
        """
        return self.sequence_log_probs(batch, REFERENCE)


def _token(given, configured, name: str, default=None) -> int:
    token = configured if given is None else given
    if isinstance(token, list | tuple):
        token = token[0]
    token = default if token is None else token
    if token is None:
        raise NashsimError(f"{name}: the model's configuration names no such token; give its id")
    return int(token)
