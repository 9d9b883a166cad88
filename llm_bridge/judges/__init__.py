"""Pairwise judges: a batch of comparisons to probabilities; callable, class game and length."""

from .checked import CallableJudge, check_probabilities
from .class_game import ClassGameJudge, LengthJudge, check_preference, length_game
from .protocol import Comparison, Judge

__all__ = [
    "CallableJudge",
    "ClassGameJudge",
    "Comparison",
    "Judge",
    "LengthJudge",
    "check_preference",
    "check_probabilities",
    "length_game",
]
