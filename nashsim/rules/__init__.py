"""One file per algorithm family, in the language of mirror steps."""

from .baselines import BestResponse, SelfPlay
from .history import MNPO, NashEMA
from .language import HALF, POLICY, REFERENCE, MirrorStep, Rule, Start, Theorem, mix
from .multiplicative import DNO, SPO, SPPO
from .nash_md import NashMD
from .one_call import INPO, MMD, OMD
from .optimistic import OMWU, ONPO
from .prox import NashProx
from .refresh import COMAL, MPO
from .registry import RULES, get_rule
from .two_call import EGPO, NashMP

__all__ = [
    "COMAL", "DNO", "EGPO", "HALF", "INPO", "MMD", "MNPO", "MPO", "OMD", "OMWU", "ONPO", "POLICY", "REFERENCE",
    "RULES", "SPO", "SPPO", "BestResponse", "MirrorStep", "NashEMA", "NashMD", "NashMP", "NashProx", "Rule",
    "SelfPlay", "Start", "Theorem", "get_rule", "mix",
]  # fmt: skip
