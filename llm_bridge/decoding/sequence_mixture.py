"""Mixtures of whole responses, drawn by rejection or by re-weighting candidates.

The geometric mixture q ∝ prod_k pi_k^{w_k} of whole responses is what tabular rules mean; one of logits is not it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from nashsim.errors import NashsimError

from ..policy.causal_policy import CausalPolicy
from ..policy.sequences import Sequences
from .eager import sample
from .roles import Engine, Role, uniforms


@dataclass(frozen=True, eq=False)
class Mixed:
    """One response a prompt from a mixture of whole responses.

    Attributes
    ----------
    sequences : Sequences
        Prompts and responses.
    effective : Tensor, shape (prompts,)
        Effective number of candidates, (sum w)^2 / sum w^2 of their weights.
    exact : Tensor of bool, shape (prompts,)
        Whether the response was accepted by rejection and so is an exact draw.
    """

    sequences: Sequences
    effective: torch.Tensor
    exact: torch.Tensor


def sequence_mixture(
    policy: CausalPolicy,
    prompts: Sequence[Sequence[int]],
    weights: Mapping[str, float],
    length: int,
    *,
    candidates: int = 16,
    seed: int = 0,
    engine: Engine = sample,
) -> Mixed:
    """Draw y ∝ prod_k pi_k(y)^{w_k} from K candidates of the arithmetic mixture sum_k a_k pi_k.

    Parameters
    ----------
    policy : CausalPolicy
        Policy with all the names.
    prompts : sequence of sequences of int
        Token ids of every prompt.
    weights : mapping of str to float
        Weights w_k of named policies, which sum to 1.
    length : int
        Most tokens of a response.
    candidates : int
        Number K of candidates a prompt.
    seed : int
        Seed of candidates and coins.
    engine : callable
        Engine that draws the candidates, from pure roles.

    Raises
    ------
    NashsimError
        For weights that do not sum to 1, or fewer than one candidate.

    Notes
    -----
    With weights >= 0, a = w and the ratio prod_k pi_k^{w_k} / sum_k w_k pi_k is at most 1, so that the first candidate
    that a coin of this probability accepts is an exact draw [derived]. Where all K are refused, and always for
    a tilt with a negative weight (a ∝ |w|), one candidate is drawn in proportion to its ratio: right as K grows.
    """
    weights = {name: float(w) for name, w in weights.items() if float(w) != 0.0}
    if abs(sum(weights.values()) - 1) > 1e-9 or candidates < 1:
        raise NashsimError(
            f"weights, candidates: a sum of 1 and K >= 1 are needed, found {weights}, {candidates}"
        )
    names, repeated = list(weights), [p for p in prompts for _ in range(candidates)]
    total = sum(abs(w) for w in weights.values())
    share = torch.tensor([abs(weights[name]) / total for name in names], dtype=torch.float64)
    coins = uniforms(seed, repeated, 3, "part, acceptance, choice")
    part = torch.searchsorted(share.cumsum(0), torch.as_tensor(coins[:, 0].copy()), right=True)
    part = part.clamp_max(len(names) - 1)
    # One role whose rows are each drawn from one policy.
    role = Role({name: (part == k).double().tolist() for k, name in enumerate(names)}, seed)
    drawn = engine(policy, repeated, {"candidate": role}, length)["candidate"].sequences
    with torch.no_grad():
        logs = torch.stack([policy.sequence_log_probs(drawn, name).double().cpu() for name in names])
    wanted = sum(weights[name] * log for name, log in zip(names, logs, strict=True))
    ratio = (wanted - (share.log()[:, None] + logs).logsumexp(0)).view(len(prompts), candidates)
    accepted = torch.as_tensor(coins[:, 1].copy()).view_as(ratio).log() < ratio
    if min(weights.values()) < 0:
        accepted = torch.zeros_like(accepted)
    chosen = torch.where(accepted.any(1), accepted.long().argmax(1), _resampled(ratio, coins[:, 2].copy()))
    odds = ratio.softmax(1)
    rows = torch.arange(len(prompts)) * candidates + chosen
    return Mixed(drawn[rows.to(drawn.prompt.device)], 1 / odds.square().sum(1), accepted.any(1))


def _resampled(ratio: torch.Tensor, coins: np.ndarray) -> torch.Tensor:
    """One candidate a prompt in proportion to exp(ratio), shape (prompts,)."""
    cumulative = ratio.softmax(1).cumsum(1)
    first = torch.as_tensor(coins).view_as(ratio)[:, :1] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, first, right=True)[:, 0].clamp_max(ratio.shape[1] - 1)
