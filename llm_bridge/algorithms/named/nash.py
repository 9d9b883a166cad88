"""After the regularised Nash by mirror steps or gradient steps: Nash-MD, Nash-EMA, Nash-MP, Nash Prox, EGPO."""

from nashsim.rules import EGPO, NashEMA, NashMD, NashMDPG, NashMP, NashMPSGD, NashProx, NashProxSGD

from ..registry import GRADIENT, MIRROR, register

register("nash-md", NashMD, **MIRROR)
register("nash-md-pg", NashMDPG, **GRADIENT)
register("nash-ema-pg", NashEMA, **GRADIENT)
register("nash-mp", NashMP, **MIRROR)
register("nash-mp-pg", NashMPSGD, **GRADIENT)
register("nash-prox", NashProx, **MIRROR)
register("nash-prox-pg", NashProxSGD, **GRADIENT)


@register("egpo", EGPO)
def _egpo(rule, *, gradient=True):
    return {**MIRROR, "every_step": gradient}
