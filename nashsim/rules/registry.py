"""Every rule of the package, in one tuple that drives tests, tables and the command line.

A rule is registered by standing in a file of this folder; a subclass that stands elsewhere never is.
"""

from __future__ import annotations

from ..discovery import named_classes
from ..errors import NashsimError, unknown_name
from .rule import Rule

#: Files whose rules lead in tables and figures; those of any other file follow by its name.
_FIRST = (
    "nash_md", "one_call", "two_call", "prox", "multiplicative", "ranking", "optimistic", "mnpo", "refresh", "nash_ema",
    "baselines", "policy_gradient", "prox_gradient",
)  # fmt: skip

#: Every rule class of the package.
RULES: tuple[type[Rule], ...] = named_classes(__package__, Rule, _FIRST)


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
