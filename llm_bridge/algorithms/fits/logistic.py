"""DNO's cross-entropy between a pair's win rates against the opponent and what the policy says of it."""

from __future__ import annotations

import torch
from torch.nn.functional import logsigmoid

from ..losses import expected, on_pairs, pair_residual
from .fit import Fit


class Logistic(Fit):
    """-E[p log sigma(d/eta) + (1-p) log sigma(-d/eta)], p = sigma(r - r'), on pairs.

    r = P(y ≻ opp), d = D(pi_theta) - sum_k w_k D(base_k). Its minimiser is the exact step, d = eta (r - r').

    References
    ----------
    Rosset et al., arXiv 2404.03715 [paper].
    """

    name = "logistic"
    needs_pairs = True
    accepts = ("duels",)
    any_pairs = True
    minimiser = "the exact step, under any pairs"

    def loss(self, algorithm, step, batch, current, weights, statistic=None):
        """Return the cross-entropy, a scalar."""
        margin = pair_residual(step, *on_pairs(batch, current)) / float(step.eta)
        first, second = batch.payoff[batch.pairs].T
        p = torch.sigmoid(first - second).to(current)
        return -expected(p * logsigmoid(margin) + (1 - p) * logsigmoid(-margin), weights)
