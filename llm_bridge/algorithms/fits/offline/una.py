"""UNA: the reward that a policy implies, held against what people gave, a mark or a score of every response."""

from __future__ import annotations

import torch
from torch.nn.functional import logsigmoid

from nashsim.errors import NashsimError
from nashsim.rules import REFERENCE

from ...losses import expected
from ..fit import Fit
from .dpo import temperature

LOSSES = ("mse", "bce")


class UNA(Fit):
    """UNA on marks or scores s in [0, 1]: sigmoid(beta log pi/mu) is to be s, by squares or by cross-entropy.

    Pairs count as a desirable response and an undesirable one.

    Parameters
    ----------
    loss : {"mse", "bce"}
        E[(sigmoid(r) - s)^2], or -E[s log sigmoid(r) + (1 - s) log sigmoid(-r)], r = beta log pi(y)/mu(y).

    References
    ----------
    Wang et al., arXiv 2408.15339: r = beta log pi/mu + f(x) + c [abstract]; both losses, with f = c = 0 [code].
    """

    name = "una"
    needs_pairs = False
    accepts = ("winner",)
    anchor_of = None
    takes_scores = True
    minimiser = "log π/μ = logit(s)/β, s the mark or score, β = 4τ, wherever that is a policy"
    departure = "no constant f(x) absorbs the normalisation, as in the authors' code"

    def __init__(self, loss: str = "mse"):
        if loss not in LOSSES:
            raise NashsimError(f"loss: one of {', '.join(LOSSES)} is needed, found {loss!r}")
        self.loss_kind = loss

    def loss(self, algorithm, step, batch, current, weights, statistic=None):
        """Return :func:`una_loss` at the temperature of the step."""
        mu = batch.frozen[REFERENCE]
        return una_loss(current, mu, batch.payoff, temperature(step), kind=self.loss_kind, weights=weights)


def una_loss(current, reference, score, beta: float, *, kind: str = "mse", weights=None) -> torch.Tensor:
    """Return E[(sigmoid(r) - s)^2] or the cross-entropy of s, r = beta (log pi_theta - log mu).

    Parameters
    ----------
    current, reference : Tensor, shape (responses,)
        Log-probabilities of every response.
    score : Tensor, shape (responses,)
        s in [0, 1]: a score, the probability that a response is desirable, or a mark 0 or 1.
    beta : float
        Temperature.
    kind : {"mse", "bce"}
        Squares or cross-entropy.
    weights : Tensor or None, shape (responses,)
        Weights of an expectation over enumerated responses; ``None`` is the mean.

    Examples
    --------
    >>> reward = torch.tensor([0.0, 3.0])
    >>> round(float(una_loss(reward, torch.zeros(2), torch.tensor([0.5, 1.0]), 1.0)), 6)
    0.001125
    """
    reward, score = beta * (current - reference.detach()), score.to(current)
    if kind == "bce":
        return -expected(score * logsigmoid(reward) + (1 - score) * logsigmoid(-reward), weights)
    return expected((torch.sigmoid(reward) - score) ** 2, weights)
