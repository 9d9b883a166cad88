"""The control that every claim on a rule has: the same rule, never moving."""

from __future__ import annotations

from typing import Any

from ...rules import POLICY, MirrorStep, Rule


def standing(algorithm: Any) -> Any:
    """Return what a claim measures with every step of its rules left out: each writes the policy as it is.

    Of a tuple of rules, which are said to be the same map, the last one stands; of a list all do.

    Parameters
    ----------
    algorithm : object
        A rule, a tuple or list of rules, or a function that returns one of these.
    """
    from .rule_claims import Mutated

    if isinstance(algorithm, Rule):
        return Mutated(algorithm, _left_out)
    if isinstance(algorithm, tuple):
        return (*algorithm[:-1], standing(algorithm[-1]))
    if isinstance(algorithm, list):
        return [standing(one) for one in algorithm]
    return lambda *given: standing(algorithm(*given))


def _left_out(steps: tuple, tau: float) -> tuple:
    """Ask what the rule asks, and stay."""
    return tuple(MirrorStep({POLICY: 1.0}, step.opponent, 0.0, into=step.into) for step in steps)
