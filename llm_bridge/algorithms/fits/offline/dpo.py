"""DPO: the log-odds of a pair's winner, which follow a reward and no mirror step against oneself."""

from __future__ import annotations

import torch
from torch.nn.functional import logsigmoid

from nashsim.errors import NashsimError
from nashsim.rules import REFERENCE

from ...losses import expected
from ..fit import Fit


class DPO(Fit):
    """DPO on pairs of either order, each weighted by the probability that its first is the winner."""

    name = "dpo"
    needs_pairs = True
    accepts = ("winner",)
    minimiser = "β (D(π) − D(μ)) = logit P(y ≻ y′), β = 4τ, where P is Bradley-Terry; else its projection"

    def loss(self, algorithm, step, batch, current, weights, statistic=None):
        """Return :func:`dpo_loss` at the temperature of the step."""
        both, share = weighted_pairs(batch, weights)
        mu = batch.frozen[REFERENCE]
        return dpo_loss(current[both], mu[both], temperature(step), weights=share)


def weighted_pairs(batch, weights) -> tuple[torch.Tensor, torch.Tensor]:
    """Return every pair in both orders, shape (2 pairs, 2), and how much each counts as the winner's first.

    Parameters
    ----------
    batch : Batch
        Pairs, and the probability that the first wins.
    weights : Tensor or None, shape (pairs,)
        Weights of the pairs; ``None`` is the mean.
    """
    share = torch.full_like(batch.wins, 1 / max(len(batch.wins), 1)) if weights is None else weights
    share = torch.cat([share * batch.wins, share * (1 - batch.wins)])
    return torch.cat([batch.pairs, batch.pairs.flip(1)]), share


def temperature(step) -> float:
    """Return DPO's beta = 4/eta: log-odds of a preference are about 4 (P - 1/2), so that beta = 4 tau [derived].

    Parameters
    ----------
    step : MirrorStep
        From the reference, eta = 1/tau.

    Raises
    ------
    NashsimError
        For a step from anywhere else, which this loss does not carry.
    """
    base = {name: float(weight) for name, weight in step.base.items() if float(weight) != 0.0}
    if base != {REFERENCE: 1.0}:
        raise NashsimError(
            f"fit: dpo, xpo and kto carry steps from the reference alone (best-response), found one from {base}"
        )
    return 4 / float(step.eta)


def dpo_loss(current, reference, beta: float, *, margin: float = 0.0, weights=None) -> torch.Tensor:
    """Return -E log sigma(beta (D(pi_theta) - D(mu) - margin)), winner first.

    Parameters
    ----------
    current, reference : Tensor, shape (pairs, 2)
        Log-probabilities of both responses, winner first.
    beta : float
        Temperature; 4 tau matches the scale of preferences, tau does not [derived].
    margin : float
        What the winner's log-ratio must exceed the loser's by, PEPO's log(1 + alpha); 0 is DPO.
    weights : Tensor or None, shape (pairs,)
        Weights of the expectation; ``None`` is the mean.

    References
    ----------
    Rafailov et al., arXiv 2305.18290 [recalled].
    """
    advance = current - reference.detach()
    apart = advance[..., 0] - advance[..., 1]
    return -expected(logsigmoid(beta * (apart - margin if margin else apart)), weights)
