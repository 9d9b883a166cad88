"""RLHF: a Bradley-Terry reward fitted to pairs from the reference, maximised under KL."""

from __future__ import annotations

import contextlib

import numpy as np

from ..data.bradley_terry import fit_strengths
from ..data.graph import components
from ..errors import ConvergenceError
from ..logspace import log_normalise
from .concept import Concept

_LONGEST_STEP, _NEAR, _SETTLED, _STEPS = 2.0, 1e-6, 1e-12, 500
#: Ratio of the masses of mu above which the fit of counts is a start, and nearly always the end.
_SKEWED = 1e-10
_EPS = np.finfo(float).eps
#: What rounding of P may move the policy by.
_EXACT = 1e-6


class RLHF(Concept):
    """pi ∝ mu exp(r/tau) with r the maximum likelihood Bradley-Terry reward of pairs y, y' ~ mu labelled by P.

    Where some responses never lose to others the reward is infinite and the policy is its limit: all mass on the top
    group, which loses to nobody outside, with the fit within it [derived].
    """

    name = "rlhf"
    definition = "pi ∝ mu exp(r/tau), r = argmax E_(y,y'~mu) P(y ≻ y') log sigma(r(y) - r(y'))"
    source = "Christiano et al. 2017 [recalled]; Munos et al., arXiv 2312.00886, section on RLHF [paper]"

    def policy(self, table):
        """Return the policy, and who is left out where the reward is infinite."""
        played = np.flatnonzero(np.isfinite(table.log_reference))
        top = _top_group(table.wins[np.ix_(played, played)] > 0)
        inside = played[top]
        log_mu = table.log_reference[inside]
        policy = np.zeros(len(table.reference))
        policy[inside] = _policy(table.wins[np.ix_(inside, inside)], log_mu, table.tau)
        if top.all():
            return policy, ""
        return policy, (
            f"The reward is infinite: {len(inside)} of {len(played)} responses never lose to the others and have all"
            " the mass, as the likelihood is maximised."
        )


def _top_group(beats: np.ndarray) -> np.ndarray:
    """Return the responses that lose to nobody outside their group, bool; all where every group can be beaten."""
    group = components(beats, strong=True)
    outside = group[:, None] != group
    loses = np.array([(beats & outside)[:, group == g].any() for g in range(group.max() + 1)])
    return ~loses[group]


def _policy(wins: np.ndarray, log_mu: np.ndarray, tau: float) -> np.ndarray:
    """Return mu exp(r/tau) over its sum with sum_z mu(z) (P(y ≻ z) - sigma(r_y - r_z)) = 0 for every y.

    These are the derivatives of the likelihood, each divided by its mu(y): rewards of responses that mu hardly has
    are as exact as the others, and the Jacobian without row and column of the largest mu, whose r stays, is diagonally
    dominant, its inverse without negative entries.

    Parameters
    ----------
    wins : ndarray, shape (actions, actions)
        P(y ≻ y') with y the row, such that a finite maximum exists.
    log_mu : ndarray, shape (actions,)
        log mu on any scale.
    tau : float

    Raises
    ------
    ConvergenceError
        If rounding of P decides the policy.
    """
    weight = np.exp(log_mu - log_mu.max())
    free = np.arange(len(weight)) != weight.argmax()
    reward = np.zeros(len(weight))
    if weight.min() > _SKEWED and free.any():
        with contextlib.suppress(ConvergenceError):
            reward = fit_strengths(weight[:, None] * weight * wins)
    for _ in range(_STEPS):
        policy = np.exp(log_normalise(log_mu + reward / tau))
        p = np.exp(-np.logaddexp(0.0, reward - reward[:, None]))
        slopes = weight * p * p.T
        jacobian = (np.diag(slopes.sum(axis=1)) - slopes)[np.ix_(free, free)]
        # errors of one rounding in every sum move r by at most ``doubt``
        sides = np.stack([(weight * (wins - p)).sum(axis=1), np.full(len(p), _EPS * weight.sum())], axis=1)
        try:
            step, doubt = np.linalg.solve(jacobian, sides[free]).T
        except np.linalg.LinAlgError:
            break
        moved, moved_by_rounding = policy[free] @ np.expm1(np.minimum(np.abs([step, doubt]).T / tau, 700.0))
        size = np.abs(step).max(initial=0.0)
        if moved <= max(_SETTLED, moved_by_rounding) and size <= max(_NEAR, doubt.max(initial=0.0)):
            if moved_by_rounding <= _EXACT:
                return policy
            break
        reward[free] += step * min(1.0, _LONGEST_STEP / size)
    raise ConvergenceError(
        f"rlhf: rounding decides Bradley-Terry rewards at tau = {tau:g}, of preferences so near to 0 or 1; use a larger"
        " tau, or leave rlhf out (--concept)"
    )
