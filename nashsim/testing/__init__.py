"""Tests for algorithms of your own: the battery that the package's rules pass, and hypothesis strategies."""

from .check import CHECKS, check_property, check_rule, parametrize_with_checks
from .check_learner import LearnerCheckError, check_learner
from .problem import GameArrays, Problem
from .report import CheckError, CheckReport, Failure, RuleCheckError
from .strategies import games, policies, references, rules

__all__ = [
    "CHECKS", "CheckError", "CheckReport", "Failure", "GameArrays", "LearnerCheckError", "Problem", "RuleCheckError",
    "check_learner", "check_property", "check_rule", "games", "parametrize_with_checks", "policies", "references",
    "rules",
]  # fmt: skip
