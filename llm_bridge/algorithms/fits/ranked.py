"""DNO-Prct's loss on pairs that win rates within the batch rank by a margin."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.nn.functional import logsigmoid

from nashsim.errors import NashsimError
from nashsim.rules import RankingStep

from ..losses import expected, pair_residual
from .fit import Fit


class Ranked(Fit):
    """DNO-Prct's iterative DPO on pairs ranked within the batch."""

    name = "ranked"
    needs_pairs = True
    accepts = ("duels",)
    ranks_within = True

    def carried(self, step, every_step):
        """Return the ranking step as it is."""
        if not isinstance(step, RankingStep) or every_step:
            raise NashsimError(f"fit: 'ranked' carries whole ranking steps alone (dno-prct), found {step!r}")
        return step

    def loss(self, algorithm, step, batch, current, weights, statistic=None):
        """Return :func:`ranked_loss`."""
        past = {name: table[batch.pairs] for name, table in batch.frozen.items()}
        payoff = batch.payoff[batch.pairs]
        return ranked_loss(step, current[batch.pairs], past, *payoff.T, weights=weights)


def ranked_loss(
    step: RankingStep,
    current: torch.Tensor,
    past: Mapping[str, torch.Tensor],
    first: torch.Tensor,
    second: torch.Tensor,
    *,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return DNO-Prct's -E[1(|r - r'| >= margin) log sigma(±d/eta)], the sign + where r > r'.

    The mean is over all pairs, those dropped counting 0. The ridge of the tabular step is a term of the whole
    policy, which sampled pairs do not see: early stopping stands in for it.

    Parameters
    ----------
    step : RankingStep
    current : Tensor, shape (pairs, 2)
    past : mapping of str to Tensor, shape (pairs, 2)
    first, second : Tensor, shape (pairs,)
        Win rates of the responses, within the batch or against the opponent.
    weights : Tensor or None, shape (pairs,)
        As for ``regression_loss``.

    References
    ----------
    Rosset et al., arXiv 2404.03715, DNO-Prct [paper].
    """
    gap = first - second
    margin = torch.sign(gap).to(current) * pair_residual(step, current, past) / float(step.eta)
    return -expected((gap.abs() >= step.margin).to(current) * logsigmoid(margin), weights)
