"""Other answers to the same game, side by side: Borda, Copeland, RLHF, Stackelberg, proportional, ..."""

from .blackwell import BlackwellWinner, blackwell_winner
from .compare import Solutions, solutions
from .concept import Concept, Table
from .registry import CONCEPTS
from .samples import SampleNash, sample_nash

__all__ = [
    "CONCEPTS", "BlackwellWinner", "Concept", "SampleNash", "Solutions", "Table", "blackwell_winner", "sample_nash",
    "solutions",
]  # fmt: skip
