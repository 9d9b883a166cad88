"""After the regularised Nash by mirror steps or gradient steps: Nash-MD, Nash-EMA, Nash-MP, Nash Prox, EGPO."""

from nashsim.rules import (
    EGPO,
    NashEMA,
    NashMD,
    NashMDPG,
    NashMP,
    NashMPSGD,
    NashProx,
    NashProxSGD,
    SelfPlayPG,
)
from nashsim.rules.nash_ema import EMA
from nashsim.rules.prox_gradient import TARGET

from ..fits.cumulative import CTPO
from ..registry import GRADIENT, MIRROR, register

register("nash-md", NashMD, **MIRROR)
register("nash-md-pg", NashMDPG, **GRADIENT)
register("nash-ema", NashEMA, **MIRROR, averaged=(EMA,))
register("nash-ema-pg", NashEMA, **GRADIENT, averaged=(EMA,))
register("nash-mp", NashMP, **MIRROR)
register("nash-mp-pg", NashMPSGD, **GRADIENT)
register("nash-prox", NashProx, **MIRROR)
register("nash-prox-pg", NashProxSGD, **GRADIENT, averaged=(TARGET,))
register("nash-prox-sgd", NashProxSGD, **GRADIENT, averaged=(TARGET,))


@register("ctpo", SelfPlayPG)
def _ctpo(rule, *, low=0.025, high=0.05, dual=0.05, power=0.5):
    return {**GRADIENT, "fit": CTPO(low, high, dual, power), "every_step": False}


@register("egpo", EGPO)
def _egpo(rule, *, gradient=True):
    return {**MIRROR, "every_step": gradient}
