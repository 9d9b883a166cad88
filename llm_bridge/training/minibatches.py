"""How the items of a loss are shared out: to processes, and within one to parts that fit into memory.

A loss is a weighted sum over items (pairs, or single responses) and over the responses of its anchor term. Any split of
both, each with the weight that it has in the whole, has losses and gradients that add up to the whole's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from nashsim.errors import NashsimError

from ..parallel.processes import Processes


@dataclass(frozen=True, eq=False)
class Part:
    """Some of a batch's items and anchors, with their weights in the whole.

    Attributes
    ----------
    items, anchors : Tensor of int
        Places among the items, and rows.
    item_weight, anchor_weight : float
        Of each.
    """

    items: torch.Tensor
    anchors: torch.Tensor
    item_weight: float
    anchor_weight: float


def parts_of(
    members: torch.Tensor,
    anchors: torch.Tensor,
    chosen: torch.Tensor | None,
    processes: Processes,
    rows: int | None,
) -> list[Part]:
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
        return [Part(items, anchors, *weights)] if len(items) or len(anchors) else []
    if members.shape[1] > rows:
        raise NashsimError(
            f"training.rows: a pair is two responses, found room for {rows}; at least 2 are needed"
        )
    wanted = [*members[items].tolist(), *anchors[:, None].tolist()]
    cuts = _packed(wanted, rows)
    return [
        Part(items[a:b], anchors[max(a - len(items), 0) : max(b - len(items), 0)], *weights) for a, b in cuts
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
