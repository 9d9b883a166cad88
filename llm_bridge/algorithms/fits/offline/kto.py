"""KTO: single responses pulled up or pushed down, measured against the batch's distance from the reference."""

from __future__ import annotations

import torch

from nashsim.rules import REFERENCE

from ...losses import expected
from ..fit import Fit
from .dpo import temperature


class KTO(Fit):
    """KTO with desirability a probability: a response counts for both sides."""

    name = "kto"
    needs_pairs = False
    accepts = ("winner",)
    anchor_of = None
    whole_batch = True
    minimiser = "none in closed form: at π = μ a pull of ±β/4 on log π, up where P(desirable) > 1/2"

    def statistic(self, batch, current):
        """Return what a batch, or a part of one, adds to the estimate z0 of KL(pi || mu)."""
        apart = current.detach().double() - batch.frozen[REFERENCE]
        return expected(apart, batch.weights if len(batch.weights) else None)

    def loss(self, algorithm, step, batch, current, weights, statistic=None):
        """Return :func:`kto_loss` at the temperature of the step."""
        mu, beta = batch.frozen[REFERENCE], temperature(step)
        share = torch.full_like(batch.payoff, 1 / len(batch.payoff)) if weights is None else weights
        desirable = torch.cat([torch.ones_like(mu, dtype=torch.bool), torch.zeros_like(mu, dtype=torch.bool)])
        share = torch.cat([share * batch.payoff, share * (1 - batch.payoff)])
        return kto_loss(current.repeat(2), mu.repeat(2), desirable, beta, z0=statistic, share=share)


def kto_loss(current, reference, desirable, beta: float, *, z0=0.0, share=None) -> torch.Tensor:
    """Return E[1 - sigma(±beta (log pi_theta/mu - z0))], + for desirable responses.

    Parameters
    ----------
    current, reference : Tensor, shape (responses,)
        Log-probabilities of every response.
    desirable : Tensor of bool, shape (responses,)
        Whether a response is wanted.
    beta : float
        Temperature.
    z0 : float or Tensor
        KL(pi || mu) of the batch, without gradient; clipped at 0.
    share : Tensor or None, shape (responses,)
        Weights of an expectation over enumerated responses; ``None`` is the mean.

    References
    ----------
    Ethayarajh et al., arXiv 2402.01306 [recalled].
    """
    z0 = torch.as_tensor(z0, dtype=current.dtype, device=current.device).detach().clamp_min(0.0)
    gain = beta * (current - reference.detach() - z0)
    return expected(1 - torch.sigmoid(torch.where(desirable, gain, -gain)), share)
