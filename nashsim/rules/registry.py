"""Every rule of the package, in one tuple that drives tests, tables and the command line."""

from __future__ import annotations

from ..errors import NashsimError, unknown_name
from .baselines import BestResponse, SelfPlay
from .history import MNPO, NashEMA
from .multiplicative import DNO, SPO, SPPO
from .nash_md import NashMD
from .one_call import INPO, MMD, OMD
from .optimistic import OMWU, ONPO
from .policy_gradient import IPOMD, NashMDPG, OnlineIPO, SelfPlayPG
from .prox import NashProx
from .prox_gradient import NashMPSGD, NashProxSGD
from .ranking import DNOPrct
from .refresh import COMAL, MPO
from .rule import Rule
from .two_call import EGPO, NashMP

#: Every rule class of the package.
RULES: tuple[type[Rule], ...] = (
    *(NashMD, OMD, INPO, MMD, NashMP, EGPO, NashProx),
    *(SPO, SPPO, DNO, DNOPrct, ONPO, OMWU, MNPO),
    *(COMAL, MPO, NashEMA, BestResponse, SelfPlay),
    *(SelfPlayPG, NashMDPG, OnlineIPO, IPOMD, NashMPSGD, NashProxSGD),
)


def get_rule(rule: str | Rule, *, eta: float | None = None, tau: float | None = None) -> Rule:
    """Return a rule by its name, with its theorem's default step or a constant forward step.

    Parameters
    ----------
    rule : str or Rule
        A name such as ``"nash-mp"``; a Rule is returned as it is.
    eta : float or None
        Constant forward step > 0; needs ``tau``. ``None`` is the default of the rule's theorem.
    tau : float or None

    Raises
    ------
    NashsimError
        For an unknown name (suggesting the nearest) or an unusable step.

    Examples
    --------
    >>> get_rule("inpo", eta=0.25, tau=0.1)
    INPO(eta_inverse=4.0)
    """
    if isinstance(rule, Rule):
        if eta is not None:
            raise NashsimError("eta: give it to the rule itself, or name the rule by a string")
        return rule
    by_name = {cls.name: cls for cls in RULES}
    if rule not in by_name:
        raise unknown_name("rule", str(rule), by_name)
    if eta is None:
        return by_name[rule]()
    if tau is None:
        raise NashsimError("tau: a rule with a given forward step eta needs tau as well")
    if not eta > 0:
        raise NashsimError(f"eta: the forward step must be a finite number > 0, found {eta!r}")
    return by_name[rule].with_eta(eta, tau)
