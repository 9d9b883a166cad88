"""Losses of the baselines: DPO, XPO and KTO, which follow a reward and no mirror step against oneself."""

from __future__ import annotations

import torch
from torch.nn.functional import logsigmoid

from .losses import anchor_loss, expected


def dpo_loss(current, reference, beta: float, *, label_smoothing: float = 0.0, weights=None) -> torch.Tensor:
    """Return -E log sigma(beta (D(pi_theta) - D(mu))), winner first.

    Parameters
    ----------
    current, reference : Tensor, shape (pairs, 2)
        Winner first.
    beta : float
        4 tau matches the scale of preferences, tau does not [derived].
    label_smoothing : float
        Probability that a label is wrong.
    weights : Tensor or None, shape (pairs,)

    References
    ----------
    Rafailov et al., arXiv 2305.18290 [recalled].
    """
    advance = current - reference.detach()
    margin = beta * (advance[..., 0] - advance[..., 1])
    kept = (1 - label_smoothing) * logsigmoid(margin) + label_smoothing * logsigmoid(-margin)
    return -expected(kept, weights)


def xpo_loss(
    current, reference, explored, beta: float, alpha: float, *, weights=None, explored_weights=None
) -> torch.Tensor:
    """Return DPO's loss plus alpha E_{z ~ mu} log pi_theta(z), which is minimised: optimism.

    Parameters
    ----------
    current, reference : Tensor, shape (pairs, 2)
    explored : Tensor, shape (responses,)
        log pi_theta of responses drawn from mu.
    beta, alpha : float
    weights : Tensor or None, shape (pairs,)
    explored_weights : Tensor or None, shape (responses,)

    References
    ----------
    Xie et al., arXiv 2405.21046 [code].
    """
    return dpo_loss(current, reference, beta, weights=weights) - alpha * anchor_loss(
        explored, explored_weights
    )


def kto_loss(
    current, reference, desirable, beta: float, *, z0=0.0, weights=(1.0, 1.0), share=None
) -> torch.Tensor:
    """Return E[w_y (1 - sigma(±beta (log pi_theta/mu - z0)))], + for desirable responses.

    Parameters
    ----------
    current, reference : Tensor, shape (responses,)
    desirable : Tensor of bool, shape (responses,)
    beta : float
    z0 : float or Tensor
        KL(pi || mu) of the batch, without gradient; clipped at 0.
    weights : tuple of float
        Of desirable and undesirable responses.
    share : Tensor or None, shape (responses,)
        Of an expectation over enumerated responses; ``None`` is the mean.

    References
    ----------
    Ethayarajh et al., arXiv 2402.01306 [recalled].
    """
    z0 = torch.as_tensor(z0, dtype=current.dtype, device=current.device).detach().clamp_min(0.0)
    gain = beta * (current - reference.detach() - z0)
    value = 1 - torch.sigmoid(torch.where(desirable, gain, -gain))
    return expected(torch.where(desirable, weights[0], weights[1]) * value, share)
