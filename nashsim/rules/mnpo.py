"""MNPO: base and opponent are the mixture of the last iterates."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import NashsimError
from .rule import POLICY, MirrorStep, Rule, Theorem, mix

NEXT = "next"


@dataclass(frozen=True)
class MNPO(Rule):
    """Multiplayer Nash preference optimisation: log pi+ = mean_j log pi_j + eta mean_j P(. ≻ pi_j).

    The n - 1 players pi_j are the current policy and the n - 2 iterates before it.

    Parameters
    ----------
    step : float or None
        Forward step eta; ``None`` is 0.1.
    players : int or None
        n >= 2; ``None`` is 3. Two players are multiplicative weights.

    References
    ----------
    MNPO, arXiv 2509.23102 [paper].

    Examples
    --------
    >>> MNPO(players=4).queries_per_step
    1
    """

    step: float | None = None
    players: int | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.players is not None and self.players < 2:
            raise NashsimError(f"players: a game of at least 2 players is needed, found {self.players}")

    name = "mnpo"
    update = "log pi+ = mean_j log pi_j + eta mean_j P(. ≻ pi_j) over the last n - 1 iterates"
    condition = "eta > 0, of order 1/sqrt T"
    theorems = (
        Theorem(
            "average_unregularised_gap", "average iterate: O(1/sqrt T)", "MNPO, arXiv 2509.23102", "paper"
        ),
    )
    source = "Multiplayer Nash Preference Optimization, arXiv 2509.23102"
    regularised = False
    fixed_point = False
    target = "average_unregularised_gap"

    def steps(self, tau, t):
        """Return the step from and against the mean of the players, and the shift of the history."""
        opponents = (3 if self.players is None else int(self.players)) - 1
        past = [POLICY, *(f"{k} back" for k in range(1, opponents))]
        mean = dict.fromkeys(past, 1 / opponents)
        eta = 0.1 if self.step is None else self.step
        forward = MirrorStep(mean, mean, eta, into=NEXT, arithmetic=True)
        shift = [
            mix({newer: 1.0}, into=older) for newer, older in zip(past[-2::-1], past[:0:-1], strict=True)
        ]
        return (forward, *shift, mix({NEXT: 1.0}, into=POLICY))

    def largest_eta(self, tau):
        """Return infinity: no step is excluded."""
        return math.inf
