"""From battles, matrices and ballots to preferences, and what is inside them.

The readers of single formats (``nashsim.data.battles``, ...) stand behind :func:`load`; importing this room
loads neither pandas nor scipy.
"""

from .bradley_terry import fit_strengths
from .formats import FORMATS
from .load import from_frame, load
from .reference import load_reference
from .structure import (
    Hodge,
    beats,
    condorcet_winner,
    coverage,
    cyclic_triples,
    hodge,
    smith_set,
    weak_condorcet_winners,
)
from .table import MISSING, TIES, PreferenceData
from .units import UNITS

__all__ = [
    "FORMATS",
    "Hodge",
    "MISSING",
    "PreferenceData",
    "TIES",
    "UNITS",
    "beats",
    "condorcet_winner",
    "coverage",
    "cyclic_triples",
    "fit_strengths",
    "from_frame",
    "hodge",
    "load",
    "load_reference",
    "smith_set",
    "weak_condorcet_winners",
]
