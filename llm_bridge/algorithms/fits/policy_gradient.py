"""Policy gradient on single responses, every token credited with what comes after it."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from nashsim.errors import NashsimError
from nashsim.rules import GradientStep

from ..losses import expected, mixed
from ..step_conversion import climbing
from .fit import Fit


class PolicyGradient(Fit):
    """Ascent of what a gradient step climbs, with reward-to-go."""

    name = "policy-gradient"
    needs_pairs = False
    accepts = ("duels",)
    reads_tokens = True
    takes_minibatches = False
    anchor_of = None
    minimiser = "none: its gradient is that of what the step climbs, exactly, with reward-to-go"

    def carried(self, step, every_step):
        """Return the gradient step; a mirror step as the one that vanishes where it rests."""
        return step if isinstance(step, GradientStep) else climbing(step)

    def scaled(self, loss, step):
        """Return the loss as it is: its descent is the gradient step."""
        return loss

    def loss(self, algorithm, step, batch, current, weights, statistic=None):
        """Return :func:`policy_gradient_loss`."""
        mask = batch.responses.response_mask.to(current.device)
        return policy_gradient_loss(step, current, batch.frozen, mask, batch.payoff, weights=weights)


def policy_gradient_loss(
    step: GradientStep,
    current: torch.Tensor,
    past: Mapping[str, torch.Tensor],
    mask: torch.Tensor,
    payoff: torch.Tensor,
    *,
    weights: torch.Tensor | None = None,
    baseline: torch.Tensor | float = 0.5,
) -> torch.Tensor:
    """Return a loss whose gradient is -grad E_{y ~ pi}[P(y ≻ opp) + sum_k score[k] log k(y)], y drawn from pi.

    Token t is credited with P(y ≻ opp) - baseline and the score of tokens t, t+1, ... to the end (reward-to-go; that
    of earlier tokens has expectation zero [derived], and that of later ones must not be dropped). The optimiser's
    rate stands for the step's eta.

    Parameters
    ----------
    step : GradientStep
        Not pairwise: online IPO and IPO-MD are regressions.
    current : Tensor, shape (responses, T)
        Token log-probabilities of the policy that trains, with gradients.
    past : mapping of str to Tensor, shape (responses, T)
        Token log-probabilities of the other policies in the score.
    mask : Tensor of bool, shape (responses, T)
    payoff : Tensor, shape (responses,)
        P(y ≻ y'), y' ~ opponent, or its mean.
    weights : Tensor or None, shape (responses,)
        pi(y) over enumerated responses (constants); ``None`` is the mean.
    baseline : Tensor or float
        Any number that does not depend on the response.

    References
    ----------
    Munos et al., arXiv 2312.00886, Nash-MD-PG [paper].
    """
    if not isinstance(step, GradientStep) or step.pairwise:
        raise NashsimError(f"step: a gradient step on single responses is needed, found {step!r}")
    if step.at in past:
        raise NashsimError(
            f"past: {step.at!r} is the policy that trains; its log-probabilities are `current`"
        )
    score = mixed(step.score, {**past, step.at: current}) if step.score else torch.zeros_like(current)
    score = torch.where(mask, score, 0.0)
    credit = reward_to_go(score) + (payoff.to(current) - baseline)[..., None]
    return -expected((torch.where(mask, credit, 0.0).detach() * current).sum(-1), weights)


def reward_to_go(score: torch.Tensor) -> torch.Tensor:
    """Return the sums score_t + score_{t+1} + ... to the end, shape (responses, T).

    Parameters
    ----------
    score : Tensor, shape (responses, T)
        Score of every token; 0 after the end.

    Examples
    --------
    >>> reward_to_go(torch.tensor([[1.0, 2.0, 4.0]]))
    tensor([[7., 6., 4.]])
    """
    return score.flip(-1).cumsum(-1).flip(-1)
