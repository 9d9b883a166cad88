"""Learning from duels: the preference is unknown, every round buys a comparison, and what counts is regret."""

from .contracts import Consistency, Linear, Threshold
from .duels import DuelLog, Duels, Replay
from .estimates import BilinearEstimate, BradleyTerryEstimate, CountEstimate, DriftEstimate, mean_drift
from .labels import golden_questions, observed
from .learners import LEARNERS, Learner, get_learner
from .play import DEFINITIONS, Play, play_learner
from .response_times import mean_utility_game
from .study import run_regret
from .votes import RecordedVotes

__all__ = [
    "BilinearEstimate",
    "BradleyTerryEstimate",
    "Consistency",
    "CountEstimate",
    "DEFINITIONS",
    "DriftEstimate",
    "DuelLog",
    "Duels",
    "LEARNERS",
    "Learner",
    "Linear",
    "Play",
    "RecordedVotes",
    "Replay",
    "Threshold",
    "get_learner",
    "golden_questions",
    "mean_drift",
    "mean_utility_game",
    "observed",
    "play_learner",
    "run_regret",
]


def __getattr__(name: str):
    """Return what has moved to :mod:`nashsim.offline` under its old name."""
    if name in ("offline_dpo", "pepo"):
        from .. import offline

        return getattr(offline, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
