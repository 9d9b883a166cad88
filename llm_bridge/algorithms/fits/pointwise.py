"""SPPO's squared loss on single responses."""

from __future__ import annotations

from ..losses import expected, mixed
from .fit import Fit


class Pointwise(Fit):
    """E[log pi_theta(y) - sum_k w_k log base_k(y) - eta (P(y ≻ opp) - 1/2)]^2.

    The step's log-partition is taken to be eta/2, as in the paper: the minimiser is the exact step before
    normalisation, and departs from it in the square of eta for a policy that cannot hold unnormalised mass [derived].

    References
    ----------
    Wu et al., arXiv 2405.00675 [code].
    """

    name = "pointwise"
    needs_pairs = False
    accepts = ("duels",)
    anchor_of = None
    minimiser = "the exact step before normalisation, its log-partition taken for η/2"

    def loss(self, algorithm, step, batch, current, weights, statistic=None):
        """Return the mean square, a scalar."""
        residual = (
            current - mixed(step.base, batch.frozen) - float(step.eta) * (batch.payoff - 0.5).to(current)
        )
        return expected(residual**2, weights)
