"""Training in one import: the loop, how its steps are fitted, and training on an enumerable task."""

from .algorithms import ALGORITHMS, Algorithm, get_algorithm
from .exact import ExactMeasure, Training, train
from .loop import Trainer
from .sampled import Sampled
from .settings import Settings

__all__ = [
    "ALGORITHMS", "Algorithm", "ExactMeasure", "Sampled", "Settings", "Trainer", "Training", "get_algorithm", "train",
]  # fmt: skip
