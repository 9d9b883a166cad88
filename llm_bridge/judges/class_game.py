"""Judges whose probabilities are known exactly: cyclic preferences between classes, and a liking for length."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nashsim.errors import NashsimError

from .protocol import Comparison


class ClassGameJudge:
    """P(a ≻ b) = P[c(a), c(b)], exact by the classes of the two responses.

    Parameters
    ----------
    preference : array_like, shape (classes, classes)
        Preference P between classes with the row preferred, P + P^T = 1.
    classify : callable
        Function ``classify(prompt, response)`` of the class of a response, 0 <= c < classes.

    Raises
    ------
    NashsimError
        If P is not square, leaves [0, 1], or P + P^T differs from 1 by more than 1e-9.

    Examples
    --------
    >>> judge = ClassGameJudge([[0.5, 0.8], [0.2, 0.5]], lambda prompt, response: int(response.isupper()))
    >>> judge([Comparison("q", "a", "B"), Comparison("q", "A", "b")])
    array([0.8, 0.2])
    """

    def __init__(self, preference, classify: Callable):
        self.preference = check_preference(preference)
        self.classify = classify

    def __call__(self, comparisons: Sequence[Comparison]) -> np.ndarray:
        """Return P(a ≻ b) for every comparison, shape (batch,)."""
        rows = [self._class(c.prompt, c.a) for c in comparisons]
        columns = [self._class(c.prompt, c.b) for c in comparisons]
        return self.preference[np.array(rows, dtype=int), np.array(columns, dtype=int)]

    def _class(self, prompt, response) -> int:
        found = self.classify(prompt, response)
        if not 0 <= found < len(self.preference):
            raise NashsimError(f"classify: a class below {len(self.preference)} is needed, found {found}")
        return int(found)


class LengthJudge:
    """P(a ≻ b) = 1/(1 + exp(-slope (|a| - |b|))): Bradley-Terry in the number of tokens.

    Parameters
    ----------
    slope : float
        Log-odds a token; > 0 likes length.
    length : callable
        Function ``length(response)``; the number of tokens unless told otherwise.

    Examples
    --------
    >>> LengthJudge(1.0)([Comparison("q", (1, 2), (1,)), Comparison("q", (1,), (2,))]).round(3)
    array([0.731, 0.5  ])
    """

    def __init__(self, slope: float, length: Callable = len):
        if not np.isfinite(slope):
            raise NashsimError(f"slope: a finite number is needed, found {slope}")
        self.slope, self.length = float(slope), length

    def __call__(self, comparisons: Sequence[Comparison]) -> np.ndarray:
        """Return P(a ≻ b) for every comparison, shape (batch,)."""
        difference = [self.length(c.a) - self.length(c.b) for c in comparisons]
        return _sigmoid(self.slope, np.array(difference, dtype=float))


def length_game(lengths, slope: float) -> np.ndarray:
    """Return the class game of a LengthJudge, one class a length: P[i, j] = sigma(slope (l_i - l_j)).

    Parameters
    ----------
    lengths : array_like, shape (classes,)
        Length of every class, in tokens.
    slope : float
        Log-odds a token.

    Returns
    -------
    ndarray, shape (classes, classes)
    """
    lengths = np.asarray(lengths, dtype=float)
    return _sigmoid(slope, lengths[:, None] - lengths[None, :])


def _sigmoid(slope: float, difference: np.ndarray) -> np.ndarray:
    # tanh is antisymmetric to the last bit, so P(a ≻ b) + P(b ≻ a) is exactly 1, and it never overflows
    return 0.5 + 0.5 * np.tanh(0.5 * slope * difference)


def check_preference(preference) -> np.ndarray:
    """Return a class preference as float64, shape (classes, classes), or raise NashsimError where it is none."""
    array = np.array(preference, dtype=np.float64)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not array.size:
        raise NashsimError(
            f"preference: a square matrix (classes, classes) is needed, found shape {array.shape}"
        )
    if not ((array >= 0) & (array <= 1)).all():
        raise NashsimError("preference: every entry must be a probability in [0, 1]")
    off = np.abs(array + array.T - 1).max()
    if off > 1e-9:
        raise NashsimError(f"preference: P + P^T must be 1, found it off by {off:.3g}")
    return array
