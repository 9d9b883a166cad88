"""Which storage a preference gets: by the type of what is given, and automatic only where nothing is lost."""

from __future__ import annotations

import numpy as np

from ..errors import unknown_name
from .checks import ASYMMETRY_TOLERANCE, as_matrix
from .dense import DensePreference, Preference
from .packed import PackedPreference

#: From this many actions on, a matrix given for one game is packed: a step is then bound by memory, and faster than
#: with BLAS on the matrix (measured: 1.04 of its time at n = 1000, .86 at 1500, .85 at 2000, .58 at 3000).
PACKED_FROM = 2000

_STORAGES = ("auto", "dense", "packed", "packed32")


def as_preference(
    preference,
    storage: str = "auto",
    *,
    symmetrise: bool = False,
    tolerance: float = ASYMMETRY_TOLERANCE,
) -> Preference:
    """Return a preference in the storage asked for.

    ``auto`` keeps every storage that is given and takes a matrix P as it is told here: one game of at least 2000
    actions is packed (the same entries, half the memory, half of what a product reads), everything else
    dense. What changes the game (float32) or could be wrong (guessing a low rank or rewards from a
    matrix) is never chosen by itself: use ``packed32``, :class:`LowRankPreference`,
    :class:`BradleyTerryPreference` or :class:`AnnotatorPreference`.

    Parameters
    ----------
    preference : Preference, DataFrame or array_like
        A storage, or P of shape (actions, actions) or (contexts, actions, actions); a DataFrame's columns are
        brought into the order of its rows by label.
    storage : {"auto", "dense", "packed", "packed32"}
    symmetrise, tolerance
        Treatment of an asymmetric matrix, as for :meth:`DensePreference.from_probabilities`.

    Returns
    -------
    Preference

    Raises
    ------
    NashsimError
        If the storage is unknown, a stack is to be packed, or the matrix is none of preferences.

    Examples
    --------
    >>> as_preference([[0.5, 0.9], [0.1, 0.5]])
    DensePreference(contexts=1, actions=2)
    >>> as_preference([[0.5, 0.9], [0.1, 0.5]], "packed")
    PackedPreference(actions=2, dtype=float64)
    """
    if storage not in _STORAGES:
        raise unknown_name("storage", storage, _STORAGES)
    dtype = np.float32 if storage == "packed32" else np.float64
    if isinstance(preference, Preference):
        if storage == "auto":
            return preference
        if storage == "dense":
            return _dense(preference)
        return PackedPreference.from_preference(preference, dtype)
    matrix = as_matrix(preference)
    large_game = matrix.ndim == 2 and len(matrix) >= PACKED_FROM
    if storage == "dense" or (storage == "auto" and not large_game):
        return DensePreference.from_probabilities(matrix, symmetrise=symmetrise, tolerance=tolerance)
    return PackedPreference.from_probabilities(
        matrix, symmetrise=symmetrise, tolerance=tolerance, dtype=dtype
    )


def _dense(preference: Preference) -> DensePreference:
    return preference if isinstance(preference, DensePreference) else DensePreference(preference.dense())
