"""Preferences estimated from duels, a batch at a time, each with the width of its confidence."""

from .bilinear import BilinearEstimate
from .bradley_terry import BradleyTerryEstimate
from .counts import CountEstimate
from .estimate import PreferenceEstimate

__all__ = ["BilinearEstimate", "BradleyTerryEstimate", "CountEstimate", "PreferenceEstimate"]
