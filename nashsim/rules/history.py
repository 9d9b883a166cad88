"""Opponents from the past: MNPO's mixture of earlier iterates, and Nash-EMA's moving average."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import NashsimError
from .one_call import OMD
from .rule import POLICY, MirrorStep, Rule, Theorem, mix

EMA = "moving average"
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


@dataclass(frozen=True)
class NashEMA(Rule):
    """Nash-EMA: the one-call map against a moving average of the logits.

    log pi+ = (1 - eta tau) log pi + eta tau log mu + eta P(. ≻ ema); log ema+ = decay log ema + (1 - decay) log pi+.

    Parameters
    ----------
    step : float or None
        Forward step eta; ``None`` is that of OMD.
    decay : float or None
        Weight of the old average, in (0, 1); ``None`` is 0.9.

    References
    ----------
    Munos et al., arXiv 2312.00886 [paper]; no convergence is proved.

    Examples
    --------
    >>> NashEMA(step=0.5).eta(tau=0.1)
    0.5
    """

    step: float | None = None
    decay: float | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.decay is not None and not self.decay < 1:
            raise NashsimError(f"decay: a weight below 1 is needed, found {self.decay}")

    name = "nash-ema"
    update = (
        "log pi+ = (1 - eta tau) log pi + eta tau log mu + eta P(. ≻ ema);"
        "  log ema+ = decay log ema + (1 - decay) log pi+"
    )
    condition = OMD.condition
    theorems = ()
    source = "Munos et al., Nash Learning from Human Feedback, arXiv 2312.00886 (ICML 2024)"

    def steps(self, tau, t):
        """Return the step against the average, and the average's own."""
        decay = 0.9 if self.decay is None else self.decay
        [forward] = OMD(step=self.step).steps(tau, t)
        return (
            MirrorStep(forward.base, {EMA: 1.0}, forward.eta),
            mix({EMA: decay, POLICY: 1 - decay}, into=EMA),
        )

    def largest_eta(self, tau):
        """Return the end of OMD's range, for want of a theorem."""
        return OMD().largest_eta(tau)
