"""Steps of ``nashsim.rules`` as losses on sampled responses: no coefficient is typed here twice.

D(q) = log q(y) - log q(y') of a pair; log-probabilities are sums over response tokens with EOS. ``current`` is the
policy that trains; ``past`` gives the frozen log-probabilities of every policy that the step names, where "policy"
means pi_t, the policy as it was when the step began.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.nn.functional import logsigmoid

from nashsim.errors import NashsimError
from nashsim.rules import GradientStep, MirrorStep, RankingStep

from .labels import Labels
from .step_conversion import climbing, stationary


def mixed(weights: Mapping[str, float], past: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return sum_k weights[k] past[k], a zero weight erasing its policy.

    Parameters
    ----------
    weights : mapping of str to float
    past : mapping of str to Tensor
        Of one shape.

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
    return sum(weight * past[name].detach() for name, weight in named.items())


def _pair_residual(step: MirrorStep, current, past, lengths):
    """D(pi_theta) - sum_k w_k D(base_k), shape (pairs,)."""
    if not isinstance(step, MirrorStep) or not step.opponent:
        raise NashsimError(f"step: a mirror step with an opponent is needed, found {step!r}")
    advance = current - mixed(step.base, past)
    if lengths is not None:
        advance = advance / lengths
    return advance[..., 0] - advance[..., 1]


def regression_loss(
    step: MirrorStep,
    current: torch.Tensor,
    past: Mapping[str, torch.Tensor],
    labels: Labels,
    *,
    weights: torch.Tensor | None = None,
    lengths: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return E[D(pi_theta) - sum_k w_k D(base_k) - eta (P(y ≻ opp) - P(y' ≻ opp))]^2, whose minimiser is the step.

    Parameters
    ----------
    step : MirrorStep
    current : Tensor, shape (pairs, 2)
        log pi_theta of both responses, with gradients.
    past : mapping of str to Tensor, shape (pairs, 2)
    labels : Labels
        Winner labels are refused unless their pairs are draws from the step's opponent.
    weights : Tensor or None, shape (pairs,)
        Of an expectation over enumerated pairs; ``None`` is the mean.
    lengths : Tensor or None, shape (pairs, 2)
        Response lengths, to divide log-ratios by: length normalisation, a DEPARTURE from every rule.

    Returns
    -------
    Tensor, a scalar

    References
    ----------
    Zhang et al., arXiv 2407.00617 [paper], for any mirror step [derived].
    """
    labels.check(step)
    residual = _pair_residual(step, current, past, lengths) - float(step.eta) * labels.difference.to(current)
    return expected(residual**2, weights)


def spread_loss(
    step: MirrorStep,
    current: torch.Tensor,
    past: Mapping[str, torch.Tensor],
    payoff: torch.Tensor,
    weights: torch.Tensor,
) -> torch.Tensor:
    """Return ``regression_loss`` over all pairs y, y' ~ w, in linear time: 2 Var_w[log pi_theta - target].

    target = sum_k w_k log base_k + eta P(. ≻ opponent). E(u_y - u_y')^2 = 2 Var(u) for independent y, y' [derived].

    Parameters
    ----------
    step : MirrorStep
    current : Tensor, shape (prompts, responses)
    past : mapping of str to Tensor, shape (prompts, responses)
    payoff : Tensor, shape (prompts, responses)
        P(y ≻ opponent).
    weights : Tensor, shape (prompts, responses)
        w, each prompt's summing to 1.
    """
    residual = (current - mixed(step.base, past)).to(weights) - float(step.eta) * payoff
    mean = (weights * residual).sum(-1, keepdim=True)
    return 2 * (weights * (residual - mean) ** 2).sum(-1).mean()


