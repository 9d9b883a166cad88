"""A causal language model as a policy, with its reference and any number of named past iterates."""

from __future__ import annotations

import torch

from nashsim.errors import NashsimError, unknown_name
from nashsim.rules import POLICY, REFERENCE

from .architecture import PADDINGS
from .frozen_weights import FrozenWeights
from .log_probs import LogProbs
from .sequences import Sequences, padded, position_ids

#: The reference of a LoRA model: its base, adapters truly off.
ADAPTER_OFF = "adapter-off"


class CausalPolicy(FrozenWeights):
    """log pi(y | x) = sum_t log softmax(logits_t / temperature)[y_t] over response tokens with EOS.

    Parameters
    ----------
    model : torch.nn.Module
        Any Hugging Face causal language model, or a PEFT model around one. Dropout is switched off.
    reference : None, ``"adapter-off"`` or torch.nn.Module
        Reference mu: ``None`` is the model as it is now (adapters off for a PEFT model).
    eos : int, sequence of int or None
        Token ids that end a response, the one to write first; ``None`` is all that the model's configurations name.
    pad : int or None
        Token id; ``None`` asks the model's configuration. Without a pad token, EOS pads (masks say what is real).
    temperature : float
        Temperature of the policy, a part of its definition: log-probabilities and samples both have it.
    chunk_bytes : int
        Most memory that logits may take at once; where gradients flow, each chunk is computed again backwards.
    rows : int or None
        Most responses of one forward pass without gradients, and of one loss in training; ``None`` is no bound.
    padding : str or None
        ``"left"``, from a cache, or ``"right"``, without one: slow, and right for any causal model; ``None`` is what
        the architecture allows.

    Attributes
    ----------
    eos, pad : int
        Token ids of the end that is written, and of padding.
    ends : tuple of int
        Token ids of which any ends a response.

    Raises
    ------
    NashsimError
        For no EOS, adapters that are absent, or a chunk below one token's logits.
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
        padding: str | None = None,
    ):
        # The Hugging Face model itself; LoRA layers live inside it.
        causal = model.get_base_model() if hasattr(model, "get_base_model") else model
        config = causal.config
        if causal.dtype == torch.float64 and getattr(config, "_experts_implementation", None) == "grouped_mm":
            causal.set_experts_implementation("eager")  # the grouped kernel knows no float64
        self.ends = end_tokens(causal) if eos is None else _tokens(eos)
        if not self.ends:
            raise NashsimError("eos: the model's configuration names no such token; give its id")
        self.eos = self.ends[0]
        self.pad = (*_tokens(pad), *_tokens(getattr(config, "pad_token_id", None)), self.eos)[0]
        if not temperature > 0:
            raise NashsimError(f"temperature: a number > 0 is needed, found {temperature!r}")
        if padding not in (None, *PADDINGS):
            raise NashsimError(f"padding: one of {', '.join(PADDINGS)} or None is needed, found {padding!r}")
        if rows is not None and rows < 1:
            raise NashsimError(f"rows: a whole number >= 1 or None is needed, found {rows}")
        self.temperature, self.rows, self.vocabulary = float(temperature), rows, int(config.vocab_size)
        super().__init__(model.eval(), LogProbs(causal, self.temperature, int(chunk_bytes), padding))
        self._reference_module: LogProbs | None = None
        self._set_reference(reference)

    @classmethod
    def from_config(cls, config, *, seed: int = 0, dtype=None, **options) -> CausalPolicy:
        """Return a policy of fresh weights.

        Parameters
        ----------
        config : transformers.PretrainedConfig
            Configuration of the model.
        seed : int
            Seed of the weights; torch's own stream is left as it was.
        dtype : torch.dtype or None
            Type of the weights; ``None`` is torch's default.
        **options
            Options of the class.
        """
        from transformers import AutoModelForCausalLM

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = AutoModelForCausalLM.from_config(config)
        return cls(model if dtype is None else model.to(dtype), **options)

    @classmethod
    def from_pretrained(cls, name, *, dtype=None, load=None, **options) -> CausalPolicy:
        """Return the policy of a local directory or a hub name, an adapter merged; code from the hub is never run.

        Parameters
        ----------
        name : str or path
            Local directory or hub name.
        dtype : torch.dtype or None
            Type of the weights; ``None`` is that of the file.
        load : dict or None
            Further options for ``from_pretrained``.
        **options
            Options of the class.
        """
        from ..models.loading import load_language_model

        model = load_language_model(str(name), "name", **(load or {}))
        return cls(model if dtype is None else model.to(dtype), **options)

    def _set_reference(self, reference) -> None:
        adapters = hasattr(self.model, "disable_adapter")
        if reference is None and not adapters:
            self.snapshot(REFERENCE)
        elif isinstance(reference, torch.nn.Module):
            mine = {id(p) for p in self.model.parameters()}
            if any(id(p) in mine for p in reference.parameters()):
                raise NashsimError(
                    "reference: it shares parameters with the policy; give a copy, or None for one"
                )
            self._reference_module = LogProbs(reference.eval(), self.temperature, self.module.chunk_bytes)
        elif reference not in (None, ADAPTER_OFF):
            raise NashsimError(f"reference: None, a model or {ADAPTER_OFF!r} is needed, found {reference!r}")
        elif not adapters:
            raise NashsimError("reference: 'adapter-off' needs a PEFT model, and this one has no adapters")

    def _write(self, name: str, weights) -> None:
        super()._write(name, weights)
        if name == REFERENCE:
            self._reference_module = None

    @property
    def config(self):
        """The model's configuration."""
        return self.module.causal.config

    @property
    def names(self) -> tuple[str, ...]:
        """Every policy that log-probabilities and samples can be asked of."""
        return tuple(dict.fromkeys([POLICY, REFERENCE, *self._past]))

    def module_of(self, name: str) -> LogProbs | None:
        """Return the module of a named policy; None for a reference that is the live one with adapters off.

        One module serves all frozen weights, and holds those of the name until it is asked for another.

        Parameters
        ----------
        name : str
            ``"policy"``, ``"reference"`` or the name of a past iterate.
        """
        if name in self._past or (name == POLICY and self.sharded):
            return self._frozen(name)
        if name not in self.names:
            raise unknown_name("policy", name, self.names)
        return self.module if name == POLICY else self._reference_module

    def run(self, of: str, *args, **kwargs):
        """Run the module of a named policy; gradients flow through ``"policy"`` alone.

        Parameters
        ----------
        of : str
            ``"policy"``, ``"reference"`` or the name of a past iterate.
        *args, **kwargs
            What to compute, ``"log_probs"``, ``"next"`` or ``"hidden"``, and its tensors.
        """
        if of == POLICY and (torch.is_grad_enabled() or not self.sharded):
            return self.module(*args, **kwargs)
        with torch.no_grad(), self.gathered([of]):
            module = self.module_of(of)
            if module is not None:
                return module(*args, **kwargs)
            with self.model.disable_adapter():
                return self.module(*args, **kwargs)

    def token_log_probs(self, batch: Sequences, of: str = POLICY) -> torch.Tensor:
        """Return log pi(y_t | x, y_<t), 0 outside the response mask; shape (batch, T).

        Parameters
        ----------
        batch : Sequences
            Prompts and responses.
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

    def sequence_log_probs(self, batch: Sequences, of: str = POLICY) -> torch.Tensor:
        """Return log pi(y | x), the sum over response tokens with EOS; shape (batch,).

        Parameters
        ----------
        batch : Sequences
            Prompts and responses.
        of : str
            ``"policy"`` (with gradients), ``"reference"`` or the name of a past iterate (without).
        """
        return self.token_log_probs(batch, of).sum(1)

    def first_log_probs(self, prompts, of: str = POLICY) -> torch.Tensor:
        """Return log pi(first token | x) of every token, shape (prompts, vocabulary).

        Parameters
        ----------
        prompts : sequence of sequences of int
            Token ids of every prompt.
        of : str
            ``"policy"`` (with gradients), ``"reference"`` or the name of a past iterate (without).
        """
        ids, mask = (part.to(self.device) for part in padded(prompts, self.pad, "left"))
        return self.run(of, "next", ids, mask, position_ids(mask), None, False)[0]


def end_tokens(causal) -> tuple[int, ...]:
    """Return all token ids that a model's configurations say end a response.

    Parameters
    ----------
    causal : transformers.PreTrainedModel
        Model with a configuration, and mostly one of its generation.
    """
    configurations = causal.config, getattr(causal, "generation_config", None)
    named = [_tokens(getattr(configuration, "eos_token_id", None)) for configuration in configurations]
    return tuple(dict.fromkeys(named[0] + named[1]))


def _tokens(given) -> tuple[int, ...]:
    if given is None:
        return ()
    return tuple(map(int, given)) if isinstance(given, list | tuple) else (int(given),)
