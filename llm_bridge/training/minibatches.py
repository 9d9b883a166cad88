"""Prompts of an iteration, items of an optimiser step, and the loss in parts, for processes and to fit into memory.

A loss is a weighted sum over items (pairs, or single responses) and over the responses of its anchor term. Any split of
both, each with the weight that it has in the whole, has losses and gradients that add up to the whole's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from nashsim.errors import NashsimError
from nashsim.rules import POLICY

from ..algorithms.algorithm import Algorithm
from ..algorithms.losses import anchor_loss
from ..parallel.processes import Processes
from ..policy.causal_policy import CausalPolicy
from .batch import Batch, BatchPart

#: No process but this one.
ALONE = Processes()


def prompts_at(prompts: Sequence, count: int | None, iteration: int, seed: int) -> Sequence:
    """Return the prompts of an iteration: the next ones of an order that is a function of seed and epoch.

    Parameters
    ----------
    prompts : sequence of tuple of int
    count : int or None
        Prompts of an iteration; ``None`` is all of them, in their order.
    iteration, seed : int
    """
    if count is None:
        return prompts
    total, places = len(prompts), range(iteration * count, (iteration + 1) * count)
    epochs = {p // total for p in places}
    orders = {e: np.random.default_rng([seed, 7, e]).permutation(total) for e in epochs}
    return [prompts[orders[p // total][p % total]] for p in places]


def minibatch(batch: Batch, size: int | None, done: int, place: Sequence[int]) -> torch.Tensor | None:
    """Return the items of an optimiser step, shape (size,), or None for the whole batch; an epoch has each item once.

    Parameters
    ----------
    batch : Batch
    size : int or None
        Items of a minibatch; ``None``, or as many as there are, is the whole batch.
    done : int
        Optimiser steps done on this batch.
    place : sequence of int
        Numbers that the order is a function of, with the epoch.
    """
    if size is None or size >= batch.items:
        return None
    epoch, start = divmod(done, batch.items // size)
    order = np.random.default_rng([*place, epoch]).permutation(batch.items)
    return torch.as_tensor(order[start * size : (start + 1) * size], device=batch.payoff.device)


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
        Step as the algorithm carries it.
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
            for part in map(batch.part, parts):
                statistic += algorithm.fit.statistic(part, policy.sequence_log_probs(part.responses))
            statistic = processes.total(statistic)
    for part in [batch] if whole else map(batch.part, parts):
        yield _loss(algorithm, step, part, policy, processes, statistic)
    for _ in range(idle):
        yield 0.0 * policy.sequence_log_probs(batch.responses[:1]).sum()


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


def parts_of(
    members: torch.Tensor,
    anchors: torch.Tensor,
    chosen: torch.Tensor | None,
    processes: Processes,
    rows: int | None,
) -> list[BatchPart]:
    """Return this process's share of the chosen items, cut into parts of at most ``rows`` responses.

    Anchors go with items, each as often as every other over an epoch.

    Parameters
    ----------
    members : Tensor of int, shape (items, 1 or 2)
        Rows of every item.
    anchors : Tensor of int, shape (anchors,)
        Rows.
    chosen : Tensor of int or None
        Items of a minibatch; ``None`` is all.
    processes : Processes
    rows : int or None
        ``None`` is one part.

    Raises
    ------
    NashsimError
        Where an item has more rows than a part may hold.
    """
    items = torch.arange(len(members), device=members.device) if chosen is None else chosen
    if chosen is not None and len(anchors):
        anchors = anchors[torch.unique(chosen % len(anchors))]
    weights = 1 / max(len(items), 1), 1 / max(len(anchors), 1)
    items, anchors = (part[processes.rank :: processes.world] for part in (items, anchors))
    if rows is None:
        return [BatchPart(items, anchors, *weights)] if len(items) or len(anchors) else []
    if members.shape[1] > rows:
        raise NashsimError(
            f"training.rows: a pair is two responses, found room for {rows}; at least 2 are needed"
        )
    wanted = [*members[items].tolist(), *anchors[:, None].tolist()]
    cuts = _packed(wanted, rows)
    return [
        BatchPart(items[a:b], anchors[max(a - len(items), 0) : max(b - len(items), 0)], *weights)
        for a, b in cuts
    ]


def _packed(wanted: list[list[int]], rows: int) -> Iterator[tuple[int, int]]:
    """Runs of neighbours, as long as their different rows stay within ``rows``: pairs of a prompt share theirs."""
    start, held = 0, set()
    for i, members in enumerate(wanted):
        if len(held.union(members)) > rows:
            yield start, i
            start, held = i, set()
        held.update(members)
    if wanted:
        yield start, len(wanted)