def logistic_loss(
    step: MirrorStep,
    current: torch.Tensor,
    past: Mapping[str, torch.Tensor],
    first: torch.Tensor,
    second: torch.Tensor,
    *,
    weights: torch.Tensor | None = None,
    lengths: torch.Tensor | None = None,
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
    weights, lengths : Tensor or None
        As for ``regression_loss``.

    References
    ----------
    Rosset et al., arXiv 2404.03715 [paper].
    """
    margin = _pair_residual(step, current, past, lengths) / float(step.eta)
    p = torch.sigmoid(first - second).to(current)
    return -expected(p * logsigmoid(margin) + (1 - p) * logsigmoid(-margin), weights)


def ranked_loss(
    step: RankingStep,
    current: torch.Tensor,
    past: Mapping[str, torch.Tensor],
    first: torch.Tensor,
    second: torch.Tensor,
    *,
    weights: torch.Tensor | None = None,
    lengths: torch.Tensor | None = None,
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
    weights, lengths : Tensor or None
        As for ``regression_loss``.

    References
    ----------
    Rosset et al., arXiv 2404.03715, DNO-Prct [paper].
    """
    gap = first - second
    margin = torch.sign(gap).to(current) * _pair_residual(step, current, past, lengths) / float(step.eta)
    return -expected((gap.abs() >= step.margin).to(current) * logsigmoid(margin), weights)


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


def policy_gradient_loss(
    step: GradientStep,
    current: torch.Tensor,
    past: Mapping[str, torch.Tensor],
    mask: torch.Tensor,
    payoff: torch.Tensor,
    *,
    weights: torch.Tensor | None = None,
    baseline: torch.Tensor | float = 0.5,
) -> torch.Tensor:
    """Return a loss whose gradient is -grad E_{y ~ pi}[P(y ≻ opp) + sum_k score[k] log k(y)], y drawn from pi.

    Token t is credited with P(y ≻ opp) - baseline and the score of tokens t, t+1, ... to the end (reward-to-go; that
    of earlier tokens has expectation zero [derived], and that of later ones must not be dropped). The optimiser's
    rate stands for the step's eta.

    Parameters
    ----------
    step : GradientStep
        Not pairwise: online IPO and IPO-MD are regressions.
    current : Tensor, shape (responses, T)
        Token log-probabilities of the policy that trains, with gradients.
    past : mapping of str to Tensor, shape (responses, T)
        Token log-probabilities of the other policies in the score.
    mask : Tensor of bool, shape (responses, T)
    payoff : Tensor, shape (responses,)
        P(y ≻ y'), y' ~ opponent, or its mean.
    weights : Tensor or None, shape (responses,)
        pi(y) over enumerated responses (constants); ``None`` is the mean.
    baseline : Tensor or float
        Any number that does not depend on the response.

    References
    ----------
    Munos et al., arXiv 2312.00886, Nash-MD-PG [paper].
    """
    if not isinstance(step, GradientStep) or step.pairwise:
        raise NashsimError(f"step: a gradient step on single responses is needed, found {step!r}")
    if step.at in past:
        raise NashsimError(
            f"past: {step.at!r} is the policy that trains; its log-probabilities are `current`"
        )
    score = mixed(step.score, {**past, step.at: current}) if step.score else torch.zeros_like(current)
    score = torch.where(mask, score, 0.0)
    credit = reward_to_go(score) + (payoff.to(current) - baseline)[..., None]
    return -expected((torch.where(mask, credit, 0.0).detach() * current).sum(-1), weights)


def reward_to_go(score: torch.Tensor) -> torch.Tensor:
    """Return the sums score_t + score_{t+1} + ... to the end, shape (responses, T).

    Parameters
    ----------
    score : Tensor, shape (responses, T)
        Of every token; 0 after the end.

    Examples
    --------
    >>> reward_to_go(torch.tensor([[1.0, 2.0, 4.0]]))
    tensor([[7., 6., 4.]])
    """
    return score.flip(-1).cumsum(-1).flip(-1)


def anchor_loss(current: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
    """Return -E_{z ~ q} log pi_theta(z): ENPO's SFT term (q = pi_t) and, with the other sign, XPO's optimism.

    Parameters
    ----------
    current : Tensor, shape (responses,)
    weights : Tensor or None, shape (responses,)
    """
    return -expected(current, weights)


def expected(values: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """Return the mean, or the expectation under given weights.

    Parameters
    ----------
    values : Tensor
    weights : Tensor or None
    """
    return values.mean() if weights is None else (weights.detach() * values).sum()


__all__ = [
    "anchor_loss", "climbing", "expected", "logistic_loss", "mixed", "pointwise_loss", "policy_gradient_loss",
    "ranked_loss", "regression_loss", "reward_to_go", "spread_loss", "stationary",
]  # fmt: skip
