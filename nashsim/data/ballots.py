"""Ranked ballots: every ballot compares every pair of candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import NashsimError
from .table import PreferenceData

# Comparisons of one block of ballots, as many as fit comfortably in cache and memory.
_BLOCK = 2_000_000


@dataclass(frozen=True)
class Ballot:
    """A ranking, best first, cast ``weight`` times.

    Attributes
    ----------
    weight : float
    ranking : list of list of int
        Groups of tied candidates by index; candidates on none are tied last.
    where : str
        Where it stands, e.g. ``"line 7"``.
    """

    weight: float
    ranking: list[list[int]]
    where: str


def count_ballots(
    labels: Sequence[str],
    ballots: Sequence[Ballot],
    *,
    ties: str = "half",
    name: str = "data",
    notes: Sequence[str] = (),
) -> PreferenceData:
    """Count for every pair how many ballots rank one above the other, and how many tie them.

    A pair that a ballot does not separate is a tie; unranked candidates are tied last.

    Parameters
    ----------
    labels : sequence of str, length n
    ballots : sequence of Ballot
    ties : {"half", "drop", "error"}
    name, notes
        As for :class:`nashsim.data.PreferenceData`.

    Raises
    ------
    NashsimError
        If there are no ballots, one ranks a candidate twice or has a negative weight, or a ballot ties a
        pair under ``ties="error"``.
    """
    if not ballots:
        raise NashsimError(f"{name}: at least one ballot is needed, found none")
    n, block = len(labels), max(1, _BLOCK // len(labels) ** 2)
    wins, ties_found = np.zeros((n, n)), np.zeros((n, n))
    for start in range(0, len(ballots), block):
        part = ballots[start : start + block]
        rank = np.array([_ranks(ballot, n, labels, name) for ballot in part])
        weight = np.array([ballot.weight for ballot in part])
        above, below = rank[:, :, None], rank[:, None, :]
        wins += np.tensordot(weight, above < below, axes=1)
        ties_found += np.tensordot(weight, above == below, axes=1)
    np.fill_diagonal(ties_found, 0.0)
    tied = next((ballot.where for ballot in ballots if ballot.weight > 0 and _ties_a_pair(ballot, n)), None)
    first_tie = None if tied is None else f"a pair that the ballot in {tied} does not separate"
    return PreferenceData.from_comparisons(
        labels, wins, ties_found, tie_rule=ties, first_tie=first_tie, name=name, notes=notes
    )


def _ranks(ballot: Ballot, n: int, labels, name: str) -> np.ndarray:
    if ballot.weight < 0:
        raise NashsimError(
            f"{name}: a ballot's weight must be at least 0, found {ballot.weight:g} in {ballot.where}"
        )
    rank = np.full(n, n)
    for place, group in enumerate(ballot.ranking):
        for candidate in group:
            if rank[candidate] < n:
                raise NashsimError(f"{name}: the ballot in {ballot.where} ranks {labels[candidate]!r} twice")
            rank[candidate] = place
    return rank


def _ties_a_pair(ballot: Ballot, n: int) -> bool:
    unranked = n - sum(map(len, ballot.ranking))
    return unranked > 1 or any(len(group) > 1 for group in ballot.ranking)
