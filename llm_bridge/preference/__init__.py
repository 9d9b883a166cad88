"""P(a ≻ b | x) learned from pairs, a Bradley-Terry reward beside it, and judges made of either."""

from .adapters import PairwiseJudgeAdapter, RewardJudge
from .fitting import FitSettings, fit
from .judge import ModelJudge
from .layout import Layout
from .model import PreferenceModel, RewardModel
from .report import Calibration, calibration, cyclicity
from .storage import load_model, save_model

__all__ = [
    "Calibration",
    "FitSettings",
    "Layout",
    "ModelJudge",
    "PairwiseJudgeAdapter",
    "PreferenceModel",
    "RewardJudge",
    "RewardModel",
    "calibration",
    "cyclicity",
    "fit",
    "load_model",
    "save_model",
]
