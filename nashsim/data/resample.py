"""Parametric resampling of counted comparisons, for bootstrap intervals."""

from __future__ import annotations

import numpy as np

from ..errors import NashsimError
from .table import PreferenceData

# Beyond this doubles hold no odd numbers, and the generator no totals.
_MOST_DRAWS = 2.0**53


def resample(data: PreferenceData, generator: np.random.Generator) -> PreferenceData:
    """Draw every pair's comparisons anew, as many as it had, with its own shares of wins, losses and ties.

    (wins, losses, ties) ~ Multinomial(counts, observed shares), independently between pairs: a pair keeps its
    weight, and a pair never compared stays so. A total that is no whole number is drawn as the nearest one
    (from 1 to 2^53) and scaled back. Ties that were dropped take no part.

    Parameters
    ----------
    data : PreferenceData
        With counts.
    generator : numpy.random.Generator

    Raises
    ------
    NashsimError
        If the data have no counts.
    """
    if data.counts is None:
        raise NashsimError(f"{data.name}: resampling needs numbers of comparisons, found probabilities alone")
    i, j = np.nonzero(np.triu(data.counts) > 0)
    outcomes = np.stack([data.wins[i, j], data.wins[j, i], data.ties[i, j]], axis=1)
    total = data.counts[i, j]
    draws = np.clip(np.rint(total), 1, _MOST_DRAWS).astype(np.int64)
    drawn = generator.multinomial(draws, outcomes / total[:, None]) * (total / draws)[:, None]
    wins, ties = np.zeros_like(data.wins), np.zeros_like(data.ties)
    wins[i, j], wins[j, i] = drawn[:, 0], drawn[:, 1]
    ties[i, j] = ties[j, i] = drawn[:, 2]
    return PreferenceData.from_comparisons(data.labels, wins, ties, name=data.name)
