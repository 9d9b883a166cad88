"""What training was worth: win rates as a game, length, and the distance from the reference."""

from .divergence import KLEstimate, kl_to_reference
from .length import LengthAdjusted, length_adjusted, length_statistics
from .win_rates import WinRates, win_rates

__all__ = [
    "KLEstimate",
    "LengthAdjusted",
    "WinRates",
    "kl_to_reference",
    "length_adjusted",
    "length_statistics",
    "win_rates",
]
