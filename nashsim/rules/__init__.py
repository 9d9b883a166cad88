"""One file per algorithm family, in the language of mirror steps."""

from .language import HALF, POLICY, REFERENCE, MirrorStep, Rule, Start, Theorem
from .nash_md import NashMD
from .one_call import INPO, MMD, OMD
from .registry import RULES, get_rule
from .two_call import EGPO, NashMP

__all__ = [
    "EGPO", "HALF", "INPO", "MMD", "OMD", "POLICY", "REFERENCE", "RULES",
    "MirrorStep", "NashMD", "NashMP", "Rule", "Start", "Theorem", "get_rule",
]  # fmt: skip
