"""DNO-Prct's loss on pairs that win rates within the batch rank by a margin."""

from __future__ import annotations

import torch
from torch.nn.functional import logsigmoid

from nashsim.errors import NashsimError
from nashsim.rules import RankingStep

from ..losses import expected, on_pairs, pair_residual
from .fit import Fit


class Ranked(Fit):
    """-E[1(|r - r'| >= margin) log sigma(±d/eta)], the sign + where r > r': iterative DPO on ranked pairs.

    r is a win rate within the batch, d = D(pi_theta) - sum_k w_k D(base_k). The mean is over all pairs, those dropped
    counting 0. The ridge of the tabular step is a term of the whole policy, which sampled pairs do not see: early
    stopping stands in for it.

    References
    ----------
    Rosset et al., arXiv 2404.03715, DNO-Prct [paper].
    """

    name = "ranked"
    needs_pairs = True
    accepts = ("duels",)
    ranks_within = True
    minimiser = "iterative DPO on pairs a margin apart; the tabular step's ridge is early stopping"

    def carried(self, step, every_step):
        """Return the ranking step as it is."""
        if not isinstance(step, RankingStep) or every_step:
            raise NashsimError(f"fit: 'ranked' carries whole ranking steps alone (dno-prct), found {step!r}")
        return step

    def loss(self, algorithm, step, batch, current, weights, statistic=None):
        """Return the loss of the pairs that are far enough apart, a scalar."""
        first, second = batch.payoff[batch.pairs].T
        gap, residual = first - second, pair_residual(step, *on_pairs(batch, current))
        margin = torch.sign(gap).to(current) * residual / float(step.eta)
        return -expected((gap.abs() >= step.margin).to(current) * logsigmoid(margin), weights)
