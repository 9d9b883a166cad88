"""DNO-Prct, DNO's practical variant: a logistic fit of ranked pairs of its own responses."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import NashsimError
from .rule import POLICY, RankingStep, Rule


@dataclass(frozen=True)
class DNOPrct(Rule):
    """DNO-Prct: own responses ranked by win rate, pairs with a large margin kept, log sigma(b D(pi+/pi)) fitted.

    pi+ = argmax E[log sigma(b (log pi+/pi(y) - log pi+/pi(y')))] over kept pairs, y the better one; D as in DPO with
    reference pi. Hard labels that one side always wins have no finite maximiser, which the ridge supplies. The policy
    rests where no two win rates differ by the margin.

    Parameters
    ----------
    eta_inverse : float or None
        The paper's b, the INVERSE of the forward step; ``None`` is 10.
    margin : float or None
        Least difference in win rate of a kept pair, in (0, 1]; ``None`` is 0.1.
    ridge : float or None
        Ridge of the fit of b log(pi+/pi), against the average over all pairs; ``None`` is 0.01.
    responses : int or None
        K >= 2, responses in a batch under feedback of kind ``pairs``; ``None`` is the paper's 5.

    References
    ----------
    Rosset et al., arXiv 2404.03715, DNO-Prct [paper]; ridge and population form [derived].

    Examples
    --------
    >>> DNOPrct(eta_inverse=4.0).eta(tau=None)
    0.25
    """

    eta_inverse: float | None = None
    margin: float | None = None
    ridge: float | None = None
    responses: int | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.margin is not None and not self.margin <= 1:
            raise NashsimError(f"margin: win rates differ by at most 1, found {self.margin}")
        if self.responses is not None and self.responses < 2:
            raise NashsimError(f"responses: at least 2 make a pair, found {self.responses}")

    name = "dno-prct"
    update = (
        "log pi+ = log pi + w/b,  w = argmax E log sigma(w_y - w_y') - ridge |w|^2/2 over pairs with margin"
    )
    condition = "eta > 0; nothing is proved"
    theorems = ()
    source = "Rosset et al., Direct Nash Optimization, arXiv 2404.03715, DNO-Prct"
    regularised = False
    fixed_point = False
    target = "average_unregularised_gap"

    def steps(self, tau, t):
        """Return the one step, the same at every ``t``."""
        given = {"margin": self.margin, "ridge": self.ridge, "responses": self.responses}
        chosen = {name: value for name, value in given.items() if value is not None}
        eta = 1 / (10.0 if self.eta_inverse is None else self.eta_inverse)
        return (RankingStep({POLICY: 1.0}, {POLICY: 1.0}, eta, **chosen),)

    @classmethod
    def with_eta(cls, eta, tau):
        """Return DNO-Prct with the forward step ``eta``, b = 1/eta."""
        return cls(eta_inverse=1 / eta)

    def largest_eta(self, tau):
        """Return infinity: no step is excluded."""
        return math.inf
