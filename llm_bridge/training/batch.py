"""What a step asks for, and what it is fitted to: responses, what the judge said of them, frozen log-probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields

import torch

from nashsim.rules import GradientStep, MirrorStep

from ..algorithms.algorithm import Algorithm
from ..algorithms.fits import Fit
from ..decoding.exploration import EllipticalExplorer
from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import Sequences


@dataclass(frozen=True, eq=False)
class BatchPart:
    """Some of a batch's items and anchors, with their weights in the whole.

    Attributes
    ----------
    items, anchors : Tensor of int
        Places among the items, and rows.
    item_weight, anchor_weight : float
        Weights of each.
    """

    items: torch.Tensor
    anchors: torch.Tensor
    item_weight: float
    anchor_weight: float


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
        Weights of the expectation that the loss is; empty for a mean.
    anchors : Tensor of int, shape (anchors,)
        Rows of the anchor term.
    anchor_weights : Tensor, shape (anchors,) or (0,)
    frozen : dict of str to Tensor, shape (rows,) or (rows, T)
        Log-probabilities of the named policies of the step.
    prompts : int
        Number of prompts of enumerated responses; 0 for sampled ones.
    comparisons : int
        Comparisons that the judge answered for it.
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
    comparisons: int = 0

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
    def of(cls, state: dict, device=None) -> Batch:
        """Return the batch of ``state_dict()``.

        Parameters
        ----------
        state : dict
        device : torch.device or None
            Device of its tensors; ``None`` leaves them where they are.
        """
        state = _moved(state, device) if device is not None else state
        return cls(**{**state, "responses": Sequences(*state["responses"])})

    def part(self, part: BatchPart) -> Batch:
        """Return the batch of a part, weighted so that the losses of all parts add up to that of the whole.

        Parameters
        ----------
        part : BatchPart
        """
        device, items, anchors = self.payoff.device, part.items, part.anchors
        rows = torch.unique(torch.cat([self.pairs[items].flatten() if len(self.pairs) else items, anchors]))
        place = torch.full((len(self.payoff),), -1, dtype=torch.long, device=device)
        place[rows] = torch.arange(len(rows), device=device)
        if len(self.pairs):
            pairs, wins = place[self.pairs[items]], self.wins[items]
            weights = torch.full((len(items),), part.item_weight, dtype=torch.float64, device=device)
        else:
            # Rows of anchors alone are no items: their weight is zero.
            pairs, wins = self.pairs, self.wins
            weights = torch.zeros(len(rows), dtype=torch.float64, device=device)
            weights[place[items]] = part.item_weight
        anchored = torch.full((len(anchors),), part.anchor_weight, dtype=torch.float64, device=device)
        frozen = {name: table[rows] for name, table in self.frozen.items()}
        return Batch(
            self.responses[rows], self.payoff[rows], pairs, wins, weights, place[anchors], anchored, frozen
        )

    @property
    def items(self) -> int:
        """What minibatches are made of: pairs, or responses where there are none, those of the anchor term apart."""
        return len(self.pairs) or len(self.responses) - (0 if self.prompts else len(self.anchors))


@dataclass(frozen=True, eq=False)
class Request:
    """What the batch of one step is asked for.

    Attributes
    ----------
    policy : CausalPolicy
        Policies that responses are drawn from, none of which has moved yet.
    algorithm : Algorithm
        Which pairs, labels and loss.
    step : MirrorStep or GradientStep
        Step as the algorithm carries it.
    stored : callable
        The CausalPolicy's own name of a rule's policy.
    prompts : sequence of tuple of int
        Prompts of this iteration.
    seed : int
        Seed of this step of this iteration.
    buffer : list
        Groups of responses of earlier iterations, which replay adds to.
    explorer : EllipticalExplorer or None
        The oracle's memory, which takes in the pairs drawn.
    """

    policy: CausalPolicy
    algorithm: Algorithm
    step: MirrorStep | GradientStep
    stored: Callable[[str], str]
    prompts: Sequence[tuple[int, ...]] = ()
    seed: int = 0
    buffer: list = field(default_factory=list)
    explorer: EllipticalExplorer | None = None


def needed(step, fit: Fit) -> set[str]:
    """Return the named policies whose log-probabilities the loss of a step asks for, as they are when it is drawn.

    Parameters
    ----------
    step : MirrorStep or GradientStep
    fit : Fit
        Loss that carries it.
    """
    if isinstance(step, GradientStep):
        drawn = {step.at} if fit.importance else set()
        return drawn | {name for name, w in step.score.items() if float(w) != 0.0 and name != step.at}
    return {name for name, w in step.base.items() if float(w) != 0.0}


def _moved(value, device):
    """Every tensor of nested lists and dicts on a device."""
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: _moved(part, device) for key, part in value.items()}
    return [_moved(part, device) for part in value] if isinstance(value, list) else value
