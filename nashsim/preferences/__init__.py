"""How a preference P(y ≻ y') is stored and applied."""

from .annotators import AnnotatorPreference, BradleyTerryPreference
from .blocks import BlockPreference
from .checks import ASYMMETRY_TOLERANCE, MOST_DENSE, check_dense, matrix_labels
from .choose import PACKED_FROM, as_preference
from .dense import DensePreference, Preference
from .low_rank import LowRankPreference
from .packed import PackedPreference

__all__ = [
    "ASYMMETRY_TOLERANCE",
    "MOST_DENSE",
    "PACKED_FROM",
    "AnnotatorPreference",
    "BlockPreference",
    "BradleyTerryPreference",
    "DensePreference",
    "LowRankPreference",
    "PackedPreference",
    "Preference",
    "as_preference",
    "check_dense",
    "matrix_labels",
]
