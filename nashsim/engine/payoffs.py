"""What the structured drive asks of a storage: its payoff as F w, with F held in a form that streams."""

from __future__ import annotations

import numpy as np

from ..preferences import AnnotatorPreference, LowRankPreference, Preference
from .kernels.structured import CHUNK

_NO_DEGREES = np.empty(0, dtype=np.int64)


class FactoredPayoff:
    """A = F C F^T: a policy is asked by its moments F^T pi alone, and answers F (C F^T pi) [derived].

    Attributes
    ----------
    tiles : ndarray, shape (chunks, columns, CHUNK)
        F, or the positions whose Chebyshev polynomials are its columns.
    degrees : ndarray of int, shape (annotators,)
        How many polynomials each position has; empty where ``tiles`` is F.
    core : ndarray, shape (k, k)
        C.
    """

    by_moments = True

    def __init__(self, tiles: np.ndarray, degrees: np.ndarray, core: np.ndarray):
        self.tiles, self.degrees, self.core = tiles, degrees, core

    @classmethod
    def of_low_rank(cls, preference: LowRankPreference) -> FactoredPayoff:
        """Return A = U V^T - V U^T as (U V) C (U V)^T."""
        one = np.eye(preference.left.shape[1])
        zero = np.zeros_like(one)
        tiles = _tiled(preference.left.T, preference.right.T)
        return cls(tiles, _NO_DEGREES, np.block([[zero, one], [-one, zero]]))

    @classmethod
    def of_annotators(cls, preference: AnnotatorPreference) -> FactoredPayoff:
        """Return the Chebyshev series of every annotator, which the preference uses itself.

        Parameters
        ----------
        preference : AnnotatorPreference
            With a series.
        """
        cores = [w * s.core for w, s in zip(preference.weights, preference.series, strict=True)]
        degrees = np.array([len(core) for core in cores])
        core, ends = np.zeros((degrees.sum(),) * 2), degrees.cumsum()
        for part, first, last in zip(cores, ends - degrees, ends, strict=True):
            core[first:last, first:last] = part
        return cls(_tiled(np.stack([s.position for s in preference.series])), degrees, core)

    @property
    def columns(self) -> int:
        """Number of moments that a policy is asked for."""
        return len(self.core)


class AppliedPayoff:
    """A by the storage's own product: F is the one column A pi, formed anew at every query.

    Attributes
    ----------
    preference : Preference
        A preference of one context.
    """

    by_moments = False
    columns = 0
    degrees = _NO_DEGREES

    def __init__(self, preference: Preference):
        self.preference = preference
        self.tiles = np.empty((-(-preference.actions // CHUNK), 0, CHUNK))

    def column(self, policy: np.ndarray) -> np.ndarray:
        """Return A pi as a tile, shape (chunks, 1, CHUNK), for a policy of shape (actions,)."""
        return _tiled(self.preference.margin(policy[None]))


def payoff_of(preference: Preference) -> FactoredPayoff | AppliedPayoff:
    """Return the payoff of a storage in the form that streams best.

    Parameters
    ----------
    preference : Preference
        A preference of one context.
    """
    if isinstance(preference, LowRankPreference):
        return FactoredPayoff.of_low_rank(preference)
    if isinstance(preference, AnnotatorPreference) and preference.series is not None:
        return FactoredPayoff.of_annotators(preference)
    return AppliedPayoff(preference)


def _tiled(*columns: np.ndarray) -> np.ndarray:
    """Return rows of F^T, each shape (k_i, actions), as (chunks, k, CHUNK), the last chunk filled up with zeros."""
    actions = columns[0].shape[1]
    chunks = -(-actions // CHUNK)
    tiles = np.zeros((chunks, sum(map(len, columns)), CHUNK))
    whole, rest = divmod(actions, CHUNK)
    first = 0
    for part in columns:
        last = first + len(part)
        body = part[:, : whole * CHUNK].reshape(len(part), whole, CHUNK)
        tiles[:whole, first:last] = body.transpose(1, 0, 2)
        if rest:
            tiles[whole, first:last, :rest] = part[:, whole * CHUNK :]
        first = last
    return tiles
