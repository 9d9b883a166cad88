"""What one step is fitted to: responses, what the judge said of them, and log-probabilities of frozen policies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

import torch

from nashsim.errors import NashsimError
from nashsim.rules import POLICY, GradientStep

from ..algorithms.algorithm import Algorithm
from ..algorithms.losses import anchor_loss
from ..parallel.processes import Processes
from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import Sequences
from .minibatches import Part, parts_of

#: No process but this one.
ALONE = Processes()


@dataclass(eq=False)
class Batch:
    """Responses of one step, frozen: ``responses`` in rows, everything else in tensors beside them.

    Attributes
    ----------
    responses : Sequences
    payoff : Tensor, shape (rows,)
        P(y ≻ opponent), or its estimate; for ranked pairs the win rate within the batch.
    pairs : Tensor of int, shape (pairs, 2)
        Rows; empty where the loss is on single responses or on the spread over enumerated ones.
    wins : Tensor, shape (pairs,)
        P(first ≻ second), a coin or a certainty; used by winner labels.
    weights : Tensor, shape (rows,) or (pairs,), or (0,)
        Of the expectation that the loss is; empty for a mean.
    anchors : Tensor of int, shape (anchors,)
        Rows of the anchor term.
    anchor_weights : Tensor, shape (anchors,) or (0,)
    frozen : dict of str to Tensor, shape (rows,) or (rows, T)
        Log-probabilities of the named policies of the step.
    prompts : int
        For enumerated responses, the number of prompts; 0 for sampled ones.
    """

    responses: Sequences
    payoff: torch.Tensor
    pairs: torch.Tensor
    wins: torch.Tensor
    weights: torch.Tensor
    anchors: torch.Tensor
    anchor_weights: torch.Tensor
    frozen: dict[str, torch.Tensor] = field(default_factory=dict)
    prompts: int = 0

    def state_dict(self) -> dict:
        """Return the batch as plain tensors and numbers."""
        parts = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "responses"}
        sequences = self.responses
        return parts | {
            "responses": [
                sequences.prompt,
                sequences.prompt_mask,
                sequences.response,
                sequences.response_mask,
            ]
        }

    @classmethod
    def of(cls, state: dict) -> Batch:
        """Return the batch of ``state_dict()``.

        Parameters
        ----------
        state : dict
        """
        return cls(**{**state, "responses": Sequences(*state["responses"])})

    @property
    def items(self) -> int:
        """What minibatches are made of: pairs, or responses where there are none, those of the anchor term apart."""
        return len(self.pairs) or len(self.responses) - (0 if self.prompts else len(self.anchors))


def needed(step) -> set[str]:
    """Return the named policies whose log-probabilities the loss of a step asks for.

    Parameters
    ----------
    step : MirrorStep or GradientStep
    """
    if isinstance(step, GradientStep):
        return {name for name, w in step.score.items() if float(w) != 0.0 and name != step.at}
    return {name for name, w in step.base.items() if float(w) != 0.0}


def loss_of(
    algorithm: Algorithm,
    step,
    batch: Batch,
    policy: CausalPolicy,
    chosen: torch.Tensor | None = None,
    processes: Processes = ALONE,
) -> torch.Tensor:
    """Return the algorithm's loss of the live policy on a batch, or on this process's share of it.

    Parameters
    ----------
    algorithm, step, batch, policy, chosen, processes
        As for :func:`losses_of`.

    Returns
    -------
    Tensor, a scalar
    """
    return sum(losses_of(algorithm, step, batch, policy, chosen, processes))


def losses_of(
    algorithm: Algorithm,
    step,
    batch: Batch,
    policy: CausalPolicy,
    chosen: torch.Tensor | None = None,
    processes: Processes = ALONE,
    rows: int | None = None,
) -> Iterator[torch.Tensor]:
    """Yield losses that add up to the algorithm's loss: one after the other, so that each can be freed before the next.

    Parameters
    ----------
    algorithm : Algorithm
    step : MirrorStep or GradientStep
        As carried by the algorithm.
    batch : Batch
    policy : CausalPolicy
    chosen : Tensor of int or None
        Items of a minibatch: pairs, or rows where there are none. ``None`` is all of them.
    processes : Processes
        Each takes a part of sampled batches; the losses of all add up to the loss.
    rows : int or None
        Most responses of sampled batches that one loss holds; ``None`` is all of them.

    Yields
    ------
    Tensor, a scalar
    """
    if batch.prompts:
        if chosen is not None:
            raise NashsimError("minibatch: an expectation over enumerated responses is taken whole")
        yield _loss(algorithm, step, batch, policy, processes)
        return
    device = batch.payoff.device
    members = batch.pairs if len(batch.pairs) else torch.arange(batch.items, device=device)[:, None]
    parts = parts_of(members, batch.anchors, chosen, processes, rows)
    whole = len(parts) == 1 and chosen is None and processes.world == 1 and not len(batch.anchors)
    # Processes that share weights out must pass through the model equally often.
    idle = processes.most(len(parts), device) - len(parts) if policy.sharded else 0
    statistic = None
    if algorithm.fit.whole_batch and len(parts) != 1:
        # Every part needs it before any is fitted.
        with torch.no_grad(), policy.gathered([POLICY]):
            statistic = torch.zeros((), dtype=torch.float64, device=device)
            for part in _chunks(batch, parts):
                statistic += algorithm.fit.statistic(part, policy.sequence_log_probs(part.responses))
            statistic = processes.total(statistic)
    for part in [batch] if whole else _chunks(batch, parts):
        yield _loss(algorithm, step, part, policy, processes, statistic)
    for _ in range(idle):
        yield 0.0 * policy.sequence_log_probs(batch.responses[:1]).sum()


def _chunks(batch: Batch, parts: list[Part]) -> Iterator[Batch]:
    return (_selected(batch, part) for part in parts)


def _loss(
    algorithm: Algorithm, step, batch: Batch, policy: CausalPolicy, processes: Processes, statistic=None
) -> torch.Tensor:
    fit, weights = algorithm.fit, batch.weights if len(batch.weights) else None
    read = policy.token_log_probs if fit.reads_tokens else policy.sequence_log_probs
    current = read(batch.responses)
    if fit.whole_batch and statistic is None:
        statistic = processes.total(fit.statistic(batch, current))
    # A part may hold responses of the anchor term alone.
    loss = (
        fit.loss(algorithm, step, batch, current, weights, statistic)
        if batch.items
        else current.new_zeros(())
    )
    if algorithm.every_step:
        loss = fit.scaled(loss, step)
    if algorithm.anchor and len(batch.anchors):
        anchor_weights = batch.anchor_weights if len(batch.anchor_weights) else None
        share = fit.anchor_sign * algorithm.anchor
        loss = loss + share * anchor_loss(current[batch.anchors], anchor_weights)
    return loss


def _selected(batch: Batch, part: Part) -> Batch:
    """The batch of a part, weighted so that the losses of all parts add up to that of the whole."""
    device, items, anchors = batch.payoff.device, part.items, part.anchors
    rows = torch.unique(torch.cat([batch.pairs[items].flatten() if len(batch.pairs) else items, anchors]))
    place = torch.full((len(batch.payoff),), -1, dtype=torch.long, device=device)
    place[rows] = torch.arange(len(rows), device=device)
    if len(batch.pairs):
        pairs, wins = place[batch.pairs[items]], batch.wins[items]
        weights = torch.full((len(items),), part.item_weight, dtype=torch.float64, device=device)
    else:
        # Rows of anchors alone are no items: their weight is zero.
        pairs, wins = batch.pairs, batch.wins
        weights = torch.zeros(len(rows), dtype=torch.float64, device=device)
        weights[place[items]] = part.item_weight
    anchored = torch.full((len(anchors),), part.anchor_weight, dtype=torch.float64, device=device)
    frozen = {name: table[rows] for name, table in batch.frozen.items()}
    return Batch(
        batch.responses[rows], batch.payoff[rows], pairs, wins, weights, place[anchors], anchored, frozen
    )
