"""Nash-EMA: the opponent is a moving average of the logits."""

from __future__ import annotations

from dataclasses import dataclass

from .one_call import OMD
from .rule import POLICY, MirrorStep, Rule, mix

EMA = "moving average"


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
