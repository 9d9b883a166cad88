"""One file per algorithm family, in the language of mirror steps.

Every rule is here as soon as its file is; what is imported by name is what type checkers know by its type.
"""

from typing import TYPE_CHECKING, Any

from .baselines import BestResponse, SelfPlay
from .mnpo import MNPO
from .multiplicative import DNO, SPO, SPPO
from .nash_ema import NashEMA
from .nash_md import NashMD
from .one_call import INPO, MMD, OMD
from .optimistic import OMWU, ONPO
from .policy_gradient import IPOMD, NashMDPG, OnlineIPO, SelfPlayPG
from .prox import NashProx
from .prox_gradient import NashMPSGD, NashProxSGD
from .ranking import DNOPrct
from .refresh import COMAL, MPO
from .registry import RULES, get_rule
from .rule import (
    HALF,
    POLICY,
    REFERENCE,
    GradientStep,
    MirrorStep,
    RankingStep,
    Rule,
    Start,
    Theorem,
    mix,
    opponents,
)
from .two_call import EGPO, NashMP

__all__ = [
    "COMAL", "DNO", "EGPO", "HALF", "INPO", "IPOMD", "MMD", "MNPO", "MPO", "OMD", "OMWU", "ONPO", "POLICY",
    "REFERENCE", "RULES", "SPO", "SPPO", "BestResponse", "DNOPrct", "GradientStep", "MirrorStep", "NashEMA", "NashMD",
    "NashMDPG", "NashMP", "NashMPSGD", "NashProx", "NashProxSGD", "OnlineIPO", "RankingStep", "Rule", "SelfPlay",
    "SelfPlayPG", "Start", "Theorem", "get_rule", "mix", "opponents",
]  # fmt: skip

globals().update({cls.__name__: cls for cls in RULES})

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...
