"""Published figures: an experiment, what it found, and the files it writes; papers' experiments with verdicts."""

from .experiment import Experiment, Finding
from .paper import Curve, Paper, Setting, draw_spread, exact, slope, spread

__all__ = [
    "Curve", "Experiment", "Finding", "Paper", "Setting", "draw_spread", "exact", "slope", "spread",
]  # fmt: skip
