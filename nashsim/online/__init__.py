"""Learning from duels: the preference is unknown, every round buys a comparison, and what counts is regret."""

from .learners import LEARNERS, Learner, get_learner
from .play import DEFINITIONS, Play, play_learner

__all__ = ["DEFINITIONS", "LEARNERS", "Learner", "Play", "get_learner", "play_learner"]
