"""PEPO: DPO with a margin for ties, each member of an ensemble on its own part of the given pairs."""

from __future__ import annotations

import math

from nashsim.errors import NashsimError
from nashsim.rules import REFERENCE

from .dpo import DPO, dpo_loss, temperature, weighted_pairs


class PEPO(DPO):
    """-E log sigma(beta (D(pi_l) - D(mu) - log(1 + alpha))) of part l of the pairs; the ensemble is min_l pi_l.

    Parameters
    ----------
    ties : float
        alpha >= 0: what neither side wins by a factor 1 + alpha is a tie, see :func:`nashsim.offline.tie_mass`.
    members : int
        L, number of disjoint parts of the given pairs, and of policies.
    member : int or None
        The one that is trained, from 0; ``None`` is each of them in turn, and then the ensemble.

    References
    ----------
    Barla et al., arXiv 2602.06239: disjoint parts, worst case [abstract], loss [code].
    """

    name = "pepo"
    minimiser = "as DPO's with the margin: P(y ≻ y′) of the pairs that are no ties, member by member"
    departure = (
        "whole responses are drawn by rejection from min_l π_l, where the authors' code takes the least of each token;"
        " on a task every member would see everything: one is trained"
    )

    def __init__(self, ties: float = 0.0, members: int = 3, member: int | None = None):
        if not (math.isfinite(ties) and ties >= 0):
            raise NashsimError(f"ties: a finite number >= 0 is needed, found {ties!r}")
        if members != int(members) or members < 1:
            raise NashsimError(f"members: a whole number >= 1 is needed, found {members!r}")
        if member is not None and not (member == int(member) and 0 <= member < members):
            raise NashsimError(
                f"member: null or a number from 0 to {members - 1} is needed, found {member!r}"
            )
        self.ties, self.members, self.member = float(ties), int(members), member

    def loss(self, algorithm, step, batch, current, weights, statistic=None):
        """Return :func:`dpo_loss` with the margin log(1 + alpha)."""
        both, share = weighted_pairs(batch, weights)
        mu, margin = batch.frozen[REFERENCE], math.log1p(self.ties)
        return dpo_loss(current[both], mu[both], temperature(step), margin=margin, weights=share)
