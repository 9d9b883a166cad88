"""Proofs of rates: a semidefinite program finds multipliers, exact arithmetic confirms them."""

from .closed_forms import latex_proof
from .designing import Designed, compare, design
from .every_rule import check_all, prove_all, table
from .proof import Proof, check
from .proving import prove

__all__ = [
    "Designed",
    "Proof",
    "check",
    "check_all",
    "compare",
    "design",
    "latex_proof",
    "prove",
    "prove_all",
    "table",
]
