"""One file per algorithm family, in the language of mirror steps."""

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
)
from .two_call import EGPO, NashMP

__all__ = [
    "COMAL", "DNO", "EGPO", "HALF", "INPO", "IPOMD", "MMD", "MNPO", "MPO", "OMD", "OMWU", "ONPO", "POLICY",
    "REFERENCE", "RULES", "SPO", "SPPO", "BestResponse", "DNOPrct", "GradientStep", "MirrorStep", "NashEMA", "NashMD",
    "NashMDPG", "NashMP", "NashMPSGD", "NashProx", "NashProxSGD", "OnlineIPO", "RankingStep", "Rule", "SelfPlay",
    "SelfPlayPG", "Start", "Theorem", "get_rule", "mix",
]  # fmt: skip
