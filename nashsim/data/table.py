"""Pairwise preference data: what a file says about n labels, before it becomes a game."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import NashsimError, unknown_name
from ..game import PreferenceGame
from ..preferences import ASYMMETRY_TOLERANCE
from .bradley_terry import predict

#: What a tie counts as: half a win for each side, nothing, or an error.
TIES = ("half", "drop", "error")
#: What stands for a pair that was never compared.
MISSING = ("error", "half", "bradley-terry")
# Rounding of P = (value - lo)/(hi - lo) near 1/2, with room.
_ROUNDING = 1e-14


@dataclass(frozen=True, eq=False)
class PreferenceData:
    """Observed preferences between n labels; pairs may be missing.

    A pair given in one direction only is completed by P(b ≻ a) = 1 - P(a ≻ b), which is what a preference
    means and no repair. Nothing else is: asymmetry and missing pairs stay until :meth:`game` is told what
    to do with them.

    Parameters
    ----------
    labels : sequence of str, length n
    probability : array_like, shape (n, n)
        P(row ≻ column) in [0, 1]; NaN where the source says nothing. A NaN diagonal is 1/2.
    wins : array_like, shape (n, n), or None
        ``wins[i, j]``: weight of the comparisons that i won against j; losses are its transpose.
    ties : array_like, shape (n, n), or None
        Weight of the tied comparisons that count, symmetric. Both are ``None`` where there are no counts.
    name : str
        Where the data come from, a file's name for instance; errors start with it.
    notes : sequence of str
        Sentences on what was decided while reading.
    reading : str
        What the source was recognised as, and why.

    Attributes
    ----------
    asymmetry : float
        max|P + P^T - 1| over what was given in both directions, a given diagonal included.
    asymmetry_at : tuple of str
        The two labels where it is largest.
    counts : ndarray, shape (n, n), or None
        Weight of the comparisons of each pair, wins + losses + ties.

    Raises
    ------
    NashsimError
        If there are no labels, labels repeat or are blank, or the matrix is not (n, n) or leaves [0, 1].

    Examples
    --------
    >>> data = PreferenceData(["a", "b", "c"], [[0.5, 0.6, np.nan], [np.nan] * 3, [np.nan, 0.3, 0.5]])
    >>> data.probability
    array([[0.5, 0.6, nan],
           [0.4, 0.5, 0.7],
           [nan, 0.3, 0.5]])
    >>> data.game(missing="half").probabilities[0, 0]
    array([0.5, 0.6, 0.5])
    """

    labels: tuple[str, ...]
    probability: np.ndarray
    wins: np.ndarray | None = None
    ties: np.ndarray | None = None
    name: str = "data"
    notes: tuple[str, ...] = ()
    reading: str = ""
    asymmetry: float = field(init=False)
    asymmetry_at: tuple[str, str] = field(init=False)
    counts: np.ndarray | None = field(init=False)

    def __post_init__(self):
        labels = check_labels(self.labels, self.name)
        given = _check_matrix(self.probability, labels, self.name)
        wins = _counts(self.wins, given, "wins", self.name)
        ties = np.zeros_like(given) if self.ties is None else _counts(self.ties, given, "ties", self.name)
        gap = np.nan_to_num(np.abs(given + given.T - 1))
        i, j = np.unravel_index(gap.argmax(), gap.shape)
        probability = np.where(np.isnan(given), 1 - given.T, given)
        np.fill_diagonal(probability, 0.5)
        fields = {
            "labels": labels,
            "probability": probability,
            "wins": wins,
            "ties": None if wins is None else ties,
            "notes": tuple(self.notes),
            "asymmetry": float(gap[i, j]),
            "asymmetry_at": (labels[i], labels[j]),
            "counts": None if wins is None else wins + wins.T + ties,
        }
        for name, value in fields.items():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
            object.__setattr__(self, name, value)

    @classmethod
    def from_comparisons(
        cls,
        labels: Sequence[str],
        wins: np.ndarray,
        ties: np.ndarray | None = None,
        *,
        tie_rule: str = "half",
        first_tie: str | None = None,
        name: str = "data",
        notes: Sequence[str] = (),
    ) -> PreferenceData:
        """Build from counted comparisons, P = (wins + ties/2)/all, or wins/(wins + losses) without ties.

        Parameters
        ----------
        labels : sequence of str, length n
        wins : ndarray, shape (n, n)
            How often the row won against the column; entries >= 0.
        ties : ndarray, shape (n, n), or None
            How often they tied, symmetric.
        tie_rule : {"half", "drop", "error"}
        first_tie : str or None
            Where the first tie stands, e.g. ``"row 3"``, for the error.
        name, notes
            As for the class.

        Raises
        ------
        NashsimError
            If there is a tie under ``"error"``, or as for the class.

        Examples
        --------
        >>> wins, ties = np.array([[0, 6], [2, 0]]), np.array([[0, 2], [2, 0]])
        >>> PreferenceData.from_comparisons(["a", "b"], wins, ties).probability[0, 1]
        np.float64(0.7)
        >>> PreferenceData.from_comparisons(["a", "b"], wins, ties, tie_rule="drop").probability[0, 1]
        np.float64(0.75)
        """
        wins = np.array(wins, dtype=np.float64)
        ties = np.zeros_like(wins) if ties is None else np.array(ties, dtype=np.float64)
        check_tie_rule(tie_rule)
        notes = list(notes)
        if ties.any():
            i, j = np.argwhere(ties)[0]
            total = f"{np.triu(ties, 1).sum():g}"
            if tie_rule == "error":
                where = first_tie or f"a comparison of {labels[i]!r} and {labels[j]!r}"
                raise NashsimError(
                    f"{name}: {where} is a tie; choose ties='half' or 'drop' (--ties) to accept ties"
                )
            if tie_rule == "half":
                notes.append(f"Tied comparisons count as half a win for each side: {total} of them.")
            else:
                only_tied = np.count_nonzero(np.triu((ties > 0) & (wins + wins.T == 0), 1))
                alone = f"; {only_tied} pairs have nothing else and so are missing" if only_tied else ""
                notes.append(f"Tied comparisons are dropped: {total} of them{alone}.")
                ties = np.zeros_like(wins)
        with np.errstate(invalid="ignore"):
            probability = (wins + 0.5 * ties) / (wins + wins.T + ties)
        return cls(tuple(labels), probability, wins, ties, name, tuple(notes))

    @property
    def n(self) -> int:
        """Number of labels."""
        return len(self.labels)

    @property
    def observed(self) -> np.ndarray:
        """Which pairs were compared: bool, shape (n, n), False on the diagonal."""
        return ~np.isnan(self.probability) & ~np.eye(self.n, dtype=bool)

    @property
    def is_asymmetric(self) -> bool:
        """Whether the asymmetry is more than rounding, beside the largest |P - 1/2| that is there."""
        scale = 2 * np.nanmax(np.abs(self.probability - 0.5))
        return bool(self.asymmetry > max(_ROUNDING, ASYMMETRY_TOLERANCE * min(1.0, scale)))

    def symmetric(self, symmetrise: bool = False) -> PreferenceData:
        """Return the data with P + P^T = 1 on every observed pair.

        Parameters
        ----------
        symmetrise : bool
            Replace P by (P + 1 - P^T)/2 whatever its asymmetry; otherwise only rounding is averaged away.

        Raises
        ------
        NashsimError
            If max|P + P^T - 1| exceeds the tolerance and ``symmetrise`` is False.
        """
        if self.is_asymmetric and not symmetrise:
            total = (self.probability + self.probability.T)[self.observed]
            draws = (
                "; no pair sums to more than 1, and where the rest are draws that counts each as half a win for both"
                if total.size and total.max() <= 1 + ASYMMETRY_TOLERANCE
                else ""
            )
            raise NashsimError(
                f"{self.name}: P + P^T must be 1, found max|P + P^T - 1| = {self.asymmetry:.6g} at"
                f" {self.asymmetry_at} (tolerance {ASYMMETRY_TOLERANCE:g}); pass"
                f" symmetrise=True (--symmetrise) to replace P by (P + 1 - P^T)/2{draws}"
            )
        return replace(self, probability=0.5 + 0.5 * (self.probability - self.probability.T))

    def filled(self, missing: str = "error") -> PreferenceData:
        """Return the data with a probability for every pair; observed pairs are left as they are.

        Parameters
        ----------
        missing : {"error", "half", "bradley-terry"}
            ``"half"`` puts 1/2. ``"bradley-terry"`` fits strengths s to the observed pairs, weighted by their
            counts, and puts 1/(1 + exp(s_j - s_i)); see :func:`nashsim.data.bradley_terry.fit_strengths`.

        Raises
        ------
        NashsimError
            If pairs are missing under ``"error"``, or the comparisons are disconnected under
            ``"bradley-terry"``.
        """
        if missing not in MISSING:
            raise unknown_name("value of missing", str(missing), MISSING)
        absent = np.isnan(self.probability)
        if not absent.any():
            return self
        if missing == "half":
            filling = np.full(absent.shape, 0.5)
        elif missing == "bradley-terry":
            weight = self.observed.astype(float) if self.counts is None else self.counts
            wins = np.where(self.observed, weight * np.nan_to_num(self.probability), 0.0)
            filling = predict(wins, self.labels, self.name)
        else:
            raise NashsimError(
                f"{self.name}: {self.missing_pairs()}; choose missing='half' or 'bradley-terry' (--missing)"
            )
        return replace(self, probability=np.where(absent, filling, self.probability))

    def missing_pairs(self) -> str:
        """Return how many pairs were never compared, the first one named, as the start of a sentence."""
        absent = np.argwhere(np.triu(np.isnan(self.probability)))
        i, j = absent[0]
        return (
            f"{len(absent)} of {self.n * (self.n - 1) // 2} pairs were never compared, the first"
            f" ({self.labels[i]!r}, {self.labels[j]!r})"
        )

    def game(self, missing: str = "error", symmetrise: bool = False, **game_kwargs) -> PreferenceGame:
        """Return the preference game of these data.

        Parameters
        ----------
        missing : {"error", "half", "bradley-terry"}
            As for :meth:`filled`.
        symmetrise : bool
            As for :meth:`symmetric`.
        **game_kwargs
            ``reference, tau, name, ...`` of :class:`nashsim.PreferenceGame`.

        Raises
        ------
        NashsimError
            As :meth:`filled`, :meth:`symmetric` and the game itself.
        """
        ready = self.symmetric(symmetrise).filled(missing)
        return PreferenceGame(ready.probability, **{"labels": self.labels, "name": self.name, **game_kwargs})

    def __repr__(self) -> str:
        pairs = self.n * (self.n - 1) // 2
        return f"PreferenceData({self.name!r}, n={self.n}, pairs={int(self.observed.sum()) // 2} of {pairs})"


def check_labels(labels: Sequence[str], name: str) -> tuple[str, ...]:
    """Return labels as a tuple of str; raise NashsimError if there are none, or one is blank or repeated."""
    labels = tuple(str(label) for label in labels)
    if not labels:
        raise NashsimError(f"{name}: nothing is compared; at least one label is needed")
    blank = [i for i, label in enumerate(labels, 1) if not label.strip()]
    if blank:
        raise NashsimError(
            f"{name}: every label must have a name, label {blank[0]} of {len(labels)} is blank"
        )
    if len(set(labels)) < len(labels):
        twice = next(label for label, times in Counter(labels).items() if times > 1)
        raise NashsimError(f"{name}: every label must be given once, found {twice!r} more than once")
    return labels


def check_tie_rule(rule: str) -> str:
    """Return the rule, or raise NashsimError unless it is one of half, drop and error."""
    if rule not in TIES:
        raise unknown_name("value of ties", str(rule), TIES)
    return rule


def _check_matrix(probability, labels: tuple[str, ...], name: str) -> np.ndarray:
    matrix = np.array(probability, dtype=np.float64)
    n = len(labels)
    if matrix.shape != (n, n):
        raise NashsimError(f"{name}: {n} labels need a matrix of shape {(n, n)}, found {matrix.shape}")
    outside = (matrix < 0) | (matrix > 1)
    if outside.any():
        i, j = np.argwhere(outside)[0]
        raise NashsimError(
            f"{name}: probabilities must lie in [0, 1], found {matrix[i, j]:.6g} at"
            f" ({labels[i]!r}, {labels[j]!r})"
        )
    return matrix


def _counts(counts, given: np.ndarray, what: str, name: str) -> np.ndarray | None:
    if counts is None:
        return None
    counts = np.array(counts, dtype=np.float64)
    if counts.shape != given.shape or not (counts >= 0).all():
        raise NashsimError(f"{name}: {what}: a matrix of numbers >= 0 like the probabilities is needed")
    return counts
