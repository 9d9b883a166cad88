"""Ranked ballots: every ballot compares every pair of candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import NashsimError
from .table import PreferenceData

# Comparisons of one block of ballots, as many as fit comfortably in cache and memory; up to how many candidates
# ballots are counted in blocks.
_BLOCK, _FEW = 2_000_000, 64


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
    n = len(labels)
    rank = np.array([_ranks(ballot, n, labels, name) for ballot in ballots], np.min_scalar_type(n))
    weight = np.array([ballot.weight for ballot in ballots])
    wins, ties_found = (_many if n > _FEW else _few)(rank, weight)
    np.fill_diagonal(ties_found, 0.0)
    tied = next((ballot.where for ballot in ballots if ballot.weight > 0 and _ties_a_pair(ballot, n)), None)
    first_tie = None if tied is None else f"a pair that the ballot in {tied} does not separate"
    return PreferenceData.from_comparisons(
        labels, wins, ties_found, tie_rule=ties, first_tie=first_tie, name=name, notes=notes
    )


def _few(rank: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights of rank_i < rank_j and of rank_i = rank_j, many ballots of few candidates at once."""
    n, block = rank.shape[1], max(1, _BLOCK // rank.shape[1] ** 2)
    wins, ties = np.zeros((n, n)), np.zeros((n, n))
    for start in range(0, len(rank), block):
        part, share = rank[start : start + block], weight[start : start + block]
        above, below = part[:, :, None], part[:, None, :]
        wins += np.tensordot(share, above < below, axes=1)
        ties += np.tensordot(share, above == below, axes=1)
    return wins, ties


def _many(rank: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same of many candidates: ballots of one weight are counted in bytes, 255 at a time."""
    n = rank.shape[1]
    wins, ties = np.zeros((n, n)), np.zeros((n, n))
    for share in np.unique(weight):
        alike = rank[weight == share]
        for start in range(0, len(alike), 255):
            above, same = np.zeros((n, n), np.uint8), np.zeros((n, n), np.uint8)
            for ranks in alike[start : start + 255]:
                above += ranks[:, None] < ranks
                same += ranks[:, None] == ranks
            wins += share * above
            ties += share * same
    return wins, ties


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
