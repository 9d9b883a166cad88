"""Preferences estimated from duels, a batch at a time, each with the width of its confidence."""

from .bilinear import BilinearEstimate
from .bradley_terry import BradleyTerryEstimate
from .counts import CountEstimate
from .drifts import DriftEstimate
from .estimate import PreferenceEstimate
from .times import MeanDrift, drift_scores, mean_drift

__all__ = [
    "BilinearEstimate", "BradleyTerryEstimate", "CountEstimate", "DriftEstimate", "MeanDrift", "PreferenceEstimate",
    "drift_scores", "mean_drift",
]  # fmt: skip
