"""Expectations over every response of an enumerable task, in place of samples: the exact mode of training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from nashsim.errors import NashsimError
from nashsim.rules import POLICY, REFERENCE, GradientStep, opponents

from ..algorithms.algorithm import Algorithm
from ..decoding.eager import sample
from ..parallel.processes import Processes
from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import Sequences
from ..training.batch import Batch, Request, needed
from . import EnumerableTask

#: Most pairs of enumerated responses that a loss on pairs may take.
MOST_PAIRS = 4_000_000


class Enumerated:
    """Batches whose weights are exact probabilities and whose payoffs are exact.

    Losses with the exact step as their minimiser under any pairs (regression, logistic) take responses from policy
    and reference in equal parts, so that none is forgotten; the others from where the algorithm draws them.

    Parameters
    ----------
    task : EnumerableTask
    """

    exact, processes, teacher = True, Processes(), None

    def __init__(self, task: EnumerableTask):
        self.task, self.count, self.prompts = task, len(task.enumeration), len(task.prompts)
        self.length, self.engine = task.length, sample
        responses = task.enumeration.responses()
        prompts = [prompt for prompt in task.prompts for _ in responses]
        self.all = Sequences.of(prompts, responses * self.prompts).to(task.device)
        self.preference = torch.as_tensor(task.judge.preference, device=task.device)
        self.classes = torch.as_tensor(task.classes, device=task.device)
        # Several parts of a batch ask for the same policy: one forward pass answers them all.
        self._memo: dict[str, torch.Tensor] = {}
        self._remembering = False
        self._children, self._prefixes = (
            part.to(task.device) for part in _tree(task.enumeration.tokens, task.enumeration.lengths)
        )

    def table(self, policy: CausalPolicy, of: str) -> torch.Tensor:
        """Return log pi of every response, float64, shape (prompts, responses).

        Parameters
        ----------
        policy : CausalPolicy
        of : str
            Name by which the policy knows it.
        """
        return self.tokens(policy, of).double().sum(-1).view(self.prompts, self.count)

    def tokens(self, policy: CausalPolicy, of: str) -> torch.Tensor:
        """Return token log-probabilities of every response, without gradients, shape (rows, T)."""
        if of in self._memo:
            return self._memo[of]
        with torch.no_grad():
            found = policy.token_log_probs(self.all, of)
        if self._remembering:
            self._memo[of] = found
        return found

    def distribution(
        self,
        policy: CausalPolicy,
        weights: Mapping[str, Any],
        stored: Callable[[str], str],
        *,
        level: str = "sequence",
        arithmetic: bool = False,
    ) -> torch.Tensor:
        """Return log-probabilities of a mixture of named policies, shape (prompts, responses).

        Parameters
        ----------
        policy : CausalPolicy
        weights : mapping of str to float
        stored : callable
            The policy's own name of a rule's policy.
        level : str
            Level of a geometric mixture: ``"sequence"`` or ``"token"``.
        arithmetic : bool
            sum_k w_k pi_k instead.
        """
        # A zero weight must not turn a log-probability of -inf into NaN.
        weights = {name: float(w) for name, w in weights.items() if float(w) != 0.0}
        if arithmetic:
            if min(weights.values()) < 0:
                raise NashsimError(
                    f"weights: {weights} has a negative weight and is no distribution; name one policy"
                )
            parts = [np.log(w) + self.table(policy, stored(name)) for name, w in weights.items()]
            return torch.stack(parts).logsumexp(0)
        if level == "token" and len(weights) > 1:
            return self._token_mixture(policy, {stored(name): w for name, w in weights.items()})
        terms = (w * self.table(policy, stored(name)) for name, w in weights.items())
        return sum(terms, torch.zeros(())).log_softmax(-1)

    def _token_mixture(self, policy: CausalPolicy, weights: Mapping[str, float]) -> torch.Tensor:
        """log q(y) = sum_t log softmax_v(sum_k w_k log pi_k(v | x, y_<t)) [y_t], every softmax from the enumeration."""
        mixed = sum((w * self.tokens(policy, of).double() for of, w in weights.items()), torch.zeros(()))
        mixed = mixed.view(self.prompts, self.count, -1)
        real = self.all.response_mask.view_as(mixed)
        total = torch.zeros_like(mixed[..., 0])
        for t in range(mixed.shape[-1]):
            child, prefix = self._children[:, t], self._prefixes[:, t]
            # Each child of a prefix counts once, at the first response that goes through it.
            first = child == torch.arange(self.count, device=child.device)
            sums = torch.zeros_like(total).index_add_(
                1, prefix[first], mixed[:, first, t].exp() * real[:, first, t]
            )
            total += torch.where(real[..., t], mixed[..., t] - sums[:, prefix].log(), 0.0)
        return total

    def payoff(self, opponent: torch.Tensor) -> torch.Tensor:
        """Return P(. ≻ opponent), shape (prompts, responses).

        Parameters
        ----------
        opponent : Tensor, shape (prompts, responses)
            Log-probabilities.
        """
        masses = torch.zeros(self.prompts, len(self.preference), dtype=torch.float64, device=opponent.device)
        masses.index_add_(1, self.classes, opponent.exp())
        return (masses @ self.preference.T)[:, self.classes]

    def new_explorer(self, policy: CausalPolicy, wanted) -> None:
        """Return None: every pair of enumerated responses is compared, and there is nothing to look for.

        Parameters
        ----------
        policy : CausalPolicy
        wanted : StepB, Oracle or None
        """

    def sample(self, request: Request) -> EnumeratedRollout:
        """Return all responses: nothing is drawn."""
        return EnumeratedRollout(self, request)

    def batch(self, request: Request) -> Batch:
        """Return the batch of a step over all responses."""
        self._remembering = True
        try:
            return self._batch(request.policy, request.algorithm, request.step, request.stored)
        finally:
            self._remembering, self._memo = False, {}

    def _batch(self, policy: CausalPolicy, algorithm: Algorithm, step, stored) -> Batch:
        options = {"level": algorithm.level, "arithmetic": step.arithmetic}
        parts = [(w, self.distribution(policy, mixed, stored, **options)) for w, mixed in opponents(step)]
        payoff = sum((float(weight) * self.payoff(part) for weight, part in parts), torch.zeros(()))
        opponent = parts[0][1]
        rows, second = self._sources(policy, algorithm, step, stored, opponent)
        if algorithm.fit.ranks_within:
            payoff = self.payoff(rows)  # the win rate within a batch, of K without end
        pairs, wins, weights = self._weighted(algorithm, rows.exp(), second)
        frozen = {name: self.tokens(policy, stored(name)) for name in sorted(needed(step, algorithm.fit))}
        if not algorithm.fit.reads_tokens:
            frozen = {name: table.sum(-1) for name, table in frozen.items()}
        anchors = self._anchors(policy, algorithm, stored)
        every = torch.arange(len(self.all) if len(anchors) else 0, device=payoff.device)
        return Batch(self.all, payoff.flatten(), pairs, wins, weights, every, anchors, frozen, self.prompts)

    def _sources(self, policy, algorithm, step, stored, opponent):
        """Log-probabilities that rows are weighted by, and of the second response of a pair or None."""
        if isinstance(step, GradientStep):
            return self.table(policy, stored(step.at)), None
        if algorithm.fit.any_pairs and not algorithm.every_step:
            parts = [self.table(policy, stored(name)) for name in (POLICY, REFERENCE)]
            return torch.stack(parts).logsumexp(0) - np.log(2), None
        drawn = opponent if algorithm.pairs is None else self.distribution(policy, algorithm.pairs, stored)
        second = (
            None if algorithm.second is None else self.distribution(policy, algorithm.second, stored).exp()
        )
        return drawn, second

    def _weighted(self, algorithm: Algorithm, rows: torch.Tensor, second: torch.Tensor | None):
        """Pairs, their wins and the weights of the expectation, of pairs where there are any."""
        empty = torch.zeros(0, dtype=torch.float64, device=rows.device)
        if not algorithm.needs_pairs or algorithm.fit.spread:
            share = 1 if algorithm.fit.spread else self.prompts
            return empty.long().view(0, 2), empty, rows.flatten() / share
        if self.prompts * self.count**2 > MOST_PAIRS:
            raise NashsimError(
                f"task: {algorithm.name} compares all {self.count} responses with each other, too many to enumerate;"
                " use sampled responses"
            )
        within = torch.cartesian_prod(*[torch.arange(self.count, device=rows.device)] * 2)
        shift = self.count * torch.arange(self.prompts, device=rows.device)
        pairs = (within[None] + shift[:, None, None]).view(-1, 2)
        other = rows if second is None else second
        weights = (rows[:, within[:, 0]] * other[:, within[:, 1]]).flatten() / self.prompts
        styles = self.classes[within]
        wins = self.preference[styles[:, 0], styles[:, 1]].repeat(self.prompts)
        return pairs, wins, weights

    def _anchors(self, policy, algorithm: Algorithm, stored) -> torch.Tensor:
        """Weights of the anchor term over all rows: pi_t for ENPO, mu for XPO."""
        if not algorithm.anchor:
            return torch.zeros(0, dtype=torch.float64, device=self.all.prompt.device)
        return self.table(policy, stored(algorithm.fit.anchor_of)).exp().flatten() / self.prompts


@dataclass(frozen=True, eq=False)
class EnumeratedRollout:
    """Every response to every prompt, for one step.

    Attributes
    ----------
    source : Enumerated
    request : Request
    """

    source: Enumerated
    request: Request

    def judged(self) -> Batch:
        """Return the batch whose weights and payoffs are exact."""
        return self.source.batch(self.request)


def _tree(tokens: np.ndarray, lengths: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """First response through the child y_<=t, and first through the prefix y_<t, both (responses, T)."""
    count, longest = tokens.shape
    # Padding after EOS must not look like EOS.
    marked = np.where(np.arange(longest) < lengths[:, None], tokens, -1)
    first = np.zeros((count, longest + 1), dtype=np.int64)
    for t in range(1, longest + 1):
        _, start, place = np.unique(marked[:, :t], axis=0, return_index=True, return_inverse=True)
        first[:, t] = start[place.ravel()]
    return torch.as_tensor(first[:, 1:].copy()), torch.as_tensor(first[:, :-1].copy())
