"""Training in one import: the loop, how its steps are fitted, and training on an enumerable task."""

from .algorithms import ALGORITHMS, Algorithm, get_algorithm
from .tasks.exact import ExactMeasure, Training, train
from .training.settings import Settings
from .training.source import Sampled
from .training.trainer import Trainer

__all__ = [
    "ALGORITHMS", "Algorithm", "ExactMeasure", "Sampled", "Settings", "Trainer", "Training", "get_algorithm", "train",
]  # fmt: skip
