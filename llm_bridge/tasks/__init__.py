"""Small language tasks whose equilibrium is known exactly."""

from .class_equilibrium import ClassGame, class_log_masses, within_class_estimate, within_class_gap
from .enumerable import EnumerableMeasure, EnumerableTask, LengthMeasure, LengthTask
from .enumeration import EOS, Enumeration
from .grammar import Grammar
from .styled import StyledTask
from .taught_model import Teaching

__all__ = [
    "EOS",
    "ClassGame",
    "EnumerableMeasure",
    "EnumerableTask",
    "Enumeration",
    "Grammar",
    "LengthMeasure",
    "LengthTask",
    "StyledTask",
    "Teaching",
    "class_log_masses",
    "within_class_estimate",
    "within_class_gap",
]
