"""Real preferences, bundled as CSV with their source in the first lines."""

from __future__ import annotations

import csv
from importlib.resources import files

import numpy as np

from ..game import PreferenceGame


def read_table(name: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the labels and the matrix of a bundled table; lines that begin with ``#`` give its source.

    Parameters
    ----------
    name : str
        ``"tldr"`` holds probabilities P(row ≻ column), ``"glasgow"`` and ``"minneapolis"`` wins of the row over
        the column.

    Returns
    -------
    labels : tuple of str
    matrix : ndarray, shape (actions, actions)

    Examples
    --------
    >>> labels, wins = read_table("glasgow")
    >>> labels[0], wins[0, 1]
    ('Dornan', np.float64(2992.0))
    """
    text = (files(__package__) / "tables" / f"{name}.csv").read_text(encoding="utf-8")
    header, *rows = csv.reader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(header[1:]), np.array([[float(cell) for cell in row[1:]] for row in rows])


def tldr() -> PreferenceGame:
    """Preferences between 14 LLM policies on TL;DR summarisation, judged by PaLM 2.

    NLHF, arXiv 2312.00886, Table 1 [paper], which prints the win rate of the column against the row; the bundled
    file is its transpose. The printed thousandths satisfy P + P^T = 1, so nothing is symmetrised. MD1 is the
    Condorcet winner, SFT loses to all.

    Examples
    --------
    >>> tldr().labels[:4]
    ('SFT', 'RLHF', 'SP', 'MD1')
    """
    labels, probabilities = read_table("tldr")
    return PreferenceGame(probabilities, labels=labels, name="tldr")


def glasgow() -> PreferenceGame:
    """The Condorcet cycle of the election in Glasgow Govan ward, 2007.

    P = wins/(wins + losses) over ballots that separate the pair, unranked candidates being tied last. PrefLib
    00008-00000009, counted from its ballots [derived].

    Examples
    --------
    >>> glasgow().labels
    ('Dornan', 'Flanagan', 'Hunter')
    """
    return _from_counts("glasgow")


def minneapolis() -> PreferenceGame:
    """The Condorcet cycle of the election in Minneapolis ward 2, 2021.

    P = wins/(wins + losses) over ballots that separate the pair, unranked candidates being tied last. Counted
    from the city's published ballot records [derived]; see McCune and McCune, arXiv 2111.09846.

    Examples
    --------
    >>> minneapolis().labels
    ('Worlobah', 'Arab', 'Gordon')
    """
    return _from_counts("minneapolis")


def _from_counts(name: str) -> PreferenceGame:
    labels, wins = read_table(name)
    total = wins + wins.T + np.eye(len(wins))
    return PreferenceGame(0.5 + 0.5 * (wins - wins.T) / total, labels=labels, name=name)
