"""The training loop: sample, judge, fit, write, record; for every algorithm, on text or on enumerated responses.

A step of a rule is one batch and the optimiser steps on it: many for a fit of a mirror step, one for a gradient step.
The loop moves by single optimiser steps, between any two of which its whole state can be saved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict

import torch

from nashsim.errors import NashsimError
from nashsim.rules import POLICY, GradientStep, MirrorStep, Rule

from ..algorithms import Algorithm, get_algorithm
from ..algorithms.algorithm import PREVIOUS
from ..data.prompts import as_prompt
from ..policy.causal_policy import CausalPolicy
from ..policy.named_policies import Iterates
from ..storage.run_folder import tidy_records
from .batch import Batch, Request
from .minibatches import losses_of, minibatch, prompts_at
from .optimisation import descend, make_optimiser
from .rollout import seed_of
from .settings import Settings
from .source import Rollout, Source
from .state import restore, state_of


class Trainer:
    """A training in progress.

    Parameters
    ----------
    policy : CausalPolicy
        Trained in place; its reference is mu.
    prompts : sequence of tuple of int
    algorithm : str, Rule or Algorithm
    source : Source
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
        source: Source,
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
        self.policy, self.prompts, self.source = policy, [as_prompt(p) for p in prompts], source
        self.algorithm, self.tau = get_algorithm(algorithm), float(tau)
        if source.teacher is not None and self.algorithm.own_responses_only:
            raise NashsimError(
                f"teacher: {self.algorithm.name} takes none; {self.algorithm.own_responses_only}"
            )
        self.settings, self.measure = settings or Settings(), measure or (lambda policy: {})
        self.seed, self.game = int(seed), game
        self.iteration = self.stage = self.done = self.queries = self.comparisons = 0
        self.batch: Batch | None = None
        self.buffer: list[list] = []
        self.records: list[dict] = []
        #: Loss, norm of the gradient before clipping and learning rate of the last optimiser step.
        self.descent: dict[str, float] = {}
        self.optimisers: dict[str, torch.optim.Optimizer] = {}
        remembered = {PREVIOUS: POLICY} if self.algorithm.keeps_previous else {}
        self.iterates = Iterates(policy, remembered | self.algorithm.rule.init)
        self.explorer = source.new_explorer(policy, self.algorithm.explorer)

    @property
    def step(self) -> MirrorStep | GradientStep:
        """The rule's step that is due."""
        return self.algorithm.rule.steps(self.tau, self.iteration)[self.stage]

    def run(
        self,
        iterations: int,
        record: int = 1,
        *,
        recorded: Callable[[dict], None] | None = None,
        ticked: Callable[[bool, dict | None], object] | None = None,
    ) -> Trainer:
        """Train until a number of whole iterations is done, measuring every ``record`` of them and at the end.

        Parameters
        ----------
        iterations : int
        record : int
            Iterations between records.
        recorded : callable or None
            ``recorded(record)``, after every record.
        ticked : callable or None
            ``ticked(ended, record)``, after every :meth:`tick`: whether an iteration ended, and the record or None. A
            true answer ends the training.
        """
        if iterations < 1 or record < 1:
            raise NashsimError(f"iterations, record: each must be >= 1, found {iterations} and {record}")
        recorded, ticked = recorded or (lambda made: None), ticked or (lambda ended, made: None)
        if not self.records:
            recorded(self.record())
        while self.iteration < iterations:
            ended, made = self.tick(), None
            if ended and (self.iteration % record == 0 or self.iteration == iterations):
                made = self.record()
                recorded(made)
            if ticked(ended, made):
                break
        return self

    def tick(self) -> bool:
        """Do one optimiser step, or one step of the rule that needs none; return whether an iteration ended."""
        due = self.algorithm.fitted(self.step)
        if due is None:
            self.write(self.step)
        else:
            algorithm, step = due
            if self.batch is None:
                self.batch = self.judge(self.sample(step, algorithm))
                self.queries += bool(self.step.opponent)
                if algorithm.keeps_previous and step.into == POLICY:
                    self.policy.snapshot(PREVIOUS)
            self.fit(step, algorithm)
            if self.done < self._fit_steps(algorithm):
                return False
            self.write(step)
        self.batch, self.done, self.stage = None, 0, self.stage + 1
        if self.stage < len(self.algorithm.rule.steps(self.tau, self.iteration)):
            return False
        self.stage, self.iteration = 0, self.iteration + 1
        return True

    def sample(self, step: MirrorStep | GradientStep, algorithm: Algorithm) -> Rollout:
        """Draw the responses of a step, from policies none of which has moved yet, and make its optimiser.

        Parameters
        ----------
        step : MirrorStep or GradientStep
            Step as the algorithm carries it.
        algorithm : Algorithm
        """
        self.iterates.make_live(_home(step))
        self.iterates.branch(step.into)
        self._start(step, algorithm)
        seed, stored = seed_of(self.seed, self.iteration, self.stage), self.iterates.stored
        drawn = self._prompts(), seed, self.buffer, self.explorer
        with self.policy.gathered():
            return self.source.sample(Request(self.policy, algorithm, step, stored, *drawn))

    def judge(self, rollout: Rollout) -> Batch:
        """Let the responses of a step be compared; return what the step is fitted to.

        Parameters
        ----------
        rollout : Rollout
        """
        with self.policy.gathered():
            batch = rollout.judged()
        self.comparisons += batch.comparisons
        return batch

    def fit(self, step: MirrorStep | GradientStep, algorithm: Algorithm) -> None:
        """Do one optimiser step on the batch.

        Parameters
        ----------
        step : MirrorStep or GradientStep
        algorithm : Algorithm
        """
        policy, processes, chosen = self.policy, self.source.processes, self._chosen(algorithm)
        made = descend(
            self.optimisers[self._optimiser_of(step, algorithm)],
            losses_of(algorithm, step, self.batch, policy, chosen, processes, policy.rows),
            policy.parameters(),
            rate=self.settings.rate(self.iteration) * (1 - self.done / self._fit_steps(algorithm)),
            clip=self.settings.clip,
            blame=self._blame,
            processes=processes,
            sharded=policy.sharded,
        )
        self.descent, self.done = asdict(made), self.done + 1

    def write(self, step: MirrorStep | GradientStep) -> None:
        """Give fitted weights their name; copy a policy, or average those that the algorithm says are averaged.

        Parameters
        ----------
        step : MirrorStep or GradientStep
        """
        if step.opponent:
            return self.iterates.rename_live(step.into)
        base = {name: float(w) for name, w in step.base.items() if float(w) != 0.0}
        if len(base) == 1:
            self.iterates.copy(*base, step.into)
        else:
            self.iterates.average(base, step.into)

    def record(self) -> dict:
        """Measure the policy; keep and return the record, with what is known of the last optimiser step."""
        self.make_policy_live()
        counts = {"step": self.iteration, "queries": self.queries, "comparisons": self.comparisons}
        with self.policy.gathered():
            self.records.append(counts | self.measure(self.policy) | self.descent)
        return self.records[-1]

    def make_policy_live(self) -> None:
        """Make the rule's policy the one in the live weights, as it is between iterations."""
        self.iterates.make_live(POLICY)

    def _fit_steps(self, algorithm: Algorithm) -> int:
        return 1 if algorithm.one_step else self.settings.fit_steps

    def _prompts(self) -> Sequence[tuple[int, ...]]:
        return prompts_at(self.prompts, self.settings.prompts, self.iteration, self.seed)

    def _optimiser_of(self, step: MirrorStep | GradientStep, algorithm: Algorithm) -> str:
        """The name of a step's optimiser: a fitted mixture must not take that of the gradient steps, which lives on."""
        return step.into if algorithm is self.algorithm else f"{step.into} (mixture)"

    def _start(self, step: MirrorStep | GradientStep, algorithm: Algorithm) -> None:
        """Make an optimiser for a fit; that of gradient steps lives on, and a half step only looks ahead with it."""
        key, home = self._optimiser_of(step, algorithm), _home(step)
        lives_on = algorithm is self.algorithm and self._fit_steps(algorithm) == 1
        if lives_on and key == home and key in self.optimisers:
            return
        new = make_optimiser(self.policy.masters(), self.settings)
        if lives_on and key != home and home in self.optimisers:
            new.load_state_dict(deepcopy(self.optimisers[home].state_dict()))
        self.optimisers[key] = new

    def _blame(self, loss: float, norm: float) -> str:
        return (
            f"training: loss {loss:.4g} and gradient norm {norm:.4g} at iteration {self.iteration},"
            f" optimiser step {self.done}; lower lr, or check the judge and the weights of the model"
        )

    def _chosen(self, algorithm: Algorithm) -> torch.Tensor | None:
        # A gradient step is the whole batch's: a part of it would throw the rest away.
        size = None if algorithm.one_step else self.settings.minibatch
        return minibatch(self.batch, size, self.done, (self.seed, 9, self.iteration, self.stage))

    def frame(self):
        """Return the records as a tidy DataFrame: game, rule, seed, step, queries, metric, value."""
        tidy = tidy_records(self.records)
        own = {"game": self.game, "rule": self.algorithm.name, "seed": self.seed}
        for place, (name, value) in enumerate(own.items()):
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
            For the state of another algorithm, another model or another version.
        """
        restore(self, state)


def _home(step: MirrorStep | GradientStep) -> str:
    """Whose weights a step begins from: extragradient steps begin twice from the same."""
    return step.at if isinstance(step, GradientStep) else POLICY
