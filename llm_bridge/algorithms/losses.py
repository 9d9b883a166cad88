"""What the losses of all fits are made of: mixtures of log-probabilities, residuals of pairs, expectations.

D(q) = log q(y) - log q(y') of a pair; log-probabilities are sums over response tokens with EOS. ``current`` is the
policy that trains; ``past`` gives the frozen log-probabilities of every policy that the step names, where "policy"
means pi_t, the policy as it was when the step began. No coefficient of a rule is typed here twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from nashsim.errors import NashsimError
from nashsim.rules import MirrorStep


def mixed(weights: Mapping[str, Any], past: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return sum_k weights[k] past[k], a zero weight erasing its policy.

    Parameters
    ----------
    weights : mapping of str to float
    past : mapping of str to Tensor
        Log-probabilities by name, of one shape.

    Raises
    ------
    NashsimError
        For a policy whose log-probabilities are missing.
    """
    named = {name: float(weight) for name, weight in weights.items() if float(weight) != 0.0}
    missing = [name for name in named if name not in past]
    if missing:
        raise NashsimError(
            f"past: the step needs log-probabilities of {missing}, found those of {list(past)}"
        )
    return sum((weight * past[name].detach() for name, weight in named.items()), torch.zeros(()))


def pair_residual(step: MirrorStep, current, past):
    """D(pi_theta) - sum_k w_k D(base_k), shape (pairs,)."""
    if not isinstance(step, MirrorStep) or not step.opponent:
        raise NashsimError(f"step: a mirror step with an opponent is needed, found {step!r}")
    advance = current - mixed(step.base, past)
    return advance[..., 0] - advance[..., 1]


def on_pairs(batch, current: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return the log-probabilities of both responses of every pair: the policy's and the frozen ones', (pairs, 2).

    Parameters
    ----------
    batch : Batch
    current : Tensor, shape (rows,)
    """
    return current[batch.pairs], {name: table[batch.pairs] for name, table in batch.frozen.items()}


def anchor_loss(current: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """Return -E_{z ~ q} log pi_theta(z): ENPO's SFT term (q = pi_t) and, with the other sign, XPO's optimism.

    Parameters
    ----------
    current : Tensor, shape (responses,)
    weights : Tensor or None, shape (responses,)
    """
    return -expected(current, weights)


def expected(values: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """Return the mean, or the expectation under given weights."""
    return values.mean() if weights is None else (weights.detach() * values).sum()
