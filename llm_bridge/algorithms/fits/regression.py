"""The regression: the square of what a pair lacks to the step, one loss for every rule of mirror steps."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from nashsim.rules import MirrorStep

from ..labels import Labels, labels_of
from ..losses import expected, mixed, on_pairs, pair_residual
from .fit import Fit


class Regression(Fit):
    """INPO's squared loss on pairs, for any mirror step; over enumerated responses the spread."""

    name = "regression"
    needs_pairs = True
    accepts = ("duels", "winner")
    any_pairs = True
    spread = True
    minimiser = "the exact step, under any pairs; with winner labels for pairs from the opponent alone"

    def loss(self, algorithm, step, batch, current, weights, statistic=None):
        """Return :func:`regression_loss`, or :func:`spread_loss` over enumerated responses."""
        if not len(batch.pairs):
            shape = (batch.prompts, -1)
            tables = {name: table.view(shape) for name, table in batch.frozen.items()}
            return spread_loss(
                step, current.view(shape), tables, batch.payoff.view(shape), batch.weights.view(shape)
            )
        labels = labels_of(algorithm, step, batch)
        return regression_loss(step, *on_pairs(batch, current), labels, weights=weights)


def regression_loss(
    step: MirrorStep,
    current: torch.Tensor,
    past: Mapping[str, torch.Tensor],
    labels: Labels,
    *,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return E[D(pi_theta) - sum_k w_k D(base_k) - eta (P(y ≻ opp) - P(y' ≻ opp))]^2, whose minimiser is the step.

    Parameters
    ----------
    step : MirrorStep
    current : Tensor, shape (pairs, 2)
        log pi_theta of both responses, with gradients.
    past : mapping of str to Tensor, shape (pairs, 2)
    labels : Labels
        Winner labels are refused unless their pairs are draws from the step's opponent.
    weights : Tensor or None, shape (pairs,)
        Weights of an expectation over enumerated pairs; ``None`` is the mean.

    Returns
    -------
    Tensor, a scalar

    References
    ----------
    Zhang et al., arXiv 2407.00617 [paper], for any mirror step [derived].
    """
    labels.check(step)
    residual = pair_residual(step, current, past) - float(step.eta) * labels.difference.to(current)
    return expected(residual**2, weights)


def spread_loss(
    step: MirrorStep,
    current: torch.Tensor,
    past: Mapping[str, torch.Tensor],
    payoff: torch.Tensor,
    weights: torch.Tensor,
) -> torch.Tensor:
    """Return ``regression_loss`` over all pairs y, y' ~ w, in linear time: 2 Var_w[log pi_theta - target].

    target = sum_k w_k log base_k + eta P(. ≻ opponent). E(u_y - u_y')^2 = 2 Var(u) for independent y, y' [derived].

    Parameters
    ----------
    step : MirrorStep
    current : Tensor, shape (prompts, responses)
    past : mapping of str to Tensor, shape (prompts, responses)
    payoff : Tensor, shape (prompts, responses)
        P(y ≻ opponent).
    weights : Tensor, shape (prompts, responses)
        w, each prompt's summing to 1.
    """
    residual = (current - mixed(step.base, past)).to(weights) - float(step.eta) * payoff
    mean = (weights * residual).sum(-1, keepdim=True)
    return 2 * (weights * (residual - mean) ** 2).sum(-1).mean()
