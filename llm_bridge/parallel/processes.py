"""Several processes, one training: prompts and comparisons are shared out, gradients added up.

Every random number belongs to a prompt and a place, never to a process, so that the result is one whatever their
number, up to the order in which floating-point numbers are added. ``accelerate launch`` starts them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Processes:
    """Who this process is among how many.

    Attributes
    ----------
    rank, world : int
        Number of this process, and of all.
    """

    rank: int = 0
    world: int = 1

    @classmethod
    def current(cls) -> Processes:
        """Return the processes that ``accelerate launch`` (or ``torchrun``) started; one where nothing did."""
        if int(os.environ.get("WORLD_SIZE", "1")) < 2:
            return cls()
        from accelerate import PartialState

        state = PartialState(cpu=not torch.cuda.is_available())
        return cls(state.process_index, state.num_processes)

    @property
    def main(self) -> bool:
        """Whether this process writes."""
        return self.rank == 0

    def shared(self, keys: Sequence, work: Callable[[list[int]], list]) -> list:
        """Return ``work(places)`` put together over processes, in the order of the keys.

        Items of equal keys stay in one process and in their order: the number of a prompt's sample is its place among
        equal prompts.

        Parameters
        ----------
        keys : sequence of hashable
            Key of every item.
        work : callable
            Function of places of items that returns a result for each.
        """
        if self.world == 1:
            return work(list(range(len(keys))))
        number: dict = {}
        owner = [number.setdefault(key, len(number)) % self.world for key in keys]
        mine = [i for i, who in enumerate(owner) if who == self.rank]
        parts: list = [None] * self.world
        torch.distributed.all_gather_object(parts, work(mine) if mine else [])
        streams = [iter(part) for part in parts]
        return [next(streams[who]) for who in owner]

    def total(self, value: torch.Tensor) -> torch.Tensor:
        """Return the sum of a tensor over processes, without gradient.

        Parameters
        ----------
        value : Tensor
            Summand of this process.
        """
        value = value.detach().clone()
        if self.world > 1:
            torch.distributed.all_reduce(value)
        return value

    def most(self, count: int, device="cpu") -> int:
        """Return the largest of a number that each process has, >= 0.

        Parameters
        ----------
        count : int
            Number of this process.
        device : torch.device or str
            Device over which the processes communicate.
        """
        found = torch.tensor(int(count), device=device)
        if self.world > 1:
            torch.distributed.all_reduce(found, torch.distributed.ReduceOp.MAX)
        return int(found)

    def add_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Put the sum over processes into every parameter's gradient.

        Parameters
        ----------
        parameters : sequence of Parameter
            Parameters whose gradients are summed.
        """
        if self.world == 1:
            return
        for p in parameters:
            if p.grad is None:
                p.grad = torch.zeros_like(p)
            torch.distributed.all_reduce(p.grad)

    def wait(self) -> None:
        """Return once every process has come this far."""
        if self.world > 1:
            torch.distributed.barrier()
