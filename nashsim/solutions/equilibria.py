"""The two equilibria: the maximal lottery and the regularised Nash policy."""

from __future__ import annotations

from ..equilibrium import lottery, solve_newton
from .concept import Concept


class MaximalLottery(Concept):
    """The Nash policy of the unregularised game; no response is preferred to it with probability above 1/2."""

    name = "lottery"
    definition = "p >= 0, sum p = 1, P(y ≻ p) <= 1/2 for every y; of several that of least Euclidean norm"
    source = "Fishburn 1984 [recalled]; Munos et al., arXiv 2312.00886 [paper]"

    def policy(self, table):
        """Return the lottery, and whether it is the only one."""
        found = lottery(table.game)
        return found.probabilities[0], "" if all(found.unique) else found.status


class RegularisedNash(Concept):
    """The Nash policy of J_tau, with the game's own regulariser and reference."""

    name = "nash"
    definition = (
        "argmax_pi min_pi' P(pi ≻ pi') - tau R(pi) + tau R(pi'), R = KL(. || mu) unless told otherwise"
    )
    source = "Munos et al., arXiv 2312.00886 [paper]"

    def policy(self, table):
        """Return pi*, exact to rounding."""
        return solve_newton(table.game).probabilities[0], ""
