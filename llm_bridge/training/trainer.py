"""The training loop: sample, judge, fit, record; for every algorithm, on text or on enumerated responses.

A step of a rule is one batch and the optimiser steps on it: many for a fit of a mirror step, one for a gradient step.
The loop moves by single optimiser steps, between any two of which its whole state can be saved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch

from nashsim.errors import NashsimError
from nashsim.rules import POLICY, GradientStep, MirrorStep, Rule

from ..algorithms.algorithm import PREVIOUS, Algorithm, Oracle, StepB
from ..algorithms.registry import get_algorithm
from ..decoding.exploration import EllipticalExplorer
from ..parallel.sharding import whole
from ..policy.causal_policy import CausalPolicy
from ..policy.named_policies import Iterates
from ..storage.run_folder import tidy_records
from ..tasks.enumerated_source import Enumerated
from .batch import ALONE, Batch, losses_of
from .rollout import Round, Sampled, seed_of
from .settings import Settings
from .state import restore, state_of


class Trainer:
    """A training in progress.

    Parameters
    ----------
    policy : CausalPolicy
        Trained in place; its reference is mu.
    prompts : sequence of tuple of int
    algorithm : str, Rule or Algorithm
    source : Sampled or Enumerated
        Where responses come from, and what judges them.
    tau : float
        KL regularisation, > 0.
    settings : Settings or None
    measure : callable or None
        ``measure(policy) -> dict of float``, of the policy in the live weights.
    seed : int
    game : str
        A name for the records.

    Attributes
    ----------
    iteration, stage, done : int
        Whole iterations; steps of the rule done in this one; optimiser steps done in this step.
    queries, comparisons : int
        Payoff vectors P(. ≻ opponent) asked for, as in tabular runs, and comparisons that the judge answered.
    """

    def __init__(
        self,
        policy: CausalPolicy,
        prompts: Sequence[tuple[int, ...]],
        algorithm: str | Rule | Algorithm,
        source: Sampled | Enumerated,
        *,
        tau: float,
        settings: Settings | None = None,
        measure: Callable[[CausalPolicy], dict] | None = None,
        seed: int = 0,
        game: str = "task",
    ):
        if not tau > 0:
            raise NashsimError(f"tau: a number > 0 is needed, found {tau!r}")
        if seed < 0:
            raise NashsimError(f"seed: a whole number >= 0 is needed, found {seed}")
        if not prompts:
            raise NashsimError("prompts: at least one is needed")
        self.policy, self.prompts, self.source = policy, [tuple(p) for p in prompts], source
        self.algorithm, self.tau = get_algorithm(algorithm), float(tau)
        if getattr(source, "teacher", None) is not None and self.algorithm.own_responses_only:
            raise NashsimError(
                f"teacher: {self.algorithm.name} takes none; {self.algorithm.own_responses_only}"
            )
        self.settings, self.measure = settings or Settings(), measure or (lambda policy: {})
        self.seed, self.game = int(seed), game
        self.iteration = self.stage = self.done = self.queries = self.comparisons = 0
        self.batch: Batch | None = None
        self.buffer: list[list] = []
        self.records: list[dict] = []
        #: Of the last optimiser step: its loss, the norm of its gradient before clipping, its learning rate.
        self.descent: dict[str, float] = {}
        self.optimisers: dict[str, torch.optim.Optimizer] = {}
        self.iterates = Iterates(policy, self._names())
        self.explorer = self._new_explorer()

    def _new_explorer(self) -> EllipticalExplorer | None:
        wanted = self.algorithm.explorer
        # On enumerated responses every pair is compared, and there is nothing to look for.
        if not isinstance(wanted, Oracle) or isinstance(self.source, Enumerated):
            return None
        return EllipticalExplorer(self.source.features.width(self.policy), wanted.ridge)

    @property
    def _tilts(self) -> bool:
        return isinstance(self.algorithm.explorer, StepB)

    def _names(self) -> set[str]:
        """Every policy that the rule names at any of its first iterations, and what the explorer needs."""
        rule, names = self.algorithm.rule, {PREVIOUS} if self._tilts else set()
        for step in rule.steps(self.tau, 0):
            names |= {step.into, *step.base, *step.opponent, *getattr(step, "score", {})}
        return names

    @property
    def step(self) -> MirrorStep | GradientStep:
        """The rule's step that is due."""
        return self.algorithm.rule.steps(self.tau, self.iteration)[self.stage]

    def run(self, iterations: int, record: int = 1) -> Trainer:
        """Train until a number of whole iterations is done, measuring every ``record`` of them and at the end.

        Parameters
        ----------
        iterations : int
        record : int
        """
        if iterations < 1 or record < 1:
            raise NashsimError(f"iterations, record: each must be >= 1, found {iterations} and {record}")
        if not self.records:
            self.record()
        while self.iteration < iterations:
            if self.tick() and (self.iteration % record == 0 or self.iteration == iterations):
                self.record()
        return self

    def tick(self) -> bool:
        """Do one optimiser step, or one step of the rule that needs none; return whether an iteration ended."""
        step = self._askable(self.step)
        if step is None:
            self._mix(self.step)
        else:
            carried = self.algorithm.carried(step)
            if self.batch is None:
                self.batch = self._sample(carried, asked=bool(self.step.opponent))
            self._descend(carried)
            self.done += 1
            if self.done < self._fit_steps():
                return False
            self.iterates.wrote(step.into)
        self.batch, self.done, self.stage = None, 0, self.stage + 1
        if self.stage < len(self.algorithm.rule.steps(self.tau, self.iteration)):
            return False
        self.stage, self.iteration = 0, self.iteration + 1
        return True

    def _askable(self, step):
        """The step as something to fit, or None where copies and averages of parameters do it."""
        base = {name: float(w) for name, w in step.base.items() if float(w) != 0.0}
        if step.opponent:
            return step
        if step.into != POLICY or len(base) == 1:
            return None
        # A mixture written into the policy is fitted as a step of length zero, which asks nothing.
        return replace(step, opponent={POLICY: 1.0}, eta=0.0)

    def _mix(self, step) -> None:
        base = {name: float(w) for name, w in step.base.items() if float(w) != 0.0}
        self.iterates.mix(base, step.into)

    def _fit_steps(self) -> int:
        return 1 if self.algorithm.one_step else self.settings.fit_steps

    def _sample(self, step, asked: bool) -> Batch:
        """Sample and judge: the batch of a step, from policies none of which has moved yet."""
        self.iterates.occupy(_home(step))
        self.iterates.leave(step.into)
        self._start(step)
        self.queries += asked
        if isinstance(self.source, Enumerated):
            batch = self.source.batch(self.policy, self.algorithm, step, self.iterates.real)
        else:
            with self.policy.gathered():
                batch = self._drawn(step)
        if self._tilts and step.into == POLICY:
            self.policy.snapshot(PREVIOUS)
        return batch

    def _drawn(self, step) -> Batch:
        seed = seed_of(self.seed, self.iteration, self.stage)
        real = self.iterates.real
        sampling = Round(self.source, self.policy, self.algorithm, step, real, seed, self.explorer)
        groups = sampling.collect(self._prompts())
        fresh = []
        if self.algorithm.anchor:
            side = sampling.anchor_side()
            # A teacher's response, the last, is no draw from the policy.
            fresh = [(group[0], y) for group in groups for y in group[side][: self.algorithm.responses]]
        if self.algorithm.replay:
            self.buffer += groups
            order = np.random.default_rng([seed, 1]).integers(len(self.buffer), size=len(groups))
            groups = [self.buffer[i] for i in order]
        batch = sampling.batch(groups, fresh)
        self.comparisons += sampling.comparisons
        return batch

    def _prompts(self) -> list[tuple[int, ...]]:
        """The prompts of this iteration: the next ones of an order that is a function of seed and epoch."""
        count, total = self.settings.prompts or len(self.prompts), len(self.prompts)
        places = range(self.iteration * count, (self.iteration + 1) * count)
        orders = {e: np.random.default_rng([self.seed, 7, e]).permutation(total)
                  for e in {p // total for p in places}}  # fmt: skip
        if self.settings.prompts is None:
            return self.prompts
        return [self.prompts[orders[p // total][p % total]] for p in places]

    def _start(self, step) -> None:
        """Make an optimiser for a fit; that of gradient steps lives on, and a half step only looks ahead with it."""
        key, home = step.into, _home(step)
        lives_on = self._fit_steps() == 1
        if lives_on and key == home and key in self.optimisers:
            return
        new = self.new_optimiser()
        if lives_on and key != home and home in self.optimisers:
            new.load_state_dict(deepcopy(self.optimisers[home].state_dict()))
        self.optimisers[key] = new

    def new_optimiser(self) -> torch.optim.Optimizer:
        """Return a fresh optimiser of the live weights."""
        weights, settings = self.policy.parameters(), self.settings
        if settings.optimiser == "sgd":
            return torch.optim.SGD(weights, lr=settings.lr, momentum=settings.momentum or 0.0)
        first = 0.9 if settings.momentum is None else settings.momentum
        return torch.optim.Adam(weights, lr=settings.lr, betas=(first, 0.999))

    def _descend(self, step) -> None:
        """Do one optimiser step on the batch."""
        chosen = self._chosen()
        processes = getattr(self.source, "processes", ALONE)
        optimiser, total = self.optimisers[step.into], self._fit_steps()
        for group in optimiser.param_groups:
            group["lr"] = self.settings.rate(self.iteration) * (1 - self.done / total)
        optimiser.zero_grad(set_to_none=True)
        loss = torch.zeros((), dtype=torch.float64, device=self.policy.device)
        for part in losses_of(
            self.algorithm, step, self.batch, self.policy, chosen, processes, self.policy.rows
        ):
            # Weights that are shared out have the mean over processes for a gradient, all others the sum.
            (part * processes.world if self.policy.sharded else part).backward()
            loss += part.detach()
        if not self.policy.sharded:
            processes.add_gradients(self.policy.parameters())
        norm = float(whole(torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.settings.clip)))
        value = float(processes.total(loss))
        if not (math.isfinite(value) and math.isfinite(norm)):
            raise NashsimError(
                f"training: loss {value:.4g} and gradient norm {norm:.4g} at iteration {self.iteration},"
                f" optimiser step {self.done}; lower lr, or check the judge and the weights of the model"
            )
        optimiser.step()
        self.descent = {"loss": value, "grad_norm": norm, "learning_rate": optimiser.param_groups[0]["lr"]}

    def _chosen(self) -> torch.Tensor | None:
        """The minibatch of this optimiser step, a function of its place, or None for the whole batch."""
        size, items = self.settings.minibatch, self.batch.items
        # A gradient step is the whole batch's: a part of it would throw the rest away.
        if size is None or size >= items or self.algorithm.one_step:
            return None
        per_epoch = items // size
        epoch, place = divmod(self.done, per_epoch)
        order = np.random.default_rng([self.seed, 9, self.iteration, self.stage, epoch]).permutation(items)
        return torch.as_tensor(order[place * size : (place + 1) * size], device=self.policy.device)

    def frame(self):
        """Return the records as a tidy DataFrame: game, rule, seed, step, queries, metric, value."""
        tidy = tidy_records(self.records)
        for place, name in enumerate(("game", "rule", "seed")):
            value = self.algorithm.name if name == "rule" else getattr(self, name)
            tidy.insert(place, name, value)
        return tidy

    def state_dict(self) -> dict:
        """Return all that a resumed training needs, as tensors and JSON-able numbers, lists and strings."""
        return state_of(self)

    def load_state_dict(self, state: dict) -> None:
        """Go on from a state of the same algorithm on the same model: the bits are those of a run never interrupted.

        Parameters
        ----------
        state : dict

        Raises
        ------
        NashsimError
            For the state of another algorithm or another model.
        """
        restore(self, state)

    def occupy(self) -> None:
        """Make the rule's policy the one in the live weights, as it is between iterations."""
        self.iterates.occupy(POLICY)

    def record(self) -> None:
        """Measure the policy and keep the record, with what is known of the last optimiser step."""
        self.occupy()
        counts = {"step": self.iteration, "queries": self.queries, "comparisons": self.comparisons}
        with self.policy.gathered():
            self.records.append(counts | self.measure(self.policy) | self.descent)


def _home(step: MirrorStep | GradientStep) -> str:
    """Whose weights a step begins from: extragradient steps begin twice from the same."""
    return step.at if isinstance(step, GradientStep) else POLICY
