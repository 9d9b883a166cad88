"""Proofs of rates: a semidefinite program finds multipliers, exact arithmetic confirms them."""

from .closed_forms import latex_proof
from .designing import Designed, compare, design
from .every_rule import check_all, prove_all, table
from .proof import Proof, check
from .proving import prove
from .worst_games import claim_of, comparison, found_table, hunt, hunt_all

__all__ = [
    "Designed",
    "Proof",
    "check",
    "check_all",
    "claim_of",
    "compare",
    "comparison",
    "design",
    "found_table",
    "hunt",
    "hunt_all",
    "latex_proof",
    "prove",
    "prove_all",
    "table",
]
