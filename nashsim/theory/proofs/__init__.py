"""Proofs of rates: a semidefinite program finds multipliers, exact arithmetic confirms them."""

from .proof import Proof, check
from .prove import prove

__all__ = ["Proof", "check", "prove"]
