"""RLHF: a Bradley-Terry reward fitted to pairs from the reference, maximised under KL."""

from __future__ import annotations

import numpy as np

from ..data.bradley_terry import fit_strengths
from ..data.graph import components
from ..logspace import log_normalise
from .concept import Concept


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
        played = np.flatnonzero(table.reference > 0)
        top = _top_group(table.wins[np.ix_(played, played)] > 0)
        inside = played[top]
        log_mu = table.log_reference[inside]
        # weights of any common scale have the same maximum; this one keeps the numbers near 1
        weight = np.exp(log_mu - log_mu.max())
        wins = weight[:, None] * weight * table.wins[np.ix_(inside, inside)]
        reward = fit_strengths(wins) if len(inside) > 1 else np.zeros(1)
        policy = np.zeros(len(table.reference))
        policy[inside] = np.exp(log_normalise(log_mu + reward / table.tau))
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
