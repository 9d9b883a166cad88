"""The proportional solution: shares by how many users each response may be the favourite of."""

from __future__ import annotations

import numpy as np

from ..logspace import log_normalise
from .concept import Concept


class Proportional(Concept):
    """pi(y) ∝ u(y) e^(beta u(y)), u(y) = min over y' != y of P(y ≻ y'): at most that share of users like y best.

    Where every response loses surely to another all u are 0; the policy is the limit of P mixed with ever fewer coin
    flips, uniform [derived].
    """

    name = "proportional"
    definition = "pi(y) ∝ u(y) exp(beta u(y)), u(y) = min over y' != y of P(y ≻ y')"
    source = "Population-proportional alignment, arXiv 2506.05619 [second hand]"

    def policy(self, table):
        """Return the policy, and whether no share is left."""
        n = len(table.wins)
        if n == 1:
            return np.ones(1), ""
        least = np.nanmin(table.against_others, axis=1)
        if least.max() <= 0:
            return np.full(
                n, 1 / n
            ), "Every response loses surely to another, u = 0: uniform, the limit of fewer coins."
        with np.errstate(divide="ignore"):
            return np.exp(log_normalise(np.log(least) + table.beta * least)), ""
