"""Other answers to the same game, side by side: Borda, Copeland, RLHF, Stackelberg, proportional, ..."""

from .axiomatic import AxiomTable, axioms
from .blackwell import BlackwellWinner, blackwell_winner
from .compare import Solutions, solutions
from .concept import Concept, Table
from .properties import AXIOMS, Axiom, Violation
from .registry import CONCEPTS
from .samples import SampleNash, sample_nash

__all__ = [
    "AXIOMS", "CONCEPTS", "Axiom", "AxiomTable", "BlackwellWinner", "Concept", "SampleNash", "Solutions", "Table",
    "Violation", "axioms", "blackwell_winner", "sample_nash", "solutions",
]  # fmt: skip
