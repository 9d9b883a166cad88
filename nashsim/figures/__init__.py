"""Published figures: an experiment, what it found, and the files it writes."""

from .experiment import Experiment, Finding

__all__ = ["Experiment", "Finding"]
