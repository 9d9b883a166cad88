"""Learning from duels: the preference is unknown, every round buys a comparison, and what counts is regret."""

from .duels import DuelLog, Duels, Replay
from .learners import LEARNERS, Learner, get_learner
from .play import DEFINITIONS, Play, play_learner
from .study import run_regret
from .votes import RecordedVotes

__all__ = [
    "DEFINITIONS",
    "DuelLog",
    "Duels",
    "LEARNERS",
    "Learner",
    "Play",
    "RecordedVotes",
    "Replay",
    "get_learner",
    "play_learner",
    "run_regret",
]
