"""A rule's step in words, for model cards."""

from __future__ import annotations

from nashsim.rules import Rule


def step_text(rule: Rule, tau: float) -> str:
    """Return the forward step eta of a rule's first steps, and of its hundredth iteration where it is a schedule.

    Parameters
    ----------
    rule : Rule
    tau : float

    Examples
    --------
    >>> from nashsim.rules import INPO, OMD
    >>> step_text(OMD(step=0.5), 0.1)
    'eta = 0.5'
    >>> step_text(INPO(), 0.1)
    'eta = 10 at first, 0.0990099 at iteration 200'
    """
    first, later = (_etas(rule, tau, t) for t in (0, 200))
    if first == later:
        return f"eta = {first}"
    return f"eta = {first} at first, {later} at iteration 200"


def _etas(rule: Rule, tau: float, t: int) -> str:
    return ", ".join(f"{float(step.eta):g}" for step in rule.steps(tau, t) if step.opponent)
