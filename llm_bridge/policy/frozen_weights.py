"""A model beside named, frozen copies of its trainable parameters: past iterates, averages, a reference.

For full training a copy is all parameters, for LoRA the adapter alone, on one base. Nothing is switched in place, so
that no policy can leave another one changed. What trains in fewer bits than float32 has float32 master weights, and so
has every copy of it: names that are swapped, mixed or saved lose nothing to rounding.
"""

from __future__ import annotations

from contextlib import contextmanager
from copy import deepcopy

import torch

from nashsim.errors import NashsimError, unknown_name
from nashsim.rules import POLICY, REFERENCE

from ..parallel.sharding import like, shard, whole
from .master_weights import NARROW, master_of, rounded, widened


class FrozenWeights:
    """The live weights of a model, named ``"policy"``, and frozen ones under any other name.

    Parameters
    ----------
    model : torch.nn.Module
        Model whose parameters train; a PEFT model trains its adapters.
    module : torch.nn.Module
        What is computed of the model, around the same parameters.

    Attributes
    ----------
    sharded : bool
        Whether processes hold shares of the weights.
    """

    def __init__(self, model: torch.nn.Module, module: torch.nn.Module):
        self.model, self.module, self.sharded = model, module, False
        #: Frozen weights as the model computes with them, and in float32 where those are a rounding.
        self._past: dict[str, dict[str, torch.Tensor]] = {}
        self._wide: dict[str, dict[str, torch.Tensor]] = {}
        self._masters: dict[str, torch.nn.Parameter] = {}
        self._version: dict[str, int] = {}
        self._gathered: dict[str, dict[str, torch.Tensor]] = {}
        #: One module for all frozen weights, and the name and version of those that it holds.
        self._frozen_module, self._loaded = None, None

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    @property
    def past_names(self) -> tuple[str, ...]:
        """The names of frozen weights."""
        return tuple(self._past)

    def version(self, name: str) -> int:
        """Return how often weights were frozen under a name.

        Parameters
        ----------
        name : str
            Name of the weights.
        """
        return self._version.get(name, 0)

    def parameters(self) -> list[torch.nn.Parameter]:
        """Return the trainable parameters: all of a plain model, the adapter of a PEFT model."""
        return [p for p in self.model.parameters() if p.requires_grad]

    def masters(self) -> list[torch.nn.Parameter]:
        """Return what an optimiser moves: the trainable parameters, float32 masters of those of fewer bits."""
        if not self._masters:
            self._masters = {key: master_of(weight) for key, weight in self._live().items()}
        return list(self._masters.values())

    def weights(self, name: str = POLICY) -> dict[str, torch.Tensor]:
        """Return copies of the weights of a name, put together from all processes.

        Parameters
        ----------
        name : str
            ``"policy"`` or a name of frozen weights.
        """
        return {key: whole(value.detach()).clone() for key, value in self._tensors(name).items()}

    def load_weights(self, weights: dict[str, torch.Tensor], name: str = POLICY) -> None:
        """Write weights into the live model, or freeze them under a name.

        Parameters
        ----------
        weights : dict of str to Tensor
            Tensors of every trainable parameter, as ``weights`` returns them.
        name : str
            ``"policy"`` for the live model, or the name to freeze them under.

        Raises
        ------
        NashsimError
            For weights of another model.
        """
        live = self._live()
        if weights.keys() != live.keys():
            raise NashsimError(
                f"weights: those of {name!r} belong to another model; found {len(weights)} tensors for {len(live)}"
            )
        if name != POLICY:
            return self._write(name, {key: _kept(weights[key].detach().clone(), live[key]) for key in live})
        with torch.no_grad():
            for key, parameter in live.items():
                value = _kept(weights[key], parameter)
                self._masters.get(key, parameter).copy_(value)
                parameter.copy_(rounded(value, parameter.dtype))

    def snapshot(self, name: str) -> None:
        """Freeze the live weights under a name, over whatever had it.

        Parameters
        ----------
        name : str
            Any name but ``"policy"``; ``"reference"`` refreshes the reference.
        """
        self._write(name, {key: value.detach().clone() for key, value in self._tensors(POLICY).items()})

    def copy(self, source: str, into: str) -> None:
        """Give weights a second name, or write them into the live model.

        Parameters
        ----------
        source : str
            ``"policy"`` or a name of frozen weights.
        into : str
            Second name, or ``"policy"`` for the live model.
        """
        if source == POLICY:
            self.snapshot(into)
        elif into == POLICY:
            self.load_weights(self._tensors(source))
        else:
            # Frozen tensors are replaced, never written to, so that two names may share them.
            self._write(into, self._tensors(source))

    @torch.no_grad()
    def average(self, weights: dict[str, float], into: str) -> None:
        """Freeze the parameters sum_k weights[k] theta_k under a name.

        Parameters
        ----------
        weights : dict of str to float
            Weight of every name in the average.
        into : str
            Name of the average.
        """
        tables = {name: self._tensors(name) for name in weights}
        keys = self._live()
        self._write(into, {k: sum(w * widened(tables[n][k]) for n, w in weights.items()) for k in keys})

    def forget(self, name: str) -> None:
        """Drop frozen weights other than the reference's.

        Parameters
        ----------
        name : str
            Name of the weights.
        """
        if name == REFERENCE or name not in self._past:
            raise unknown_name("past policy", name, [n for n in self._past if n != REFERENCE])
        del self._past[name], self._wide[name]

    def shard(self) -> None:
        """Share all weights out over the processes that ``accelerate launch`` started.

        Raises
        ------
        NashsimError
            For a PEFT model: its adapters are small, and its base does not train.
        """
        if hasattr(self.model, "disable_adapter"):
            raise NashsimError(
                "FSDP: adapters train on a whole base; launch without FSDP, or leave model.lora out"
            )
        self._frozen_module = self._twin()
        shard(self.module, self.module.causal)
        self.sharded = True
        live = self._live()
        for name in self._past:
            self._write(name, {key: _kept(tensor, live[key]) for key, tensor in self._tensors(name).items()})
        self._unload()

    @contextmanager
    def gathered(self, names=None):
        """Hold weights that are shared out whole for a while: passes without gradients then are each process's own.

        Every process must enter; nothing happens where weights are not shared out.

        Parameters
        ----------
        names : sequence of str or None
            Names of the weights; ``None`` is all.
        """
        names = [POLICY, *self._past] if names is None else names
        fresh = [n for n in names if n not in self._gathered and (n == POLICY or n in self._past)]
        fresh = fresh if self.sharded else []
        for name in fresh:
            found = self._live() if name == POLICY else self._past[name]
            self._gathered[name] = {key: whole(tensor.detach()) for key, tensor in found.items()}
        try:
            yield
        finally:
            for name in fresh:
                del self._gathered[name]
            if fresh:
                self._unload()

    def state(self) -> dict[str, torch.Tensor] | None:
        """Return the model's whole state where weights are shared out, of all processes together; else None."""
        if not self.sharded:
            return None
        return {key: whole(value) for key, value in self.model.state_dict().items()}

    def _live(self) -> dict[str, torch.Tensor]:
        return {name: p for name, p in self.module.named_parameters() if p.requires_grad}

    def _tensors(self, name: str) -> dict[str, torch.Tensor]:
        """The weights of a name in all their bits: masters where there are any."""
        if name != POLICY and name not in self._past:
            raise unknown_name("past policy", name, list(self._past))
        if name == POLICY:
            return self._live() | self._masters
        return self._past[name] | self._wide[name]

    def _write(self, name: str, weights: dict[str, torch.Tensor]) -> None:
        if name == POLICY:
            raise NashsimError("name: 'policy' is the one that trains; a frozen copy needs another name")
        live = self._live()
        self._past[name] = {key: rounded(tensor, live[key].dtype) for key, tensor in weights.items()}
        self._wide[name] = {key: t for key, t in weights.items() if t.dtype != live[key].dtype}
        self._version[name] = self._version.get(name, 0) + 1

    def _frozen(self, name: str) -> torch.nn.Module:
        """The module that computes with frozen weights, holding those of a name until the next is asked for.

        It takes no more memory; calling the live module with other tensors costs as much as a layer at every token.
        """
        if self._frozen_module is None:
            self._frozen_module = self._twin()
        wanted = (name, self.version(name))
        if self._loaded != wanted:
            parameters = dict(self._frozen_module.named_parameters())
            for key, tensor in (self._gathered if self.sharded else self._past)[name].items():
                parameters[key].data = tensor
            self._loaded = wanted
        return self._frozen_module

    def _twin(self) -> torch.nn.Module:
        # Everything but the modules themselves is shared: weights, buffers, configuration.
        shared = [*self.module.parameters(), *self.module.buffers(), self.module.causal.config]
        memo = {id(part): part for part in shared}
        memo |= {id(p): torch.nn.Parameter(p.detach(), requires_grad=False) for p in self._live().values()}
        return deepcopy(self.module, memo)

    def _unload(self) -> None:
        """Let the module of frozen weights hold none of them."""
        self._loaded, names = None, self._live()
        for key, parameter in self._frozen_module.named_parameters():
            if key in names:
                parameter.data = parameter.data.new_empty(0)


def _kept(tensor: torch.Tensor, live: torch.Tensor) -> torch.Tensor:
    """A tensor where its live weight is, of its type; in float32 where both have more bits to keep."""
    wide = live.dtype in NARROW and tensor.dtype not in NARROW
    return like(tensor, live, torch.float32 if wide else live.dtype)
