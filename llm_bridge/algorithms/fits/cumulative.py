"""CTPO: policy gradient for many optimiser steps a batch, every token weighted by the ratio of its prefix."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from nashsim.errors import NashsimError
from nashsim.rules import GradientStep

from ..losses import expected, mixed
from .policy_gradient import PolicyGradient, reward_to_go


class CTPO(PolicyGradient):
    """Policy gradient with the cumulative token ratio prod_{s<=t} pi(y_s | ..)/pi_old(y_s | ..), clipped ever wider.

    Parameters
    ----------
    low, high : float or None
        The log-ratio of token t is clipped to [-low t^power, high t^power]; ``None`` is no clip.
    dual : float or None
        A token of negative credit counts with a ratio of at most exp(dual t^power).
    power : float
        Growth of the widths with the position; 1/2 is that of the log-ratio's spread.

    References
    ----------
    Zhang et al., arXiv 2605.07331: ratio, sqrt t and unbiased prefix correction [abstract]; widths 0.025, 0.05, 0.05,
    the gradient through the token's own log-probability alone, and the dual clip [code].
    """

    name = "ctpo"
    takes_minibatches = True
    importance = True
    minimiser = "ascends E_π Σ_t A_t ∇log π(y_t | y_<t) where A_t is known by token t: claim prefix-ratio"
    departure = (
        "what comes after a token is the old policy's; credit is P(y ≻ opponent) - 1/2 and the KL to come, where the"
        " paper has one advantage of a group"
    )

    def __init__(
        self,
        low: float | None = 0.025,
        high: float | None = 0.05,
        dual: float | None = 0.05,
        power: float = 0.5,
    ):
        for name, value in (("low", low), ("high", high), ("dual", dual)):
            if value is not None and not value > 0:
                raise NashsimError(f"{name}: a number > 0 or null (no clip) is needed, found {value!r}")
        self.low, self.high, self.dual, self.power = low, high, dual, power

    def loss(self, algorithm, step, batch, current, weights, statistic=None):
        """Return :func:`cumulative_ratio_loss`."""
        mask = batch.responses.response_mask.to(current.device)
        widths = {"low": self.low, "high": self.high, "dual": self.dual, "power": self.power}
        return cumulative_ratio_loss(
            step, current, batch.frozen, mask, batch.payoff, weights=weights, **widths
        )


def cumulative_ratio_loss(
    step: GradientStep,
    current: torch.Tensor,
    past: Mapping[str, torch.Tensor],
    mask: torch.Tensor,
    payoff: torch.Tensor,
    *,
    low: float | None = None,
    high: float | None = None,
    dual: float | None = None,
    power: float = 0.5,
    weights: torch.Tensor | None = None,
    baseline: torch.Tensor | float = 0.5,
) -> torch.Tensor:
    """Return a loss whose gradient is -E_{y ~ pi_old} sum_t R_t A_t grad log pi(y_t | y_<t), R_t = prod_{s<=t} ratio_s.

    A_t is the credit of ``policy_gradient_loss``. Every term is E_pi E_old[A_t | y_<=t] grad log pi(y_t | y_<t): the
    prefix is pi's, what comes after it pi_old's [derived]; it is the policy gradient where nothing has moved.
    Clipped as PPO's surrogate: max(-A R, -A clip(R)), and at most -A exp(dual t^power) where A < 0.

    Parameters
    ----------
    step : GradientStep
        Not pairwise.
    current : Tensor, shape (responses, T)
        Token log-probabilities of the policy that trains, with gradients.
    past : mapping of str to Tensor, shape (responses, T)
        Token log-probabilities of the policy that drew, under the name ``step.at``, and of the others in the score.
    mask : Tensor of bool, shape (responses, T)
        Tokens that are there.
    payoff : Tensor, shape (responses,)
        P(y ≻ y'), y' ~ opponent, or its mean.
    low, high, dual, power
        Arguments of :class:`CTPO`; without any the ratio is not clipped.
    weights : Tensor or None, shape (responses,)
        pi_old(y) over enumerated responses; ``None`` is the mean.
    baseline : Tensor or float
        Any number that does not depend on the response.
    """
    if not isinstance(step, GradientStep) or step.pairwise:
        raise NashsimError(f"step: a gradient step on single responses is needed, found {step!r}")
    if step.at not in past:
        raise NashsimError(
            f"past: the log-probabilities that responses were drawn with are needed, of {step.at!r}"
        )
    score = mixed(step.score, {**past, step.at: current}) if step.score else torch.zeros_like(current)
    score = torch.where(mask, score, 0.0).detach()
    credit = reward_to_go(score) + (payoff.to(current) - baseline)[..., None]
    moved = torch.where(mask, current.detach() - past[step.at], 0.0).cumsum(-1)
    # the product of the whole prefix as a number; the gradient is that of the token's own log-probability
    log_ratio = moved + current - current.detach()
    ratio = log_ratio.exp()
    widen = torch.arange(1, current.shape[-1] + 1, dtype=current.dtype, device=current.device) ** power
    value = credit * ratio
    if low is not None or high is not None:
        least = None if low is None else -low * widen
        most = None if high is None else high * widen
        value = torch.minimum(value, credit * log_ratio.clamp(least, most).exp())
    if dual is not None:
        value = torch.where(credit < 0, torch.maximum(value, credit * (dual * widen).exp()), value)
    return -expected(torch.where(mask, value, 0.0).sum(-1), weights)
