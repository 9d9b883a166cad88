"""How a preference P(y ≻ y') is stored and applied."""

from .dense import ASYMMETRY_TOLERANCE, DensePreference, Preference
from .low_rank import LowRankPreference

__all__ = ["ASYMMETRY_TOLERANCE", "DensePreference", "LowRankPreference", "Preference"]
