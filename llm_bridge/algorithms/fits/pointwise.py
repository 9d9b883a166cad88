"""SPPO's squared loss on single responses."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from nashsim.rules import MirrorStep

from ..losses import expected, mixed
from .fit import Fit


class Pointwise(Fit):
    """SPPO's squared loss on single responses, the log-partition taken to be eta/2."""

    name = "pointwise"
    needs_pairs = False
    accepts = ("duels",)
    anchor_of = None

    def loss(self, algorithm, step, batch, current, weights, statistic=None):
        """Return :func:`pointwise_loss`."""
        return pointwise_loss(step, current, batch.frozen, batch.payoff, weights=weights)


def pointwise_loss(
    step: MirrorStep,
    current: torch.Tensor,
    past: Mapping[str, torch.Tensor],
    payoff: torch.Tensor,
    *,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return SPPO's E[log pi_theta(y) - sum_k w_k log base_k(y) - eta (P(y ≻ opp) - 1/2)]^2.

    The step's log-partition is taken to be eta/2, as in the paper: the minimiser is the exact step before
    normalisation, and departs from it in the square of eta for a policy that cannot hold unnormalised mass [derived].

    Parameters
    ----------
    step : MirrorStep
    current : Tensor, shape (responses,)
    past : mapping of str to Tensor, shape (responses,)
    payoff : Tensor, shape (responses,)
        P(y ≻ opponent).
    weights : Tensor or None, shape (responses,)

    References
    ----------
    Wu et al., arXiv 2405.00675 [code].
    """
    residual = current - mixed(step.base, past) - float(step.eta) * (payoff - 0.5).to(current)
    return expected(residual**2, weights)
