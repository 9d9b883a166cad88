"""Online learners, one file a family."""

from .learner import Learner
from .registry import LEARNERS, get_learner

__all__ = ["LEARNERS", "Learner", "get_learner"]
