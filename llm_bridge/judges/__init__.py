"""Pairwise judges: a batch of comparisons to probabilities; functions, class games, length, several criteria."""

from .checked import CallableJudge, check_probabilities
from .class_game import ClassGameJudge, LengthJudge, check_preference, length_game
from .criteria import CriteriaJudge, verdicts
from .protocol import Comparison, Judge

__all__ = [
    "CallableJudge",
    "ClassGameJudge",
    "Comparison",
    "CriteriaJudge",
    "Judge",
    "LengthJudge",
    "check_preference",
    "check_probabilities",
    "length_game",
    "verdicts",
]
