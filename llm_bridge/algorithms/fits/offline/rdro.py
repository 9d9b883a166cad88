"""RDRO: the ratio of a policy to its reference is fitted to a relative density ratio, which is bounded."""

from __future__ import annotations

import torch
from torch.nn.functional import softplus

from nashsim.errors import NashsimError
from nashsim.rules import REFERENCE

from ...losses import expected
from ..fit import Fit


class RDRO(Fit):
    """RDRO on marked responses: pi/mu = p+/(alpha p+ + (1 - alpha) p-) <= 1/alpha, whatever tau.

    p+ and p- are the densities of desirable and undesirable responses. Where the reference is their mixture, pi = p+.
    Pairs count as a desirable response and an undesirable one.

    Parameters
    ----------
    alpha : float
        Share of desirable responses in the data, in (0, 1); 1/2 for pairs.

    References
    ----------
    Takahashi et al., arXiv 2604.04410: the relative ratio [abstract], (1 + alpha) softplus(l) - l of desirable and
    (1 - alpha) softplus(l) of undesirable responses [code].
    """

    name = "rdro"
    needs_pairs = False
    accepts = ("winner",)
    anchor_of = None
    minimiser = "π = μ p₊/(α p₊ + (1 − α) p₋); of draws from μ, π = μ P(· ≻ μ)/α, best of two at α = 1/2"
    departure = (
        "it has no tau; each class is weighted by its share, where the authors' code takes one mean over both"
    )

    def __init__(self, alpha: float = 0.5):
        if not 0 < alpha < 1:
            raise NashsimError(
                f"alpha: the share of desirable responses in (0, 1) is needed, found {alpha!r}"
            )
        self.alpha = float(alpha)

    def loss(self, algorithm, step, batch, current, weights, statistic=None):
        """Return :func:`rdro_loss`; the step's temperature has no part in it."""
        return rdro_loss(current, batch.frozen[REFERENCE], batch.payoff, self.alpha, weights=weights)


def rdro_loss(current, reference, desirable, alpha: float, *, weights=None) -> torch.Tensor:
    """Return E_{p+}[(1 + alpha) softplus(l) - l] + (1 - alpha) E_{p-}[softplus(l)], l = log pi_theta/mu.

    The loss is convex in l, and its pointwise minimiser u = e^l solves u = p+/(alpha p+ + (1 - alpha) p-) [derived].

    Parameters
    ----------
    current, reference : Tensor, shape (responses,)
        Log-probabilities of every response.
    desirable : Tensor, shape (responses,)
        Probability that a response is desirable; a fraction counts for both classes.
    alpha : float
        Share of desirable responses, by which the mean over both becomes one mean a class.
    weights : Tensor or None, shape (responses,)
        Weights of an expectation over enumerated responses; ``None`` is the mean.
    """
    ratio, p = current - reference.detach(), desirable.to(current)
    wanted = (1 + alpha) * softplus(ratio) - ratio
    return expected(p / alpha * wanted + (1 - p) * softplus(ratio), weights)
