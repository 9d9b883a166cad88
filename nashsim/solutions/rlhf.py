"""RLHF: a Bradley-Terry reward fitted to pairs from the reference, maximised under KL."""

from __future__ import annotations

import contextlib

import numpy as np

from ..data.bradley_terry import fit_strengths
from ..data.graph import components
from ..errors import ConvergenceError
from ..logspace import log_normalise
from .concept import Concept

_LONGEST_STEP, _SETTLED, _STEPS = 2.0, 1e-12, 500
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
        reward, doubt = _rewards(table.wins[np.ix_(inside, inside)], np.exp(log_mu - log_mu.max()))
        policy = np.zeros(len(table.reference))
        policy[inside] = np.exp(log_normalise(log_mu + reward / table.tau))
        moved = policy[inside] @ np.expm1(np.minimum(doubt / table.tau, 700.0))
        if not moved <= _EXACT:
            raise ConvergenceError(
                f"rlhf: preferences so near to 0 or 1 that rounding moves Bradley-Terry rewards by {doubt.max():.2g},"
                f" too much at tau = {table.tau:g}; use a larger tau, or leave rlhf out (--concept)"
            )
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


def _rewards(wins: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return r with sum_z mu(z) (P(y ≻ z) - sigma(r_y - r_z)) = 0 for every y, and what rounding may move it by.

    These are the derivatives of the likelihood, each divided by its mu(y): rewards of responses that mu hardly has
    are as exact as the others, and the Jacobian without row and column of the largest mu, whose r stays, is diagonally
    dominant, its inverse without negative entries.

    Parameters
    ----------
    wins : ndarray, shape (actions, actions)
        P(y ≻ y') with y the row, such that a finite maximum exists.
    weight : ndarray, shape (actions,)
        mu over its largest mass.
    """
    free = np.arange(len(weight)) != weight.argmax()
    reward, doubt = np.zeros(len(weight)), np.zeros(len(weight))
    if not free.any():
        return reward, doubt
    if weight.min() > _SKEWED:
        with contextlib.suppress(ConvergenceError):
            reward = fit_strengths(weight[:, None] * weight * wins)
    for _ in range(_STEPS):
        p = np.exp(-np.logaddexp(0.0, reward - reward[:, None]))
        slopes = weight * p * p.T
        jacobian = (np.diag(slopes.sum(axis=1)) - slopes)[np.ix_(free, free)]
        sides = np.stack([(weight * (wins - p)).sum(axis=1), np.full(len(p), _EPS * weight.sum())], axis=1)
        try:
            step, doubt[free] = np.linalg.solve(jacobian, sides[free]).T
        except np.linalg.LinAlgError:
            break
        if (np.abs(step) <= np.maximum(_SETTLED, doubt[free])).all():
            return reward, doubt
        reward[free] += step * min(1.0, _LONGEST_STEP / np.abs(step).max())
    raise ConvergenceError(
        "rlhf: the Bradley-Terry rewards do not settle; use preferences further from 0 and 1, or leave rlhf out"
        " (--concept)"
    )
