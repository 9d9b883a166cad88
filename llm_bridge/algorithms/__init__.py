"""Algorithms: a rule of nashsim, and the loss that carries its steps to a language model."""

from . import named  # registers the algorithms of papers
from .algorithm import Algorithm, Oracle, StepB
from .fits import FITS, Fit, get_fit
from .registry import algorithms, get_algorithm, register

#: Names that ``get_algorithm`` knows when this is first imported.
ALGORITHMS: tuple[str, ...] = algorithms()

__all__ = [
    "ALGORITHMS", "FITS", "Algorithm", "Fit", "Oracle", "StepB", "algorithms", "get_algorithm", "get_fit", "named",
    "register",
]  # fmt: skip
