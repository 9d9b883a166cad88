"""DNO's cross-entropy between a pair's win rates against the opponent and what the policy says of it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.nn.functional import logsigmoid

from nashsim.rules import MirrorStep

from ..losses import expected, pair_residual
from .fit import Fit


class Logistic(Fit):
    """DNO's cross-entropy on pairs."""

    name = "logistic"
    needs_pairs = True
    accepts = ("duels",)
    any_pairs = True

    def loss(self, algorithm, step, batch, current, weights, statistic=None):
        """Return :func:`logistic_loss`."""
        past = {name: table[batch.pairs] for name, table in batch.frozen.items()}
        payoff = batch.payoff[batch.pairs]
        return logistic_loss(step, current[batch.pairs], past, *payoff.T, weights=weights)


def logistic_loss(
    step: MirrorStep,
    current: torch.Tensor,
    past: Mapping[str, torch.Tensor],
    first: torch.Tensor,
    second: torch.Tensor,
    *,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return DNO's cross-entropy, -E[p log sigma(d/eta) + (1-p) log sigma(-d/eta)], p = sigma(r - r').

    r = P(y ≻ opp), d = D(pi_theta) - sum_k w_k D(base_k). Its minimiser is the exact step, d = eta (r - r').

    Parameters
    ----------
    step : MirrorStep
    current : Tensor, shape (pairs, 2)
    past : mapping of str to Tensor, shape (pairs, 2)
    first, second : Tensor, shape (pairs,)
        r and r', win rates against the opponent.
    weights : Tensor or None, shape (pairs,)
        As for ``regression_loss``.

    References
    ----------
    Rosset et al., arXiv 2404.03715 [paper].
    """
    margin = pair_residual(step, current, past) / float(step.eta)
    p = torch.sigmoid(first - second).to(current)
    return -expected(p * logsigmoid(margin) + (1 - p) * logsigmoid(-margin), weights)
