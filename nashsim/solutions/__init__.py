"""Other answers to the same game, side by side: Borda, Copeland, RLHF, Stackelberg, proportional, ..."""

from .compare import Solutions, solutions
from .concept import Concept, Table
from .registry import CONCEPTS

__all__ = ["CONCEPTS", "Concept", "Solutions", "Table", "solutions"]
