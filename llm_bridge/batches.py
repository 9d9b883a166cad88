"""What one step is fitted to: responses, what the judge said of them, and log-probabilities of frozen policies."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import torch

from nashsim.errors import NashsimError
from nashsim.rules import REFERENCE, GradientStep

from .algorithms import Algorithm
from .labels import Labels, Source
from .losses import (
    anchor_loss,
    logistic_loss,
    pointwise_loss,
    policy_gradient_loss,
    ranked_loss,
    regression_loss,
    spread_loss,
)
from .policy import CausalPolicy
from .preference_losses import dpo_loss, kto_loss, xpo_loss
from .processes import Processes
from .sequences import Sequences

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
    """Return the algorithm's loss of the live policy on a batch.

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

    Returns
    -------
    Tensor, a scalar
    """
    if batch.prompts and chosen is not None:
        raise NashsimError("minibatch: an expectation over enumerated responses is taken whole")
    if not batch.prompts and (chosen is not None or processes.world > 1 or len(batch.anchors)):
        batch = _selected(batch, chosen, processes)
    weights = batch.weights if len(batch.weights) else None
    if algorithm.fit == "policy-gradient":
        tokens = policy.token_log_probs(batch.responses)
        mask = batch.responses.response_mask.to(tokens.device)
        return policy_gradient_loss(step, tokens, batch.frozen, mask, batch.payoff, weights=weights)
    current = policy.sequence_log_probs(batch.responses)
    loss = _fitted(algorithm, step, batch, current, weights, processes)
    if algorithm.every_step:
        # Descent then climbs exactly as fast as the gradient step would at the same rate.
        loss = loss / (4 * float(step.eta))
    if algorithm.anchor and algorithm.fit != "xpo" and len(batch.anchors):
        anchor_weights = batch.anchor_weights if len(batch.anchor_weights) else None
        loss = loss + algorithm.anchor * anchor_loss(current[batch.anchors], anchor_weights)
    return loss


def _fitted(algorithm: Algorithm, step, batch: Batch, current, weights, processes) -> torch.Tensor:
    fit, past = algorithm.fit, batch.frozen
    if fit == "pointwise":
        return pointwise_loss(step, current, past, batch.payoff, weights=weights)
    if fit == "kto":
        return _kto(step, batch, current, weights, processes)
    if fit == "regression" and not len(batch.pairs):
        shape = (batch.prompts, -1)
        tables = {name: table.view(shape) for name, table in past.items()}
        return spread_loss(
            step, current.view(shape), tables, batch.payoff.view(shape), batch.weights.view(shape)
        )
    pairs = batch.pairs
    current_pairs, past_pairs = current[pairs], {name: table[pairs] for name, table in past.items()}
    if fit in ("dpo", "xpo"):
        return _preferred(algorithm, step, batch, current, weights)
    payoff = batch.payoff[pairs]
    if fit == "logistic":
        return logistic_loss(step, current_pairs, past_pairs, *payoff.T, weights=weights)
    if fit == "ranked":
        return ranked_loss(step, current_pairs, past_pairs, *payoff.T, weights=weights)
    labels = labels_of(algorithm, step, batch)
    return regression_loss(step, current_pairs, past_pairs, labels, weights=weights)


def labels_of(algorithm: Algorithm, step, batch: Batch) -> Labels:
    """Return what is known of P(y ≻ opponent) - P(y' ≻ opponent) for the pairs of a batch.

    Parameters
    ----------
    algorithm : Algorithm
    step : MirrorStep
    batch : Batch
    """
    if algorithm.labels == "duels":
        first, second = batch.payoff[batch.pairs].T
        return Labels.duels(first[:, None], second[:, None])
    weights = step.opponent if algorithm.pairs is None else algorithm.pairs
    if algorithm.second is not None or algorithm.explorer:
        weights = {"pairs of two sources": 1.0}
    return Labels.winner(batch.wins, Source(weights, algorithm.level, algorithm.selection))


def temperature(step) -> float:
    """Return DPO's beta = 4/eta: log-odds of a preference are about 4 (P - 1/2), so that beta = 4 tau [derived].

    Parameters
    ----------
    step : MirrorStep
        From the reference, against the reference, eta = 1/tau.
    """
    return 4 / float(step.eta)


def _preferred(algorithm: Algorithm, step, batch: Batch, current, weights) -> torch.Tensor:
    """DPO on pairs of either order, each weighted by the probability that its first is the winner."""
    mu, flipped = batch.frozen[REFERENCE], batch.pairs.flip(1)
    share = torch.full_like(batch.wins, 1 / len(batch.wins)) if weights is None else weights
    both = torch.cat([batch.pairs, flipped])
    share = torch.cat([share * batch.wins, share * (1 - batch.wins)])
    beta = temperature(step)
    if algorithm.fit == "dpo":
        return dpo_loss(current[both], mu[both], beta, weights=share)
    explored = current[batch.anchors]
    if len(batch.anchor_weights):
        weighted = batch.anchor_weights * explored * len(explored)
        return xpo_loss(current[both], mu[both], weighted, beta, algorithm.anchor, weights=share)
    return xpo_loss(current[both], mu[both], explored, beta, algorithm.anchor, weights=share)


def _kto(step, batch: Batch, current, weights, processes) -> torch.Tensor:
    """KTO with desirability a probability: a row counts for both sides."""
    mu, beta = batch.frozen[REFERENCE], temperature(step)
    share = torch.full_like(batch.payoff, 1 / len(batch.payoff)) if weights is None else weights
    z0 = processes.total((share * (current.detach() - mu)).sum())
    desirable = torch.cat([torch.ones_like(mu, dtype=torch.bool), torch.zeros_like(mu, dtype=torch.bool)])
    share = torch.cat([share * batch.payoff, share * (1 - batch.payoff)])
    return kto_loss(current.repeat(2), mu.repeat(2), desirable, beta, z0=z0, share=share)


def _selected(batch: Batch, chosen: torch.Tensor | None, processes: Processes) -> Batch:
    """This process's share of the chosen items, weighted so that the sum over processes is the mean over all chosen.

    Anchors go with items, each as often as every other over an epoch.
    """
    device = batch.payoff.device
    items = torch.arange(batch.items, device=device) if chosen is None else chosen
    anchors = batch.anchors
    if chosen is not None and len(anchors):
        anchors = anchors[torch.unique(chosen % len(anchors))]
    item_weight, anchor_weight = 1 / len(items), 1 / max(len(anchors), 1)
    items, anchors = (part[processes.rank :: processes.world] for part in (items, anchors))
    rows = torch.unique(torch.cat([batch.pairs[items].flatten() if len(batch.pairs) else items, anchors]))
    place = torch.full((len(batch.payoff),), -1, dtype=torch.long, device=device)
    place[rows] = torch.arange(len(rows), device=device)
    if len(batch.pairs):
        pairs, wins = place[batch.pairs[items]], batch.wins[items]
        weights = torch.full((len(items),), item_weight, dtype=torch.float64, device=device)
    else:
        # Rows of anchors alone are no items: their weight is zero.
        pairs, wins = batch.pairs, batch.wins
        weights = torch.zeros(len(rows), dtype=torch.float64, device=device)
        weights[place[items]] = item_weight
    anchored = torch.full((len(anchors),), anchor_weight, dtype=torch.float64, device=device)
    frozen = {name: table[rows] for name, table in batch.frozen.items()}
    return Batch(
        batch.responses[rows], batch.payoff[rows], pairs, wins, weights, place[anchors], anchored, frozen
    )
