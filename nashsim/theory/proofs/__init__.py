"""Proofs of rates: a semidefinite program finds multipliers, exact arithmetic confirms them."""

from .closed_forms import latex_proof
from .design import Designed, compare, design
from .proof import Proof, check
from .prove import prove
from .table import check_all, prove_all, table

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
